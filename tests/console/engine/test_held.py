"""What a debugger leaves on the bus: notices that move an asker's time, and marks of what it did."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus_console.commands.terms.entries import Liner
from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.conversation.waterfall import waterfall
from daebus_console.engine.filter.language import parse
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.envelope import debug_of, plain_payload_of
from daebus_console.engine.message.exchange import Flag, Kind, State
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.tui.documents.exchange import response_document
from daebus_console.tui.documents.timeline import marks
from daebus_console.tui.rows.exchanges import exchange_row
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.rows.sequence import steps
from daebus_console.tui.rows.signs import remarks, state_of

MARK = {"by": "ann", "did": ["held 2.0 s", "edited"]}


def data(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def asked(correlator: Correlator, at: float = 100.0, **more: Any) -> Any:
    request = {"action": "charge", "payload": {}, "reply_to": "caller:x", "request_id": "r1", "timeout": 5.0, **more}
    return correlator.feed(at, "payment", data(**request))[1]


def notice(held: Any = 1.0, **more: Any) -> bytes:
    return data(status="success", payload={}, request_id="r1", final=False, held=held, **more)


def answer(**more: Any) -> bytes:
    return data(status="success", payload={"ok": True}, request_id="r1", **more)


@pytest.fixture
def correlator() -> Correlator:
    return Correlator(Journal())


def test_a_notice_moves_the_time_and_is_no_part_of_the_answer(correlator: Correlator) -> None:
    exchange = asked(correlator)
    for second in range(1, 9):
        correlator.feed(100.0 + second, "caller:x", notice(second + 2))
        assert correlator.advance(100.0 + second) == []
    assert exchange.state is State.PENDING
    assert exchange.held
    assert state_of(exchange, 108.0).word == "held"
    assert (exchange.parts, exchange.replies) == ([], 0)
    assert not exchange.flags & Flag.STREAM
    correlator.feed(109.0, "caller:x", answer())
    assert exchange.state is State.OK
    assert not exchange.held
    assert not exchange.flags & Flag.LATE
    assert [mark.name for mark in marks(exchange)] == ["asked by ?", "held", "answered"]


def test_what_is_held_no_more_times_out_once_its_own_time_is_over(correlator: Correlator) -> None:
    exchange = asked(correlator)
    correlator.feed(101.0, "caller:x", notice())
    correlator.feed(102.0, "caller:x", notice(2.0))
    assert correlator.advance(106.9) == []
    assert correlator.advance(107.1) == [exchange]
    assert exchange.state is State.TIMEOUT


def test_one_that_is_not_answered_after_it_was_held_is_told_with_the_end_that_was_moved(correlator: Correlator) -> None:
    exchange = asked(correlator)
    for second in range(1, 8):
        correlator.feed(100.0 + second, "caller:x", notice(second))
    assert correlator.advance(112.0) == [exchange]
    assert exchange.state is State.TIMEOUT
    assert exchange.until == 112.0
    assert "12.0s" in text_of(exchange_row(exchange, 120, 200.0))
    told = text_of(response_document(exchange, 200.0).line(0, 120))
    assert told == "No answer came within 12.0s, which grew while it was held."
    assert [mark.at for mark in marks(exchange)][-1] == 12.0
    assert [step.at for step in steps([exchange])][-1] == 112.0
    (row,) = waterfall(Conversation(exchange, [exchange]), 200.0).rows
    assert (row.start, row.end) == (0.0, 12.0)
    assert "no answer within 12 s" in "".join(span.text for span in Liner(120, Redactor(())).expired(exchange))


@pytest.mark.parametrize("held", [1, "yes", None, {}, [1]], ids=["number", "text", "null", "object", "list"])
def test_a_notice_is_one_whatever_it_says(correlator: Correlator, held: object) -> None:
    exchange = asked(correlator)
    correlator.feed(101.0, "caller:x", notice(held))
    assert exchange.held
    assert not exchange.flags & Flag.MALFORMED


def test_a_final_answer_with_such_a_member_is_an_answer(correlator: Correlator) -> None:
    exchange = asked(correlator)
    correlator.feed(101.0, "caller:x", answer(held=2.0))
    assert exchange.state is State.OK


@pytest.mark.parametrize("where", ["request", "answer", "error"])
def test_a_mark_is_told_and_can_be_filtered_for(correlator: Correlator, where: str) -> None:
    exchange = asked(correlator, **({"debug": MARK} if where == "request" else {}))
    status = {"status": "error"} if where == "error" else {}
    mark = {"debug": MARK} if where != "request" else {}
    correlator.feed(101.0, "caller:x", data(**{**json.loads(answer()), **status, **mark}))
    assert exchange.flags & Flag.DEBUGGED
    (told,) = [one for one in remarks(exchange) if "debugger" in one]
    assert told.endswith("touched by the debugger of ann: held 2.0 s, edited")
    assert parse("is:debugged").accepts(exchange)


@pytest.mark.parametrize("mark", [None, "x", 3, [], {}, {"by": 1, "did": 2}])
def test_an_odd_mark_breaks_nothing(correlator: Correlator, mark: object) -> None:
    exchange = asked(correlator, debug=mark)
    assert exchange.kind is Kind.REQUEST
    assert all(isinstance(one, str) for one in remarks(exchange))
    assert debug_of(exchange.opened.data) in (None, ("?", []), ("1", []))


def test_the_user_s_own_members_of_these_names_stay_his() -> None:
    assert plain_payload_of(data(action="x", held="a", debug=True)) == {"held": "a", "debug": True}
    correlator = Correlator(Journal())
    exchange = correlator.feed(1.0, "news", data(debug=True, held=3))[1]
    assert exchange.kind is Kind.BROADCAST
    assert not exchange.flags & (Flag.DEBUGGED | Flag.MALFORMED)
