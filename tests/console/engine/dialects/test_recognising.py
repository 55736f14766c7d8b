"""Recognisers on bytes of anybody's making: nothing is raised, little time is taken, ours is nobody else's."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daebus_console.engine import dialects
from daebus_console.engine.dialects import DIALECTS
from daebus_console.engine.message.dialect import Dialect, Sighting
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.message.frame import Frame
from daebus_console.engine.message.recogniser import Recogniser
from tests.console.engine.bus import answer, progress, request
from tests.console.engine.dialects.support import TRANSCRIPTS, ForeignBus, frames

ALL = [frame for path in sorted(TRANSCRIPTS.glob("*.jsonl")) for frame in frames(path.stem)]
CHANNELS = sorted(
    {frame.channel for frame in ALL}
    | {"sse", "__keyspace@0__:a", "__keyevent@0__:set", "+sdown", "__sentinel__:hello", "POST_ADDED", "x.reply", "{}"}
    | {"\udcff.reply", "{\udcff}", "MOL.", "MOL.REQ.", "/0..pidbox", "socket.io#/", "##/#", "rq:pubsub:", ""}
)
NAMES = ("pattern", "data", "id", "response", "err", "sender", "ver", "method", "host_id", "requestId", "type", "uid",
         "body", "properties", "task_id", "status", "result", "action", "request_id", "payload")  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner),
    max_leaves=12,
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bytes that were good once: cut, flipped, doubled, with lengths that lie."""
    kind = chance.randrange(5)
    at = chance.randrange(len(data) + 1)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
    if kind == 2:
        return data[:at] + chance.choice([b"\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc1", b"\x00"]) + data[at:]
    if kind == 3:
        return data + data[at:]
    return data[:at] + data[at + chance.randrange(20) :]


def all_of(channel: str, data: bytes) -> Iterator[Dialect]:
    """Ask every dialect everything; gives those that claim the frame."""
    for dialect in DIALECTS.values():
        dialect.owns(channel)
        said = dialect.sight(channel, data)
        assert said is None or isinstance(said, Sighting)
        dialect.announced(channel, data)
        dialect.remark(channel, data)
        if said is not None:
            yield dialect


@given(st.sampled_from(CHANNELS), values)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
def test_no_json_makes_any_of_them_fail(channel: str, value: Any) -> None:
    list(all_of(channel, json.dumps(value).encode("utf-8", "surrogatepass")))


@given(st.sampled_from(CHANNELS), st.binary(max_size=200))
@settings(max_examples=150)
def test_no_bytes_make_any_of_them_fail(channel: str, data: bytes) -> None:
    list(all_of(channel, data))
    list(all_of(channel, b"\x89BIN\r\n\x1a\n" + data))


def test_nor_do_frames_that_are_cut_or_bent() -> None:
    chance = random.Random(5)
    for _ in range(1_500):
        frame = chance.choice(ALL)
        channel = frame.channel if chance.random() < 0.8 else chance.choice(CHANNELS)
        list(all_of(channel, mutated(frame.data, chance)))


@pytest.mark.parametrize(
    "data",
    [
        b'{"pattern":' + b"[" * 100_000,
        b'{"pattern":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b"\x91" * 1_000_000,
        b"\xdd\xff\xff\xff\xff" * 1_000,
        b"\x81\xa1a" * 300_000,
        b"\xb9\xff\xff" * 300_000,
        b"\xd9\xd9\xf7" * 300_000,
        b"\x89BIN\r\n\x1a\n\x00\x01\x00\x00\x00\x12\x7f\xff\xff\xff\xff\xff",
        b"\x89BIN\r\n\x1a\n\x00\x01\x00\x00\x00\x12\x00\x0f\xff\xff\xff\xff" + b"\x00" * 1_048_560,
        b'{"body": "' + b"A" * 1_000_000 + b'", "content-type": "json", "properties": {"body_encoding": "base64"}}',
        b'{"body": "=!=", "content-type": "application/json", "properties": {"body_encoding": "base64"}}',
        b'{"method":' + b'"' + b"a" * 1_000_000 + b'"}',
    ],
    ids=range(12),
)
def test_bombs_take_a_bounded_time(data: bytes) -> None:
    channels = ['{"cmd":"a"}', "x.reply", "MOL.REQ.a", "MOL.INFO", "/0.celeryev/task.multi", "/0.celery.pidbox",
                "socket.io#/#", "socket.io-request#/#", "asgi__group__a", "socketio", "c"]  # fmt: skip
    began = time.process_time()
    for channel in channels:
        list(all_of(channel, data))
    # A bound that no machine needs: what is quadratic here takes hours.
    assert time.process_time() - began < 60


# What passes on the sentinels' own channel is left out before it is read.
@given(values, st.sampled_from([channel for channel in CHANNELS if channel != "__sentinel__:hello"]))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
def test_no_frame_of_ours_is_claimed_by_another(payload: Any, channel: str) -> None:
    bus = ForeignBus()
    sent = request(channel, "act", id="r", reply_to="caller:1", payload=payload)
    asked = bus >> sent
    assert (asked.dialect, asked.kind) == ("daebus", Kind.REQUEST)
    assert [one.name for one in all_of(channel, sent.data) if one.name != "daebus"] == []
    for said in (progress("caller:1", id="r", payload=payload), answer("caller:1", id="r", payload=payload)):
        assert (bus >> said) is asked
        assert [one.name for one in all_of("caller:1", said.data) if one.name != "daebus"] == []


@pytest.mark.parametrize("frame", ALL, ids=[f"{number}-{frame.channel[:30]}" for number, frame in enumerate(ALL)])
def test_no_frame_is_claimed_by_two(frame: Frame) -> None:
    claimed = [one.name for one in all_of(frame.channel, frame.data) if one.name != "daebus"]
    assert len(claimed) <= 1


class Rival(Dialect):
    name, title, unknown = "rival", "Rival", "everything"
    openings = (b'{"pattern":',)

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        if b"raise" in data:
            raise RuntimeError("no")
        return Sighting(Kind.REQUEST, "rival", id="1", reply_to=channel) if b"sum" in data else None

    def owns(self, channel: str) -> bool:
        if channel == "raise":
            raise RuntimeError("no")
        return channel.startswith("rival")


def test_where_two_are_certain_it_is_plain() -> None:
    bus = ForeignBus()
    bus.correlator.recogniser = Recogniser([*dialects.chosen(()), Rival()])
    both = {"pattern": {"cmd": "sum"}, "data": 1, "id": "1" * 21}
    assert bus.say('{"cmd":"sum"}', both).dialect == "plain"
    assert bus.say("rival.x", {"pattern": "sum"}).dialect == "rival"


def test_a_dialect_that_fails_costs_nothing_but_itself() -> None:
    bus = ForeignBus()
    bus.correlator.recogniser = Recogniser([*dialects.chosen(()), Rival()])
    asked = bus.say("raise", {"pattern": "raise", "data": 1, "id": "1" * 21})
    assert asked.dialect == "nest"
    assert bus.correlator.recogniser.problem == "rival: RuntimeError: no"
