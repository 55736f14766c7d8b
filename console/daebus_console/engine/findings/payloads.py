"""The payload of a message, as far as rules look into it: as bytes to compare, and as a value. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET

from daebus_console.engine.message.envelope import REFUSALS, rest_of
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.message.nesting import DEEPEST, is_too_deep

LARGEST = 64 * 1024
"""Bytes of a message beyond which no rule looks into it."""
_MOST_VALUES = 100
_PLACE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://|^\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?$")
_ONE_WORD = re.compile(r"[^\s@]+")
_OF_PLACES = re.compile("(?:^|_)(?:host|hostname|url|uri|endpoint|domain|address|ip|server)s?$", re.IGNORECASE)


class _Sent(msgspec.Struct, gc=False):
    sent_at: float | None = None


_read_sent = msgspec.json.Decoder(_Sent).decode
_read_any = msgspec.json.Decoder().decode


def raw(data: bytes) -> bytes | None:
    """The bytes of the payload of a message; None where it has none of its own, or is too large to be looked at."""
    if len(data) > LARGEST:
        return None
    payload = rest_of(data).payload
    if payload is UNSET:
        return None
    found = bytes(payload)
    # What was read slowly has a stand-in there.
    return None if found == b"null" else found


def value(data: bytes, *, whole: bool = False) -> Any:
    """The payload of a message as a value, or with `whole` the message itself; None where there is none to look at."""
    found = data if whole and len(data) <= LARGEST else raw(data)
    if found is None or (len(found) > DEEPEST and is_too_deep(found)):
        return None
    try:
        return _read_any(found)
    except REFUSALS:
        return None


def names_a_place(payload: Any) -> bool:
    """Whether a payload may say where to go on the network: a URL, the address of a machine, or a field called so."""
    left, looked = [("", payload)], 0
    while left and looked < _MOST_VALUES:
        name, found = left.pop()
        looked += 1
        if isinstance(found, dict):
            left += list(found.items())[:_MOST_VALUES]
        elif isinstance(found, list):
            left += [(name, one) for one in found[:_MOST_VALUES]]
        elif isinstance(found, str) and (
            _PLACE.search(found) or (_OF_PLACES.search(name) and _ONE_WORD.fullmatch(found))
        ):
            return True
    return False


def error_of(exchange: Exchange) -> tuple[str, str]:
    """Type and text of the error that it was answered with; empty where the answer tells none."""
    payload = value(exchange.answer.data) if exchange.answer is not None else None
    return _text(payload, "type"), _text(payload, "error")


def _text(payload: Any, name: str) -> str:
    found = payload.get(name) if isinstance(payload, dict) else None
    return found if isinstance(found, str) else ""


def sent_at(data: bytes) -> float | None:
    """The time at which its sender says that it was sent, in epoch seconds by the sender's clock."""
    if len(data) > LARGEST or (len(data) > DEEPEST and is_too_deep(data)):
        return None
    try:
        return _read_sent(data).sent_at
    except REFUSALS:
        return None
