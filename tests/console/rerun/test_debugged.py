"""What a debugger had a hand in when it was recorded never looks natural: each verb that reads a recording says so."""

from __future__ import annotations

import json

import pytest

from tests.console.cli.conftest import Console
from tests.console.commands.remembered import remembered
from tests.console.engine.bus import raw
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
    assert f"    # {told}" in module.out
    trace = console("trace", "bug.jsonl", "#1")
    assert told.replace("#1 ", "").replace("#2 ", "") in trace.out


def let_go(capture: Capture, place: str, payload: dict[str, object], hold: str = "i1:1") -> None:
    """The release that edited what was held at a place, as it passes on the bus."""
    asked = {"instance": "i1", "hold": hold, "verdict": "go", "owner": MARK["by"], "payload": payload}
    capture.ask("daebus.control.orders", "release", asked, f"rel-{hold}")
    told = {"hold": hold, "place": place, "action": "parts", "id": "r", "released": 1, "verdict": "go"}
    capture.answer(f"rel-{hold}", told)


def held_order(capture: Capture, place: str = "request") -> None:
    """An order of 5 that was edited, at one of the gates, to be one of 7."""
    capture.ask("orders", "place", {"amount": 5}, "r")
    let_go(capture, place, {"amount": 7.50, "token": "t"})
    capture.ask("payment", "charge", {"amount": 7.50, "token": "t"}, "r1", "r").answer("r1", {"receipt": 17})
    capture.ask("stock", "reserve", {"sku": "a"}, "r2", "r").answer("r2", {"left": 3})
    capture.add("orders.created", receipt=17)
    capture.add("payment", action="note", payload={"amount": 7.50}, service="orders", parent_id="r")
    capture.answer("r", {"total": 7.50, "token": "t"}, debug=MARK)


def test_what_was_edited_is_run_as_its_handler_got_it(capture: Capture, console: Console) -> None:
    held_order(capture)
    # Of another message.
    let_go(capture, "request", {"amount": 9}, "i1:2")
    capture.lines[-1]["data"] = str(capture.lines[-1]["data"]).replace('"id":"r"', '"id":"other"')
    capture.write()
    again = console("rerun", "bug.jsonl", "#1", *APP)
    assert (again.status, "the same as in #1" in again.err) == (0, True), again.err
    assert "its payload is the one that its handler got, as it was edited\n" in again.err
    assert json.loads(console("rerun", "bug.jsonl", "#1", *APP, "--json").out)["edited"] is True
    module = console("export", "bug.jsonl", "#1", "--as", "pytest", "--with-calls", "--app", "orders_app:app")
    told = "#1 held, edited by ann@laptop:7; its payload is the one that its handler got, as it was edited"
    assert f"    # a debugger had a hand in it: {told}\n    {{\n" in module.out
    assert "'payload': {'amount': 7.5, 'token': 't'}" in module.out


@pytest.mark.parametrize("place", ["answer", "call"])
def test_what_was_edited_at_another_gate_has_its_payload(capture: Capture, console: Console, place: str) -> None:
    held_order(capture, place)
    capture.write()
    again = console("rerun", "bug.jsonl", "#1", *APP)
    assert again.status == 1
    assert "its payload is" not in again.err
    assert json.loads(console("rerun", "bug.jsonl", "#1", *APP, "--json").out)["edited"] is False


def test_that_nobody_knows_what_was_edited_is_said(capture: Capture, console: Console) -> None:
    edited(capture)
    again = console("rerun", "bug.jsonl", "#1", *APP)
    assert "what was edited is not in the record: its payload is as it was sent" in again.err
    assert json.loads(console("rerun", "bug.jsonl", "#1", *APP, "--json").out)["edited"] is None


def test_at_a_prompt_what_was_edited_is_run_as_its_handler_got_it(capture: Capture) -> None:
    held_order(capture)
    with remembered() as passed:
        for line in capture.lines[1:]:
            passed.wait(0.01)
            passed >> raw(line["channel"], line["data"])
        assert passed("rerun #1 --app orders_app:app --json") == 0, passed.prompt.heard.errors
        assert (passed.records[0]["edited"], passed.records[0]["result"]) == (True, "same")


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
