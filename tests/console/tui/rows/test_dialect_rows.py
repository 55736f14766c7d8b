"""How messages in other dialects look: named, quiet ones counted, what the wire does not tell said."""

from __future__ import annotations

import pytest

from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.tui.documents.exchange import REQUEST, RESPONSE, build
from daebus_console.tui.flow.visibility import Hidden, Visibility
from daebus_console.tui.rows.exchanges import exchange_row
from tests.console.engine.bus import request
from tests.console.engine.dialects.support import ForeignBus
from tests.console.engine.dialects.test_pairing import frame, nest


def row(exchange: Exchange, width: int = 120) -> str:
    return "".join(text for text, _role in exchange_row(exchange, width, exchange.opened.at))


def document(exchange: Exchange, tab: str = REQUEST) -> str:
    found = build(tab, exchange, 100, 0.0)
    return "\n".join("".join(text for text, _role in found.line(index, 100)) for index in range(found.count()))


def test_a_row_names_its_dialect_only_where_it_is_not_ours() -> None:
    bus = ForeignBus()
    assert " nest " in row(nest(bus, "sum", "a" * 21))
    packet = {"id": "1", "action": "math.add", "ver": "5", "sender": "cli-1", "params": {}}
    assert "cli-1        moleculer → srv-a" in row(bus.say("MOL.REQ.srv-a", packet), 160)
    for said in (bus >> request("orders", "act", id="1"), bus.say("news", {"a": 1}), bus.say("news", b"\xff\x00")):
        assert not any(name in row(said) for name in ("daebus", "plain"))
        assert "✗" not in row(said)


@pytest.mark.parametrize("width", [40, 64, 80, 100, 160, 200])
def test_a_row_is_as_wide_as_it_is_to_be(width: int) -> None:
    bus = ForeignBus()
    said = [nest(bus, "sum", "a" * 21), bus.say("c", frame({"correlation_id": "1"}))]
    said.append(bus.say("socketio", {"method": "emit", "event": "e", "host_id": "0" * 32}))
    assert {len(row(one, width)) for one in said} == {len(row(bus >> request("x", id="1"), width))}


def test_what_is_said_all_the_time_is_counted_and_one_key_away() -> None:
    bus, visibility, hidden = ForeignBus(), Visibility(), Hidden()
    beat = bus.say("MOL.HEARTBEAT", {"ver": "5", "sender": "a"})
    assert beat.has(Flag.QUIET)
    assert (visibility.shows(beat, hidden), visibility.shows(beat), hidden) == (False, False, Hidden(quiet=1))
    assert visibility.toggle_quiet()
    assert visibility.shows(beat)


def test_the_detail_says_the_dialect_and_what_its_wire_does_not_tell() -> None:
    bus = ForeignBus()
    bus.there['{"cmd":"sum"}'] = 2
    shown = document(nest(bus, "sum", "a" * 21))
    assert "nest: NestJS microservices" in shown
    assert "which instance answered, for all of them do" in shown
    assert "0 of 2 subscribers, who all answer" in shown
    asked = bus.say("sum", frame({"correlation_id": "1", "reply_to": "E7YWUgMJKCv8vB1G28TWVz"}))
    bus.wait(11)
    assert "sends none where a handler fails" in document(asked, RESPONSE)


@pytest.mark.parametrize("data", [b"\xff\x00", b"plain text", b"[1]"])
def test_what_is_no_object_is_no_error_in_the_detail(data: bytes) -> None:
    shown = document(ForeignBus().say("news", data))
    assert "✗" not in shown
