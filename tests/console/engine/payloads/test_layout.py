"""What is read by how it is laid out says what is read field by field, or nothing."""

from __future__ import annotations

import random

import pytest

from daebus_console.engine.dialects.moleculer import Spoken
from daebus_console.engine.payloads import layout, number_of
from daebus_console.engine.payloads.layout import Layout
from tests.console.engine.dialects.support import frames
from tests.console.engine.dialects.test_recognising import mutated
from tests.console.engine.payloads.test_msgpack_and_cbor import cbor, head

FRAMES = [frame for frame in frames("moleculer-cbor") if frame.data[:1] == b"\xb9"]
UUID = "f9b17432-63d9-483f-8da6-1d4a29047d60"


def a_map(**fields: object) -> bytes:
    """A map whose size is told by two bytes, whatever it is."""
    return b"\xb9" + len(fields).to_bytes(2) + b"".join(cbor(name) + cbor(value) for name, value in fields.items())


def spelled_otherwise(data: bytes) -> bytes:
    """The same map with a head that no layout has."""
    return head(5, int.from_bytes(data[1:3])) + data[3:]


def test_other_heads_are_read_field_by_field_and_say_the_same() -> None:
    assert FRAMES
    for frame in FRAMES:
        read = Spoken().reader(frame.channel)
        said = read(frame.data)
        assert said is not None
        assert said == read(spelled_otherwise(frame.data)), frame


def test_packets_of_moleculer_are_laid_out_as_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus_console.engine.payloads.cbor_fields", None)
    for frame in FRAMES:
        if frame.channel.split(".")[1] in {"REQ", "RES", "EVENT", "PING", "PONG"}:
            assert Spoken().reader(frame.channel)(frame.data) is not None, frame


@pytest.mark.parametrize(
    "value", [b"\xf6", b"\xf7", b"\xf5", b"\x07", b"\xfb\x3f\xf0" + bytes(6), b"\xfb\x3f\xf8" + bytes(6)]
)
def test_fields_of_streams_that_are_something_else_say_the_same_either_way(value: bytes) -> None:
    for frame in FRAMES:
        read = Spoken().reader(frame.channel)
        for name in (b"fstream", b"cseq", b"gsuccess", b"htimeout", b"dtype", b"hparentID"):
            before, found, after = frame.data.partition(name)
            data = before + found + value + after[1:]
            if found:
                assert read(data) == read(spelled_otherwise(data)), data


def test_broken_packets_say_the_same_either_way() -> None:
    chance, read_at_all = random.Random(22), 0
    for frame in FRAMES:
        read = Spoken().reader(frame.channel)
        broken = [frame.data[:at] for at in range(3, len(frame.data))] if len(frame.data) < 300 else []
        broken += [mutated(frame.data, chance) for _ in range(300)]
        for data in broken:
            if data[:3] == frame.data[:3]:
                said = read(data)
                read_at_all += said is not None
                assert said == read(spelled_otherwise(data)), data
    assert read_at_all > 1000


TEXTS = [size for size in range(300) if size < 70 or size % 17 == 0]


@pytest.mark.parametrize("size", TEXTS)
def test_texts_of_every_length(size: int) -> None:
    text = ("fparams" * 50)[:size]
    read = Layout(("action", layout.TEXT), ("params", layout.ANY), ("caller", layout.SMALL), ("id", layout.UUID))
    data = a_map(action=text, params={"fcaller": text}, caller="dtext", id=UUID)
    found = read(data)
    if size > 63:
        assert found is None
        return
    assert found is not None
    action, id = found
    assert action is not None
    assert (layout.text(action), id) == (text, UUID.encode())
    assert read(data + b"\x00") is None
    assert read(data[:-1]) is None


@pytest.mark.parametrize("value", [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, -1, -24, 1.5, None])
def test_numbers(value: float | None) -> None:
    assert Layout(("timeout", layout.NUMBER_OR_NONE))(a_map(timeout=value)) == (cbor(value),)
    assert number_of(cbor(value)) == value


def test_what_is_last_may_not_end_behind_the_bytes() -> None:
    read = Layout(("a", layout.SMALL), ("b", layout.ANY))
    whole = a_map(a=1, b="x" * 30)
    assert read(whole) == ()
    for at in range(len(whole)):
        assert read(whole[:at]) is None


def test_a_map_within_is_part_of_it() -> None:
    read = Layout(("a", (("b", layout.TEXT), ("c", layout.ANY))), ("d", layout.WORD), ("e", layout.FEW))
    assert read(b"\xb9\x00\x03aa" + a_map(b="x", c=[1, {"d": True}]) + b"ad\xf5ae" + a_map(k=1)) == (b"ax", b"\xf5")
    assert read(b"\xb9\x00\x03aa" + a_map(b="x", c=1) + b"ad\xf5ae" + a_map(k=1, l=2)) is None
    assert read(b"\xb9\x00\x03aa" + a_map(c=1, b="x") + b"ad\xf5ae" + a_map()) is None
