"""What of others' messages is sent again: their very bytes, and never an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus_console.engine.dialects.faststream import body_of, headers_of
from daebus_console.engine.export.formats import export
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.replay.item import Unsendable, resend_of
from daebus_console.engine.replay.plan import Choice, Plan
from tests.console.engine.dialects.support import ForeignBus, frames
from tests.console.engine.dialects.test_pairing import frame, nest
from tests.console.engine.dialects.test_transcripts import PAIRED

EVERYTHING = Choice(frozenset({Kind.REQUEST, Kind.ONE_WAY, Kind.BROADCAST}))


@pytest.mark.parametrize("data", [b"text", b"[1]", b'"a"', b"null", b"\xff\x00", b"\x93\x01\x02\x03", b"", b"gAAAA"])
def test_bytes_that_are_no_object_go_out_as_they_were(data: bytes) -> None:
    sent = ForeignBus().say("news", data)
    assert resend_of(sent).encode("caller:1", "id", 0.0) == data


@pytest.mark.parametrize("name", PAIRED)
def test_no_answer_is_ever_sent_again_and_a_question_only_as_a_new_one(name: str) -> None:
    bus = ForeignBus().play(name)
    answers = {message.data for one in bus.exchanges for message in one.messages if message.kind is Kind.RESPONSE}
    plan = Plan().add_all(bus.exchanges, EVERYTHING)
    for one in bus.exchanges:
        try:
            item = resend_of(one)
        except Unsendable:
            continue
        data = item.encode("caller:1", "new", 0.0)
        assert data not in answers
        if item.kind is Kind.REQUEST:
            anew = ForeignBus().say(item.channel, data)
            assert (anew.dialect, anew.kind, anew.action) == (one.dialect, Kind.REQUEST, one.action)
            assert (anew.request_id, anew.reply_to) == ("new", item.anew("caller:1", "new")[1])
            assert content_of(anew.opened.data) == content_of(one.opened.data)
    assert plan.total + plan.unsendable.total() + plan.left_out.total() == len(bus.exchanges)
    assert plan.kinds[Kind.REQUEST] == (len(bus.requests()) if name.startswith(("nest", "faststream")) else 0)


def content_of(data: bytes) -> bytes | tuple[Any, Any]:
    """What a question of NestJS or FastStream carries."""
    body = body_of(data)
    if body is not None:
        return body
    packet = json.loads(data)
    return packet["pattern"], packet.get("data")


def test_why_not_is_said_for_each_dialect() -> None:
    plan = Plan().add_all(ForeignBus().play("moleculer-json").exchanges, EVERYTHING)
    assert dict(plan.unsendable) == {"moleculer: its nodes answer only nodes that they know": 27}
    plan = Plan().add_all(ForeignBus().play("nest-v11").exchanges, EVERYTHING)
    assert plan.kinds == {Kind.BROADCAST: 2, Kind.REQUEST: 17}
    elsewhere = Plan().add_all(
        ForeignBus().play("nest-v11").exchanges, Choice(frozenset({Kind.REQUEST}), to="elsewhere")
    )
    assert dict(elsewhere.unsendable) == {"a question of another framework can only be asked where it was": 17}


def test_a_question_that_cannot_be_written_again_is_left_out() -> None:
    asked = ForeignBus().say("c", frame({"correlation_id": "1", "reply_to": "r", "x-h": "é"}, b"body"))
    assert asked.kind is Kind.REQUEST
    with pytest.raises(Unsendable, match="`ask` asks anew"):
        resend_of(asked)


def test_an_event_of_nest_is_sent_again_and_one_of_faststream_with_another_id() -> None:
    bus = ForeignBus()
    event = bus.say("made", {"pattern": "made", "data": {"id": 7}})
    assert resend_of(event).encode("caller:1", "id", 0.0) == event.opened.data
    published = bus.say("c", frame({"correlation_id": "1", "x-h": "é"}, b"body"))
    again = resend_of(published).encode("caller:1", "id", 0.0)
    assert headers_of(again) == {"correlation_id": "again-1", "x-h": "é"}
    assert again.endswith(b"body")
    assert bus.say("c", again).dialect == "faststream"


def test_exports_say_the_dialect_and_what_cannot_be_exported_is_counted() -> None:
    bus = ForeignBus()
    nest(bus, "sum", "a" * 21)
    bus.say("news", b"\x93\x01\x02\x03")
    assert [f'"dialect":"{one}"' in export("jsonl", bus.exchanges, ExportOptions()).replace(" ", "")
            for one in ("nest", "plain")] == [True, True]  # fmt: skip
    options = ExportOptions()
    text = export("command", bus.exchanges, options)
    assert "broadcast news --base64 'kwECAw=='" in text
    assert options.left_out == [1]
    script = ExportOptions()
    export("python", bus.exchanges, script)
    assert script.left_out == [1, 2]


def test_a_capture_of_all_of_them_is_byte_for_byte_what_was_seen() -> None:
    for name in PAIRED:
        bus = ForeignBus().play(name)
        seen = [one.data for one in frames(name)]
        assert [message.data for message in bus.journal.messages] == seen
