"""What a debugger had a hand in when it was recorded never looks natural: each verb that reads a recording says so."""

from __future__ import annotations

import json

import pytest

from tests.console.cli.conftest import Console
from tests.console.rerun.conftest import SHOP, Capture, placed
from tests.console.rerun.test_rerun_verb import APP

MARK = {"by": "ann@laptop:7", "did": ["held", "edited"]}
TOLD = "a debugger had a hand in it: #1 held, edited by ann@laptop:7"
OF_CALL = "a debugger had a hand in it: #2 failed by bob@desk:8"


def edited(capture: Capture) -> None:
    """An order whose amount was doubled while it was held, so that its answer is another."""
    capture.ask("orders", "parts", {"amount": 5}, "r")
    capture.answer("r", {"n": 3}, debug=MARK)
    capture.write()


def broken(capture: Capture) -> None:
    """A handler that got an error for its call, since a debugger gave it."""
    capture.ask("orders", "place_async", {}, "r")
    capture.ask("payment", "charge", {"amount": 1}, "r1", "r")
    wrong = {"error": "declined", "code": "declined"}
    capture.answer("r1", wrong, "error", debug={"by": "bob@desk:8", "did": ["failed"]})
    capture.answer("r", {"error": "declined", "code": "declined", "type": "RequestFailed"}, "error")
    capture.write()


@pytest.mark.parametrize(("make", "told"), [(edited, TOLD), (broken, OF_CALL)])
def test_of_a_request_and_of_one_of_its_calls(capture: Capture, console: Console, make: object, told: str) -> None:
    assert callable(make)
    make(capture)
    again = console("rerun", "bug.jsonl", "#1", *APP)
    assert f"when it was recorded {told}" in again.err
    record = json.loads(console("rerun", "bug.jsonl", "#1", *APP, "--json").out)
    assert record["debugged"] == told
    why = console("why", "#1", "--in", "bug.jsonl")
    assert told in why.out
    assert "nothing is wrong" not in why.out
    module = console("export", "bug.jsonl", "#1", "--as", "pytest", "--with-calls", "--app", "orders_app:app")
    assert f"    # {told}\n    {{\n" in module.out
    trace = console("trace", "bug.jsonl", "#1")
    assert told.replace("#1 ", "").replace("#2 ", "") in trace.out


def test_in_each_form_that_is_exported(capture: Capture, console: Console) -> None:
    edited(capture)

    def export(name: str) -> str:
        return str(console("export", "bug.jsonl", "#1", "--as", name).out)

    assert f"    # {TOLD}\n    {{" in export("pytest")
    (data,) = [json.loads(line) for line in export("jsonl").splitlines()]
    assert data["debugged"] is True
    assert [message.get("debug") for message in data["messages"]] == [None, {"by": "ann@laptop:7", "did": MARK["did"]}]
    assert json.loads(export("json")) == [data]
    assert "| debugger | held, edited by ann\\@laptop:7 |" in export("markdown").replace("\\:", ":")
    assert "held, edited by ann#64;laptop" in export("mermaid")
    # It stays in what can be opened again.
    assert '\\"debug\\"' in export("capture")


def test_that_its_asker_was_told_to_wait_is_no_part_of_the_answer(capture: Capture, console: Console) -> None:
    capture.ask("orders", "parts", {}, "r")
    capture.answer("r", {}, final=False, held=2.0)
    capture.answer("r", {"n": 1}, final=False)
    capture.answer("r", {}, final=False, held=3.0)
    capture.answer("r", {"n": 2}, debug={"by": "ann", "did": ["held"]})
    capture.write()

    def export(name: str) -> str:
        return str(console("export", "bug.jsonl", "#1", "--as", name).out)

    (data,) = json.loads(export("json"))
    assert [message["payload"] for message in data["messages"]] == [{}, {"n": 1}, {"n": 2}]
    assert export("markdown").count("Progress") == 1
    assert export("mermaid").count("progress") == 1
    # A capture has all that was on the bus.
    assert export("capture").count("held") == 3


def test_what_nobody_touched_bears_nothing(capture: Capture, console: Console) -> None:
    placed(capture).write()
    for name in ("json", "markdown", "mermaid", "pytest"):
        assert "debug" not in console("export", "bug.jsonl", "--as", name).out.replace(SHOP, "")
    assert "debugger" not in console("rerun", "bug.jsonl", "#1", *APP).err
