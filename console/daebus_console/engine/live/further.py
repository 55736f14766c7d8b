"""What an instance is to be asked next whose answer to `recent` had no room for all that it recorded. Pure."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from daebus_console.engine.live.asking import Question

_Number = Annotated[int, msgspec.Meta(ge=0)]


class Asked(NamedTuple):
    """A question, and the number of the first record that is had already, where some are."""

    question: Question
    until: int = 0


class _Record(msgspec.Struct):
    seq: _Number


class _Told(msgspec.Struct):
    seq: _Number
    more: bool
    records: list[_Record]


class _Answer(msgspec.Struct):
    instance: str
    payload: _Told


_read = msgspec.json.Decoder(_Answer).decode


def further(asked: Asked, answer: bytes) -> Asked | None:
    """The newest come first; then those before them, from the oldest on. None where nothing is left to be asked."""
    (service, verb, payload), until = asked
    try:
        instance, told = (found := _read(answer)).instance, found.payload
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if verb != "recent" or not told.more or not told.records:
        return None
    after = payload.get("after")
    if after is None:
        return Asked((service, verb, {**payload, "instance": instance, "after": 0}), told.records[0].seq)
    if not after < told.seq < until - 1:
        return None
    return Asked((service, verb, {**payload, "after": told.seq}), until)
