"""Payloads that are read a level at a time, so that a large one is there at once. Pure.

What was not read yet is a `msgspec.Raw`: the bytes of one JSON value, not copied out of the message. Containers that
were read are ordinary dicts and lists, whose values may still be raw.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from daebus_console.engine import jsontext
from daebus_console.engine.message import envelope as wire
from daebus_console.tui.documents.beginning import beginning
from daebus_console.tui.documents.members import members

WHOLE = 64 * 1024
"""Bytes up to which a value is read at once."""
_SAME_ORDER = 4_000_000
"""Bytes up to which two values that are not the same bytes are looked at whether they are the same values."""
_NOTHING = msgspec.Raw(b"")


class _Envelope(msgspec.Struct, gc=False):
    """What tells whether a message has an envelope."""

    payload: msgspec.Raw = _NOTHING
    action: msgspec.Raw = _NOTHING
    status: msgspec.Raw = _NOTHING
    request_id: msgspec.Raw = _NOTHING


_envelope = msgspec.json.Decoder(_Envelope).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_json = msgspec.json.Decoder(msgspec.Raw).decode


def payload_of(data: bytes, *, whole: bool = False) -> Any:
    """What `engine.message.envelope.payload_of` says, of a large one raw or with raw values. Raises Unreadable.

    For a message that could be read when it came: whether one is nested too deep is not looked at a second time.
    """
    if len(data) <= WHOLE:
        return wire.payload_of(data, whole=whole)
    try:
        data.decode("utf-8")
        if whole:
            return _json(data)
        return _payload(data)
    except (wire.Unreadable, *wire.REFUSALS):
        # It is something for the slow reader, or for nobody, who then says why.
        return wire.payload_of(data, whole=whole)


def read(data: bytes) -> Any:
    """JSON as it is, that of a whole value, a large one raw. Raises Unreadable."""
    return msgspec.Raw(data) if len(data) > WHOLE else _read(msgspec.Raw(data))


def _payload(data: bytes) -> Any:
    whole = msgspec.Raw(data.strip())
    if _first(whole) != b"{":
        return whole
    fields = _envelope(data)
    if fields.payload is _NOTHING:
        if not isinstance(_name(fields.action), str) or beginning(whole) is not None:
            return whole
        pairs = jsontext.pairs_of(_members(whole))
        return jsontext.made_of([(name, value) for name, value in pairs if name not in wire.ENVELOPE_FIELDS])
    if all(field is _NOTHING for field in (fields.action, fields.status, fields.request_id)):
        return whole
    return wire.payload_of(data) if _first(fields.payload) == b'"' else fields.payload


def _name(value: msgspec.Raw) -> Any:
    return None if value is _NOTHING else opened(value)


def opened(value: Any) -> Any:
    """The value, read one level deep where it is raw and large, else whole."""
    return laid_open(value)[0]


def laid_open(value: Any) -> tuple[Any, int]:
    """The same, and how many bytes of it are left out, since it has too many members or items."""
    if not isinstance(value, msgspec.Raw):
        return value, 0
    first = _first(value)
    if len(memoryview(value)) > WHOLE and first in b"{[":
        try:
            begins = beginning(value)
            if begins is not None:
                items = begins.items if first == b"[" else _members(msgspec.Raw(begins.cut))
                return items, begins.left_out
            return (_members(value) if first == b"{" else _items(value)), 0
        except wire.REFUSALS:
            # Half of a surrogate pair in a key, for one.
            pass
    return _read(value), 0


def _members(value: msgspec.Raw) -> dict[str, Any]:
    """The members of an object, their values raw."""
    fields = _fields(value)
    if _is_all(fields, value):
        return fields
    return jsontext.made_of([(name.text, inner) for name, inner in members(value).items()])


def _is_all(fields: dict[str, Any], value: msgspec.Raw) -> bool:
    """Whether the fields, as msgspec or json lay them out, are as long as the object: then no name stands twice."""
    size = len(memoryview(value))
    written = len(msgspec.json.encode(fields))
    return size == written or (size == written + 2 * len(fields) - 1 and _is_plain(value, fields))


def _is_plain(value: msgspec.Raw, fields: dict[str, Any]) -> bool:
    return len(msgspec.json.format(value, indent=0)) == len(msgspec.json.format(msgspec.json.encode(fields), indent=0))


def _read(value: msgspec.Raw) -> Any:
    data = bytes(value)
    try:
        return jsontext.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        # Whoever says why.
        return wire.decode(data)


def whole(value: Any) -> Any:
    """The value with nothing raw in it."""
    if isinstance(value, msgspec.Raw):
        return _read(value)
    if isinstance(value, dict):
        return jsontext.made_of([(key, whole(inner)) for key, inner in jsontext.pairs_of(value)])
    return [whole(inner) for inner in value] if isinstance(value, list) else value


def is_container(value: Any) -> bool:
    """Whether it is an object or a list, read or not."""
    return _first(value) in b"{[" if isinstance(value, msgspec.Raw) else isinstance(value, dict | list)


def closed(value: Any) -> str:
    """A container as one sees it from outside: `{…}`, `[]`."""
    if isinstance(value, msgspec.Raw):
        inside = bytes(memoryview(value)[1:20]).strip(b" \t\r\n") not in (b"}", b"]")
        begin = _first(value).decode()
    else:
        inside, begin = bool(value), "{" if isinstance(value, dict) else "["
    return f"{begin}{'…' if inside else ''}{'}' if begin == '{' else ']'}"


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, read or not; very large ones, whether they are written alike."""
    if isinstance(one, msgspec.Raw) and isinstance(other, msgspec.Raw):
        if bytes(one) == bytes(other):
            return True
        if max(len(memoryview(one)), len(memoryview(other))) > _SAME_ORDER:
            return False
    return jsontext.canonical(whole(one)) == jsontext.canonical(whole(other))


def text_of(value: Any) -> str:
    """The value as JSON for somebody to read; a large one as it came."""
    if isinstance(value, msgspec.Raw) and len(memoryview(value)) > WHOLE:
        return bytes(value).decode("utf-8", "replace")
    return jsontext.dumps(whole(value), indent=2)


def holds(values: Iterable[Any], wanted: str) -> bool:
    """Whether the text (casefolded) stands in a key or value anywhere inside of those.

    Of raw ones also where it is JSON's own signs: who opens them sees.
    """
    stack = list(values)
    raw: list[bytes] = []
    while stack:
        value = stack.pop()
        if isinstance(value, msgspec.Raw):
            raw.append(bytes(value))
        elif isinstance(value, dict):
            if any(wanted in key.casefold() for key in value):
                return True
            stack += [inner for _key, inner in jsontext.pairs_of(value)]
        elif isinstance(value, list):
            stack += value
        elif wanted in (value if isinstance(value, str) else jsontext.dumps(value)).casefold():
            return True
    return bool(raw) and _in_json(b"\n".join(raw), wanted)


def _in_json(data: bytes, wanted: str) -> bool:
    text = data.decode("utf-8", "replace")
    if "\\u" in text:
        # A codec that knows this escape and no other, and much faster than a parser.
        text = text.encode("raw_unicode_escape").decode("raw_unicode_escape", "replace")
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = text.casefold()
    written = json.dumps(wanted, ensure_ascii=False)[1:-1]
    return written in text or ("/" in written and written.replace("/", "\\/") in text)


def _first(value: msgspec.Raw) -> bytes:
    return bytes(memoryview(value)[:1])
