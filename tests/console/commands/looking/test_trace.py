"""trace: the conversation as text and as records, at the prompt and of a capture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus_console.commands.context import Exit
from daebus_console.commands.doing.looking.tracing import lines_of
from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.conversation.waterfall import waterfall
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.pairing.clock import Step
from tests.console.commands.remembered import Passed, remembered
from tests.console.engine.bus import answer, raw, request


@pytest.fixture
def passed() -> Iterator[Passed]:
    with remembered() as passed:
        passed >> request("orders", "create", id="a", service="web")
        passed.wait(0.01)
        passed >> request("stock", "reserve", id="b", service="orders", parent_id="a")
        passed.wait(0.02)
        error = {"error": "no room for \x1b[31m17", "code": "handler_error"}
        passed >> answer("caller:1", id="b", status="error", payload=error, elapsed=0.01)
        passed >> raw("mailer", '{"action": "tell", "parent_id": "a"}')
        passed.wait(0.01)
        passed >> answer("caller:1", id="a", elapsed=0.03)
        passed >> request("shop", "list", id="c")
        yield passed


def test_the_conversation_of_any_exchange_in_it(passed: Passed) -> None:
    for line in ("trace #1", "trace #2", "trace #3", "trace status:error", "trace to:stock"):
        assert passed(line) == Exit.DONE
        head, first, second, error, third, *_rest = passed.said.splitlines()
        assert head == "#1 orders.create from web: 3 exchanges, 40.0 ms, 1 failed"
        assert first.startswith("#1 orders.create")
        assert second.startswith("#2 ├ stock.reserve")
        assert "no room for" in error
        assert error.endswith("arose here, #1 answered well all the same")
        assert third.startswith("#3 └ mailer.tell")
    assert passed("trace") == Exit.DONE
    assert passed.said.count("exchanges, ") == 1
    assert "#4 shop.list from web: 1 exchange" in passed.said
    assert "not answered yet" in passed.said


def test_for_programs_and_of_a_capture(passed: Passed, tmp_path: Path) -> None:
    file = tmp_path / "today.jsonl"
    assert passed(f"export {'#1 #2 #3 #4'} --as capture -o {file}") == Exit.DONE
    for line in ("trace #2 --json", f"trace {file} #2 --json", f"trace id:#2 {file} --json"):
        assert passed(line) == Exit.DONE
        first, second, third = passed.records
        assert (first["exchange"], first["within"], first["handler_ms_told"], first["way_ms"]) == (1, None, 30, 10)
        assert (second["within"], second["arose_here"], second["swallowed_by"]) == (1, True, 1)
        assert (third["kind"], third["depth"], third["start_ms"]) == ("one_way", 1, 30)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("trace #99", Exit.USAGE, "there is no exchange #99"),
        ("trace #1 to:x", Exit.USAGE, "not both"),
        ("trace to:nobody", Exit.NOBODY, "nothing matches"),
    ],
)
def test_what_is_not_there_is_told(passed: Passed, line: str, status: Exit, said: str) -> None:
    assert passed(line) == status
    heard = passed.prompt.heard
    assert said in [*heard.errors, *(error.message for error in heard.mistakes)][0]


def test_no_duration_is_told_over_which_the_clock_stepped() -> None:
    with remembered() as passed:
        passed >> request("orders", "create", id="a")
        passed >> request("stock", "reserve", id="b", parent_id="a")
        passed.wait(0.01)
        with passed.session.lock:
            passed.session.correlator.step(Step(passed.now, passed.now + 3600, 0.0))
        passed.now += 3600
        passed >> request("stock", "take", id="c", parent_id="a")
        passed.wait(0.02)
        for id in ("c", "b", "a"):
            passed >> answer("caller:1", id=id)
        assert passed("trace #1 --json") == Exit.DONE
        told = [[one[name] for name in ("end_ms", "calls_ms", "length_ms")] for one in passed.records]
        assert told == [[None, None, None], [None, None, None], [pytest.approx(20), 0, None]]


def test_an_answer_that_seems_older_than_its_question_took_no_time_that_could_be_told() -> None:
    with remembered() as passed:
        passed >> request("orders", "create", id="a")
        passed.now -= 0.5
        passed >> answer("caller:1", id="a", elapsed=0.001)
        assert passed("trace #1") == Exit.DONE
        assert " ms" not in passed.said
        assert "its answer seems older than it: nobody knows how long it took" in passed.said
        assert passed("trace #1 --json") == Exit.DONE
        assert passed.records[0]["end_ms"] is None
        assert passed.records[0]["handler_ms_told"] is None


def test_more_conversations_than_are_shown_are_counted() -> None:
    with remembered() as passed:
        for number in range(8):
            passed >> request("shop", "act", id=f"r{number}")
        assert passed("trace to:shop") == Exit.DONE
        assert passed.said.count(": 1 exchange,") == 5
        assert passed.notes == ["3 more exchanges match; a narrower filter shows theirs"]


def test_of_a_name_without_room_the_action_stays_whole(passed: Passed) -> None:
    service = "billing-of-the-northern-countries-and-some-islands-that-belong-to-them"
    passed >> request(service, "charge_the_card_again", id="long")
    passed >> answer("caller:1", id="long")
    with passed.session.lock:
        exchange = passed.session.correlator.find("long")
    assert exchange is not None
    found = waterfall(Conversation(exchange, [exchange]), passed.now)
    for width in (60, 80, 120):
        (_number, drawn), *_said = lines_of(found, width, Redactor(()))
        text = "".join(span.text for span in drawn)
        assert ".charge_the_card_again " in text
        assert "…" in text
        assert "<1 ms" in text


def test_what_asks_services_for_themselves_is_no_conversation_unless_it_is_named() -> None:
    with remembered() as passed:
        passed >> request("daebus.control.orders", "info", id="a", service="console")
        passed >> answer("caller:1", id="a")
        passed >> request("orders", "create", id="b", service="web")
        passed >> answer("caller:1", id="b")
        assert passed("trace") == Exit.DONE
        assert "orders.info" not in passed.said
        assert "#2 orders.create from web" in passed.said
        for line in ("trace #1", "trace is:control", "trace id:#1"):
            assert passed(line) == Exit.DONE
            assert "#1 orders.info from console" in passed.said


def test_a_bar_in_a_pipe_is_no_longer_than_on_a_terminal(passed: Passed) -> None:
    with passed.session.lock:
        exchange = passed.session.correlator.find("a")
    assert exchange is not None
    found = waterfall(Conversation(exchange, [exchange]), passed.now)
    (_number, drawn), *_said = lines_of(found, 400, Redactor(()), most=100)
    assert 100 < len("".join(span.text for span in drawn)) < 150
