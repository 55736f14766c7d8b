"""A frame on a channel that is known for a dialect is read at once: with what the long way round would have found."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.recogniser import Ear, Ears
from tests.console.engine.bus import answer, request
from tests.console.engine.dialects.support import ForeignBus, frames
from tests.console.engine.dialects.test_recognising import ALL, CHANNELS, mutated
from tests.console.engine.dialects.test_transcripts import PAIRED


class Deaf(Ears):
    """Knows no channel, so that every frame goes the long way."""

    def __missing__(self, channel: str) -> Ear | None:
        return None


def told(one: Exchange) -> tuple[Any, ...]:
    """All that an exchange says."""
    aside = one.aside
    return (
        one.number, one.kind, one.state, one.dialect, one.source, one.target, one.action, one.request_id, one.reply_to,
        one.deadline, one.flags, one.parent_id, one.elapsed, one.instance, aside.code, aside.expected, aside.due,
        [
            (said.seq, said.kind, said.channel, said.exchange, said.dialect, said.final, said.error, said.whole)
            for said in one.messages
        ],
    )  # fmt: skip


def both() -> tuple[ForeignBus, ForeignBus]:
    quick, slow = ForeignBus(), ForeignBus()
    slow.correlator.recogniser.ears = Deaf(slow.correlator.recogniser)
    return quick, slow


@pytest.mark.parametrize("there", [None, 2])
@pytest.mark.parametrize("name", PAIRED)
def test_transcripts_are_read_alike(name: str, there: int | None) -> None:
    quick, slow = both()
    for bus in (quick, slow):
        if there is not None:
            bus.correlator.subscribers = lambda _channel: there
        bus.play(name)
        # Once more, when all channels are known.
        bus.play(name)
    assert list(map(told, quick.exchanges)) == list(map(told, slow.exchanges))
    assert (quick.correlator.pending, slow.correlator.pending) == (0, 0)


def test_so_are_frames_that_are_bent_go_astray_or_are_ours() -> None:
    chance = random.Random(11)
    quick, slow = both()
    for number in range(2_500):
        frame = chance.choice(ALL)
        channel = frame.channel if chance.random() < 0.8 else chance.choice(CHANNELS)
        data = frame.data if chance.random() < 0.6 else mutated(frame.data, chance)
        if chance.random() < 0.15:
            sent = request(channel, "act", id=f"r{number}", reply_to=chance.choice(CHANNELS), payload={"a": 1})
            data = chance.choice([sent.data, answer("", id=f"r{number - 1}").data, sent.data.replace(b"r", b"\\u0072")])
        for bus in (quick, slow):
            bus.now += 0.01
            bus.correlator.take(bus.now, [(channel, data)])
    for bus in (quick, slow):
        bus.wait(1_000)
    assert list(map(told, quick.exchanges)) == list(map(told, slow.exchanges))
    assert len({one.dialect for one in quick.exchanges}) > 8


@pytest.mark.parametrize("field", ["request_id", r"request\u005fid", r"\u0072equest_id"])
def test_a_request_of_ours_on_a_channel_of_others_is_ours_however_its_fields_are_written(field: str) -> None:
    bus = ForeignBus()
    channel = '{"cmd":"sum"}'
    packet = json.dumps({"pattern": {"cmd": "sum"}, "data": 1, "id": "a" * 21})
    assert bus.say(channel, packet.encode()).dialect == "nest"
    ours = bus.say(channel, b'{"action": "sum", "%s": "r", "payload": {}}' % field.encode())
    assert (ours.dialect, ours.kind, ours.request_id) == ("daebus", Kind.REQUEST, "r")


def test_an_answer_of_ours_on_a_channel_of_others_that_a_request_named_is_its_answer() -> None:
    bus = ForeignBus()
    bus.say("x.reply", {"response": 1, "isDisposed": True, "id": "d" * 21})
    asked = bus.say("orders", {"action": "get", "reply_to": "x.reply", "payload": {}})
    bus.say("x.reply", {"status": "success", "payload": {}, "id": "d" * 21})
    assert asked.answer is not None


def test_probes_of_ours_are_none_of_anybodys_messages() -> None:
    bus = ForeignBus()
    for frame in frames("nest-v11"):
        bus.correlator.take(bus.now, [(frame.channel, frame.data), (frame.channel, b'{"daebus_probe": 1}')])
    assert bus.correlator.probes == sum(1 for _ in frames("nest-v11"))
    assert all(b"daebus_probe" not in message.data for message in bus.journal.messages)
