"""The payload of a message, whatever it is packed in. Pure.

In place of `engine.message.envelope.payload_of` and its like wherever somebody looks and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from daebus_console.engine import jsontext
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.payloads import faststream, msgpack, pickled
from daebus_console.engine.payloads.limits import LIMITS
from daebus_console.engine.payloads.reading import Decoded, decode, is_packed

_QUICK = 64 * 1024
"""Bytes of msgpack that are read at once, without the limits that go with larger ones."""
_PLAIN = frozenset({str, int, bool, type(None)})
_unpack = msgspec.msgpack.Decoder().decode
_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_exactly = msgspec.json.Decoder(float_hook=jsontext.number).decode


def payload_of(data: bytes, *, whole: bool = False) -> Any:
    """What the message carries: of what was packed, all that was in it. Raises Unreadable where there is nothing.

    `whole` is that of the message, as for `envelope.payload_of`.
    """
    found = decode(data)
    return wire.payload_of(data, whole=whole) if found is None else value_of(found)


def plain_payload_of(data: bytes, redact: Callable[[bytes], bytes] | None = None, *, whole: bool = False) -> Any:
    """The same as plain values, as `envelope.plain_payload_of`; `redact` is what may be shown of a text in JSON.

    Raises Unreadable.
    """
    text = text_in(data)
    shown = data if text is None else text
    if redact is not None:
        shown = redact(shown)
    return wire.plain_payload_of(shown, whole=whole) if text is None else wire.decode(shown)


def value_of(found: Decoded) -> Any:
    """What was decoded, with all that its text says. Raises Unreadable where it is nested too deeply."""
    try:
        return jsontext.loads(found.text)
    except (ValueError, RecursionError):
        return wire.decode(found.data)


def told(found: Decoded | None, mask: Callable[[Any], Any]) -> dict[str, Any]:
    """What a record in JSON says of how its payload was packed, masked: nothing where it was not."""
    if found is None:
        return {}
    fields: dict[str, Any] = {"decoded_by": found.by}
    if found.headers is not None:
        fields["headers"] = mask(dict(found.headers))
    if found.trouble:
        fields["incomplete"] = found.trouble
    return fields


def text_in(data: bytes) -> bytes | None:
    """What was packed in those bytes, as JSON, in the shortest time; None where nothing was."""
    if not is_packed(data):
        return None
    if len(data) <= _QUICK and msgpack.is_container(data[0]) and not pickled.looks_like(data):
        try:
            value = _unpack(data)
        except _REFUSALS:
            pass
        else:
            try:
                return msgspec.json.encode(_plain(value, LIMITS.levels))
            except _Other:
                pass
    found = decode(data)
    return None if found is None else found.data


def value_in(data: bytes) -> tuple[Any, bool]:
    """The value packed in those bytes, its numbers exact, and whether there is any."""
    text = text_in(data)
    if text is None:
        return None, False
    try:
        return _exactly(text), True
    except _REFUSALS:
        pass
    try:
        return wire.decode(text), True
    except wire.Unreadable:
        return None, False


def headers_in(data: bytes) -> Mapping[str, str]:
    """The headers that an envelope has beside its body; mostly none."""
    frame = faststream.read(data)
    return {} if frame is None else frame.headers


class _Other(Exception):
    """A value that msgspec would not write as Sink does."""


def _plain(value: Any, levels: int) -> Any:
    """The value with its bytes as Sink writes them. Raises _Other."""
    kind = value.__class__
    if kind in _PLAIN or (kind is float and value - value == 0.0):
        return value
    if kind is bytes and len(value) <= LIMITS.bytes_shown:
        return f"h'{value.hex()}'"
    if levels > 0:
        if kind is list:
            return [_plain(one, levels - 1) for one in value]
        if kind is dict and all(key.__class__ is str for key in value):
            return {key: _plain(one, levels - 1) for key, one in value.items()}
    raise _Other
