"""From the bytes of a message to its envelope, tolerant of anything. Pure.

The payload stays raw: most messages are never looked into. msgspec reads the common case; what it refuses (NaN, odd
types) goes through the standard json module, and what that refuses is unreadable, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from daebus_console.engine import jsontext
from daebus_console.engine.message.nesting import DEEPEST, is_too_deep

CONTROL_PREFIX = "daebus.control."
WATCH_PREFIX = "daebus.watch."
"""Where services publish what their flight recorders note, as long as somebody watches them."""
CALLER_PREFIX = "caller:"
PROBE = b'{"daebus_probe":'
"""What the heartbeats begin with that services and callers send to themselves."""
SENTINELS = "__sentinel__:hello"
"""The channel on which sentinels tell each other that they are there."""
RESPONSES_SUFFIX = ".responses"


class Mark(msgspec.Struct, gc=False):
    """Stands for what a debugger leaves in a message in which it had a hand, which `debug_of` reads."""


class Envelope(msgspec.Struct, gc=False):
    """The fields that steer a message. Every one may be absent.

    Each that it has more is paid for with each message: what only the rarer ones are asked for is in `Rest`.
    """

    action: str | None = None
    reply_to: str | None = None
    request_id: str | int | None = None
    service: str | None = None
    status: str | None = None
    final: bool | None = None
    parent_id: str | None = None
    timeout: float | None = None
    instance: str | None = None
    elapsed: float | None = None
    debug: Mark | None = None
    malformed: ClassVar[bool] = False


class OddEnvelope(Envelope, gc=False):
    """An envelope of which at least one field had a type it should not have; that field is left out."""

    malformed: ClassVar[bool] = True


class Rest(msgspec.Struct, gc=False):
    """What else an object may hold that steers it; asked for where the envelope alone does not tell."""

    payload: msgspec.Raw | UnsetType = UNSET
    held: msgspec.Raw | UnsetType = UNSET
    message_id: str | None = None


class Unreadable(ValueError):
    """The bytes are no JSON object; the text says what they are instead."""


read_fast = msgspec.json.Decoder(Envelope).decode
"""The envelope of an ordinary message; raises one of REFUSALS for anything else, which `read_slowly` then judges.

Not for one that is_too_deep.
"""
REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode_any = msgspec.json.Decoder().decode
_T = TypeVar("_T")


def _if_ordinary(decode_fast: Callable[[bytes], _T], data: bytes) -> _T | None:
    """What a decoder of msgspec makes of it; None where it refuses, or may not be led there."""
    try:
        return decode_fast(data) if len(data) <= DEEPEST or not is_too_deep(data) else None
    except REFUSALS:
        return None


def read(data: bytes) -> Envelope:
    """The envelope of a message. Raises Unreadable where it is no JSON object."""
    return _if_ordinary(read_fast, data) or read_slowly(data)


def read_slowly(data: bytes) -> Envelope:
    """What `read` does where `read_fast` refuses. Raises Unreadable."""
    fields = decode(data)
    if not isinstance(fields, dict):
        raise Unreadable(f"a JSON {_json_type(fields)} where an object is expected")
    given: dict[str, Any] = {name: fields[name] for name in _ACCEPTED if fields.get(name) is not None}
    good: dict[str, Any] = {}
    for name, value in given.items():
        accepted = _ACCEPTED[name]
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            continue
        try:
            # A whole number may have more digits than any time can.
            good[name] = _float(value) if accepted is _NUMBER else value
        except OverflowError:
            continue
    envelope = Envelope(**good) if len(good) == len(given) else OddEnvelope(**good)
    if isinstance(fields.get("debug"), dict):
        envelope.debug = Mark()
    return envelope


_SOMETHING = msgspec.Raw(b"null")
"""Stands for a value where only its presence counts: whoever wants to see it decodes the whole message."""
_read_rest = msgspec.json.Decoder(Rest).decode


def rest_of(data: bytes) -> Rest:
    """The rest of a message; empty where it is no JSON object."""
    found = _if_ordinary(_read_rest, data)
    if found is not None:
        return found
    try:
        fields = decode(data)
    except Unreadable:
        return Rest()
    if not isinstance(fields, dict):
        return Rest()
    there = {name: _SOMETHING for name in ("payload", "held") if name in fields}
    number = fields.get("message_id")
    return Rest(**there, message_id=number if isinstance(number, str) else None)


_LONGEST_HELD = 3600.0
_MARKS = {"held", "debug"}
"""What a debugger leaves: in a message without a payload as good a name as any for a value."""
ENVELOPE_FIELDS = frozenset(Envelope.__struct_fields__ + Rest.__struct_fields__) - _MARKS | {"sent_at", "cause"}

_NUMBER = (int, float)
_ACCEPTED: dict[str, tuple[type, ...]] = {
    "action": (str,),
    "reply_to": (str,),
    "request_id": (str, int, float),
    "service": (str,),
    "status": (str,),
    "final": (bool,),
    "parent_id": (str,),
    "timeout": _NUMBER,
    "instance": (str,),
    "elapsed": _NUMBER,
}


def decode(data: bytes) -> Any:
    """The JSON value of those bytes, NaN and Infinity allowed. Raises Unreadable with the reason."""
    if len(data) > DEEPEST and is_too_deep(data):
        raise Unreadable("nested too deeply to read")
    try:
        return _decode_any(data)
    except REFUSALS:
        pass
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 (byte {error.start})") from None
    try:
        return json.loads(text)
    except RecursionError:
        raise Unreadable("nested too deeply to read") from None
    except ValueError as error:
        raise Unreadable(f"no JSON: {error}") from None


def payload_of(data: bytes, *, whole: bool = False) -> Any:
    """What the message carries, as the framework would hand it to a handler, with all that its text says (jsontext).

    A payload that is a JSON string is parsed; a message with an action and no payload carries the fields beside the
    envelope's own; any other object without an envelope is its own payload. With `whole` (see Message) all of it is,
    and a text that is no JSON is that text. Raises Unreadable.
    """
    return _whole(text_of(data)) if whole else payload_in(text_of(data))


def _whole(text: str) -> Any:
    try:
        return jsontext.with_text(jsontext.loads(text), text.strip(jsontext.BLANKS))
    except (ValueError, RecursionError):
        return text


def _is_all_payload(fields: Mapping[str, Any], action: Any) -> bool:
    """Whether an object with those fields and that action has no envelope, so that all of it is what it carries."""
    if "payload" in fields:
        return not ("action" in fields or "status" in fields or "request_id" in fields)
    return not isinstance(action, str)


def is_object(data: bytes) -> bool:
    """Whether they are a JSON object, told fast: false also where that is not certain."""
    try:
        return not (len(data) > DEEPEST and is_too_deep(data)) and isinstance(_decode_any(data), dict)
    except (ValueError, RecursionError):
        return False


def payload_text_of(data: bytes, *, whole: bool = False) -> str | None:
    """The text of that payload as it stands in the message, where that is an object or a list; fast.

    None for every other one, and wherever more than the text has to be looked at.
    """
    if len(data) > DEEPEST and is_too_deep(data):
        return None
    try:
        # All of it is read, since of what is passed over not everything is looked at.
        fields = _decode_any(data)
        if whole:
            return data.decode().strip(jsontext.BLANKS) if fields.__class__ in _CONTAINERS else None
        if fields.__class__ is not dict:
            return None
        if _is_all_payload(fields, fields.get("action")):
            return data.decode().strip(jsontext.BLANKS)
        if fields.get("payload").__class__ not in _CONTAINERS:
            return None
        text = _read_rest(data).payload
        return None if text is UNSET else bytes(text).decode()
    except (ValueError, RecursionError):
        return None


_CONTAINERS = (dict, list)


def plain_payload_of(data: bytes, *, whole: bool = False) -> Any:
    """The same as plain values, in a fraction of the time: where digits and repeated members do not matter.

    Raises Unreadable.
    """
    try:
        fields = decode(data)
    except Unreadable:
        if whole:
            return text_of(data)
        raise
    if whole or not isinstance(fields, dict) or _is_all_payload(fields, fields.get("action")):
        return fields
    if "payload" not in fields:
        return {name: value for name, value in fields.items() if name not in ENVELOPE_FIELDS}
    payload = fields["payload"]
    if not isinstance(payload, str):
        return payload
    try:
        return decode(payload.encode("utf-8", "surrogatepass"))
    except Unreadable:
        return payload


def told_in(data: bytes) -> dict[str, Any]:
    """What an instance tells of itself in that answer to `info`; empty where it is none."""
    try:
        payload = payload_of(data)
    except Unreadable:
        return {}
    return payload if isinstance(payload, dict) else {}


def text_of(data: bytes) -> str:
    """The text of a message. Raises Unreadable where it is none, or is nested too deeply to be read as JSON."""
    if len(data) > DEEPEST and is_too_deep(data):
        raise Unreadable("nested too deeply to read")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 (byte {error.start})") from None


def broken(data: bytes) -> str | None:
    """Why a service cannot read a message; None where it can. An envelope may be read though what is in it may not."""
    try:
        read(data)
        if not data.isascii():
            text_of(data)
    except Unreadable as error:
        return str(error)
    return None


def payload_in(text: str) -> Any:
    """The same for the text of a message. Raises Unreadable."""
    try:
        if not text.lstrip(jsontext.BLANKS).startswith("{"):
            return jsontext.loads(text)
        members = jsontext.read_members(text)
    except RecursionError:
        raise Unreadable("nested too deeply to read") from None
    except ValueError as error:
        raise Unreadable(f"no JSON: {error}") from None
    fields = {member.name: member for member in members}
    if _is_all_payload(fields, fields["action"].value if "action" in fields else None):
        pairs = [(member.name, member.value) for member in members]
        return jsontext.with_text(jsontext.made_of(pairs), text.strip(jsontext.BLANKS))
    if "payload" not in fields:
        return jsontext.reduced(text, members, ENVELOPE_FIELDS)
    payload = fields["payload"]
    if isinstance(payload.value, str):
        return _within(payload.value)
    return jsontext.with_text(payload.value, text[payload.start : payload.end])


def _within(text: str) -> Any:
    """The JSON value of a payload that is a text; where it is none, the text."""
    try:
        return jsontext.loads(text_of(text.encode()))
    except (Unreadable, ValueError, RecursionError):
        return text


def debug_of(data: bytes) -> tuple[str, list[str]] | None:
    """Who had a hand in that message and what was done to it, as its `debug` mark tells; None where it has none."""
    try:
        fields = decode(data)
    except Unreadable:
        return None
    mark = fields.get("debug") if isinstance(fields, dict) else None
    if not isinstance(mark, dict):
        return None
    did = mark.get("did")
    return str(mark.get("by") or "?"), [str(one) for one in did] if isinstance(did, list) else []


def is_notice(data: bytes) -> bool:
    """Whether what is no final answer is none at all, but tells whoever asked that its request is held."""
    return rest_of(data).held is not UNSET


def held_in(data: bytes, usual: float) -> float:
    """The seconds that a notice says its request is held, at most an hour; `usual` where it says no such thing."""
    try:
        fields = decode(data)
    except Unreadable:
        return usual
    held = fields.get("held") if isinstance(fields, dict) else None
    if isinstance(held, bool) or not isinstance(held, int | float) or not held >= 0:
        return usual
    return float(min(held, _LONGEST_HELD))


def error_code(data: bytes) -> str | None:
    """The `code` in the payload of an error answer, if it names one."""
    # Asked of each error that comes in: digits do not matter here.
    try:
        payload = decode(data)
        if isinstance(payload, dict) and "payload" in payload:
            payload = payload["payload"]
            if isinstance(payload, str):
                payload = decode(payload.encode("utf-8", "surrogatepass"))
    except Unreadable:
        return None
    code = payload.get("code") if isinstance(payload, dict) else None
    return code if isinstance(code, str) else None


def service_of_control(channel: str) -> str | None:
    """The service whose control channel this is, or None."""
    return channel[len(CONTROL_PREFIX) :] if channel.startswith(CONTROL_PREFIX) else None


def is_reply_channel(channel: str) -> bool:
    """Whether the name of the channel says that it carries answers."""
    return channel.startswith(CALLER_PREFIX) or channel.endswith(RESPONSES_SUFFIX)


def _float(value: Any) -> float:
    return float(value)


def _json_type(value: Any) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
