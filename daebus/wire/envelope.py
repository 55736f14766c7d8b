"""Messages in and out of bytes: requests, responses, one-way messages and broadcasts.

Pure, without I/O or clock. Reading is tolerant and never raises; writing is strict and raises PayloadError.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

from daebus.errors import PayloadError, class_of, said_by

from . import checks
from .encoder import kept_encoder
from .nesting import DEEPEST, is_too_deep, outline
from .values import Default, plain

_WIRE_FIELDS = ("action", "payload", "reply_to", "request_id", "service")
_TEXT_LIMIT = 100


_encoder = lru_cache(maxsize=32)(kept_encoder)
_encode = _encoder(plain)
_decoder = json.JSONDecoder()
# The type stubs leave it out.
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]
DIGITS = 4300
"""Digits that a whole number may have: to read more takes Python too long, and by default it refuses to."""
_LONG_NUMBER = re.compile(rf"[0-9]{{{DIGITS + 1}}}")
_TEXTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_OUTLINED = 100_000
"""Characters up to which it is looked who sent what cannot be read."""
UNREADABLE = "unreadable"
"""The `code` of an error that stands for an answer that could not be read."""

RequestId = str | int | float | bool | None
"""Request ids of ours are text; whatever else a caller puts there is given back unchanged."""


class RawJson(dict[str, Any]):
    """A JSON object that is sent as the text it is made of: its digits, repeated names, escapes and blanks.

    It is read as the dict that the text says, and cannot be changed. Raises PayloadError where the text is no JSON
    object, or none that a service reads.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise PayloadError(f"text must be a str, not {checks.shown(text)}")
        found = decode_object(text)
        if isinstance(found, str):
            raise PayloadError(f"the text {found}")
        if "NaN" in text or "Infinity" in text:
            _refuse_constants(text)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PayloadError(f"the text cannot be written as UTF-8: {error}") from None
        super().__init__(found)
        self.text = text

    def _refuse(self, *_arguments: Any, **_more: Any) -> NoReturn:
        raise TypeError("a RawJson cannot be changed; make a dict of it")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return RawJson, (self.text,)


def _refuse_constants(text: str) -> None:
    def refuse(name: str) -> NoReturn:
        raise PayloadError(f"the text holds {name}, which is no JSON")

    json.loads(text, parse_constant=refuse)


@dataclass(slots=True)
class Request:
    """A message on a service's channel that names an action: a request, or one-way where nobody can be answered.

    `sent_at` is in epoch seconds and `timeout` in seconds from then; both None where the asker did not say.
    """

    action: str
    payload: dict[str, Any]
    reply_to: str | None = None
    request_id: RequestId = None
    service: str | None = None
    parent_id: str | None = None
    sent_at: float | None = None
    timeout: float | None = None
    message_id: str | None = None
    """What a one-way message has in the place of a `request_id`, where the sender gives it one."""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
    """The whole message as it came."""
    data: bytes = field(default=b"", repr=False)
    """The same as bytes."""

    @property
    def id(self) -> RequestId:
        """Its id, whichever of the two it has; None where it has none."""
        return self.message_id if self.request_id is None else self.request_id


@dataclass(slots=True)
class Unreadable:
    """A message that cannot be handled, why, and whom to tell (if that can be made out)."""

    reason: str
    reply_to: str | None = None
    request_id: RequestId = None


@dataclass(slots=True)
class Stray:
    """A response that came in on a service's channel. It asks for nothing, and answering it could go round for ever."""


@dataclass(slots=True)
class Reply:
    """A response as a caller gets it. `elapsed` is in seconds, in the handler; None where the service does not say."""

    request_id: RequestId
    ok: bool
    payload: Any
    final: bool = True
    service: str | None = None
    instance: str | None = None
    elapsed: float | None = None
    error: str | None = field(default=None)
    """The text of an error, else None."""
    raw: bytes = field(default=b"", repr=False)
    """The whole message as it came."""
    held: float | None = None
    """Of a notice that the answer is held by a debugger: for how many seconds so far, and until the next notice."""

    @property
    def code(self) -> str | None:
        """The error's `code`, where there is one."""
        return self._text("code")

    @property
    def type(self) -> str | None:
        """The class name of the exception behind an error, where there is one."""
        return self._text("type")

    def _text(self, key: str) -> str | None:
        if self.ok or not isinstance(self.payload, dict):
            return None
        value = self.payload.get(key)
        return value if isinstance(value, str) else None


def quoted(text: object) -> str:
    """A value of unknown origin, fit for one line of a log or an error text: escaped and cut."""
    shown = ascii(text)
    return shown if len(shown) <= _TEXT_LIMIT else f"{shown[:_TEXT_LIMIT]}... ({len(shown)} characters)"


def decode_object(data: bytes | str) -> dict[str, Any] | str:
    """The JSON object in `data`, or in words why there is none."""
    try:
        text = data if isinstance(data, str) else data.decode()
        if is_too_deep(text):
            return "is nested too deeply"
        value = _json(text)
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    except RecursionError:
        return "is nested too deeply"
    except json.JSONDecodeError:
        return "is not JSON"
    except ValueError:
        return "has a number of too many digits"
    if isinstance(value, dict):
        return value
    return f"is JSON, but no object ({_kind(value)})"


def _json(text: str) -> Any:
    """The value that is all of the text. Looks for blanks around it only where there may be some."""
    try:
        value, end = _scan(text, 0)
    except (StopIteration, json.JSONDecodeError):
        return _decoder.decode(text)
    return value if end == len(text) else _decoder.decode(text)


def _first_level(data: bytes) -> dict[str, Any]:
    """What can be made out of an object that cannot be read as a whole: its own fields, without what is in them."""
    if len(data) > _OUTLINED:
        return {}
    try:
        value = _tolerant.decode(outline(data.decode()))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _short_number(digits: str) -> int | None:
    return int(digits) if len(digits) < 640 else None


_tolerant = json.JSONDecoder(parse_int=_short_number)


def _kind(value: object) -> str:
    names = {list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false", dict: "an object"}
    return names.get(type(value), "null")


def read_request(data: bytes) -> Request | Unreadable | Stray:
    """What a message on a service's channel asks for."""
    message = decode_object(data)
    if isinstance(message, str):
        return _unreadable_request(_first_level(data), message)
    reply_to = message.get("reply_to")
    if not (type(reply_to) is str and reply_to and reply_to.isascii()):
        reply_to = _reply_to(message)
    request_id = message.get("request_id")
    if type(request_id) is not str:
        request_id = _read_id(request_id)
    action = message.get("action")
    if action is None and "status" in message:
        return Stray()
    if not isinstance(action, str) or not action:
        reason = "the message has no `action`" if action is None else f"`action` must be text, not {_kind(action)}"
        return Unreadable(reason, reply_to, request_id)
    if message.get("reply_to") and reply_to is None:
        return Unreadable("`reply_to` must be the name of a channel", None, request_id)
    payload = message.get("payload")
    if type(payload) is not dict:
        payload = _read_payload(message)
        if isinstance(payload, str):
            return Unreadable(payload, reply_to, request_id)
    service = message.get("service")
    if type(service) is not str:
        service = None
    request = Request(action, payload, reply_to, request_id, service, raw=message, data=data)
    if "payload" in message:
        if "message_id" in message:
            request.message_id = _text(message["message_id"]) or None
        if "parent_id" in message:
            request.parent_id = _text(message["parent_id"])
        request.sent_at = _number(message.get("sent_at"))
        request.timeout = _number(message.get("timeout"))
    return request


def _reply_to(message: dict[str, Any]) -> str | None:
    channel = message.get("reply_to")
    if not isinstance(channel, str) or not channel:
        return None
    return channel if channel.isascii() or _is_text(channel) else None


def _unreadable_request(message: dict[str, Any], reason: str) -> Unreadable | Stray:
    """What cannot be read, with whoever it can be made out to be from."""
    if message.get("action") is None and "status" in message:
        return Stray()
    return Unreadable(f"the message {reason}", _reply_to(message), _read_id(message.get("request_id")))


def _read_payload(message: dict[str, Any]) -> dict[str, Any] | str:
    """The payload of a message with an action, or why there is none.

    Without a `payload`, the other fields are the payload; only 0.0.31 writes so, hence only its envelope counts.
    """
    if "payload" not in message:
        return {key: value for key, value in message.items() if key not in _WIRE_FIELDS}
    payload = message["payload"]
    if payload is None:
        return {}
    if isinstance(payload, str):
        decoded = decode_object(payload)
        return f"`payload` is text that {decoded}" if isinstance(decoded, str) else decoded
    if not isinstance(payload, dict):
        return f"`payload` must be a JSON object, not {_kind(payload)}"
    return payload


def payload_with(request: Request, number: Callable[[str], Any]) -> dict[str, Any]:
    """The payload with what `number` makes of the text of each number that has a point or an exponent.

    What it makes must be equal to the number. A payload that has been changed since it came is given as it is.
    """
    decoder = json.JSONDecoder(parse_float=number)
    try:
        message = decoder.decode(request.data.decode())
        if isinstance(message.get("payload"), str):
            message["payload"] = decoder.decode(message["payload"])
    except (ValueError, RecursionError):
        return request.payload
    payload = _read_payload(message)
    return payload if payload == request.payload else request.payload


def _read_id(value: object) -> RequestId:
    if type(value) is str:
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float) else None


def _is_text(name: str) -> bool:
    """Whether it can be written as UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if value is None:
        return None
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def read_reply(data: bytes) -> Reply | None:
    """The response in a message on a reply channel; None where it is none."""
    message = decode_object(data)
    if isinstance(message, str):
        return _unreadable_reply(_first_level(data), message)
    if "request_id" not in message and "status" not in message and "payload" not in message:
        return None
    payload = message.get("payload")
    ok = message.get("status") != "error"
    final = message.get("final") is not False
    request_id, service, instance = message.get("request_id"), message.get("service"), message.get("instance")
    return Reply(
        request_id=request_id if type(request_id) is str else _read_id(request_id),
        ok=ok,
        payload=payload,
        final=final,
        service=service if type(service) is str else None,
        instance=instance if type(instance) is str else None,
        elapsed=_number(message.get("elapsed")),
        error=None if ok else _error_text(payload),
        raw=data,
        held=None if final else _number(message.get("held")),
    )


def _unreadable_reply(message: dict[str, Any], reason: str) -> Reply | None:
    """An error in the place of a response that cannot be read, where it can be made out whose it is."""
    request_id = _read_id(message.get("request_id"))
    if request_id is None or "action" in message:
        return None
    text = f"the answer {reason}"
    return Reply(
        request_id,
        False,
        error_payload(text, UNREADABLE),
        service=_text(message.get("service")),
        instance=_text(message.get("instance")),
        error=text,
    )


def _error_text(payload: object) -> str:
    if isinstance(payload, dict):
        payload = payload.get("error")
    if payload is None:
        return "the service answered with an error and did not say which"
    return payload if isinstance(payload, str) else quoted(payload)


def encode(value: Any, what: str = "payload", default: Default = plain) -> bytes:
    """Any JSON value as bytes. Raises PayloadError, which names what cannot be written, or what could not be read.

    `default` says what to write for values that JSON has no form for.
    """
    try:
        text = _encode(value) if default is plain else _encoder(default)(value)
    except RecursionError:
        raise PayloadError(f"the {what} is nested too deeply for JSON") from None
    except (TypeError, ValueError, OverflowError) as error:
        reason = said_by(error)
        if "integer string conversion" in reason:
            reason = f"it has a whole number of more than {sys.get_int_max_str_digits()} digits"
        raise PayloadError(f"the {what} cannot be written as JSON: {reason or class_of(error)}") from None
    except Exception as error:
        # Of the payload's own code, which runs while it is gone through.
        raise PayloadError(f"the {what} cannot be written as JSON: {class_of(error)}: {said_by(error)}") from error
    # As many brackets end as begin.
    if len(text) > 2 * DEEPEST:
        _check_readable(text, what)
    return text.encode()


def _check_readable(text: str, what: str) -> None:
    """Raise PayloadError for what no reader would read."""
    if is_too_deep(text):
        raise PayloadError(f"the {what} is nested too deeply: more than {DEEPEST} levels, with the message around it")
    # By default Python writes no such number, and there is nothing to look for.
    if len(text) <= DIGITS or 0 < sys.get_int_max_str_digits() <= DIGITS:
        return
    if _LONG_NUMBER.search(text) and _LONG_NUMBER.search(_TEXTS.sub("", text)):
        raise PayloadError(f"the {what} has a whole number of more than {DIGITS} digits")


def encode_object(value: Any, what: str = "payload", default: Default = plain) -> bytes:
    """A dict as bytes; PayloadError for anything else."""
    if not isinstance(value, dict):
        raise PayloadError(f"the {what} must be a dict, not {type(value).__name__}")
    return value.text.encode() if isinstance(value, RawJson) else encode(value, what, default)


def write_request(
    action: str,
    payload: dict[str, Any],
    *,
    reply_to: str,
    request_id: str,
    service: str,
    parent_id: RequestId = None,
    cause: str | None = None,
    sent_at: float | None = None,
    timeout: float | None = None,
    retry_of: str | None = None,
    more: Mapping[str, str] | None = None,
    default: Default = plain,
) -> bytes:
    """A request. `service` names the asker, `retry_of` the first attempt at the same; `default` as for `encode`.

    `parent_id` is what it is sent for, and `cause` says what that is where it is no message. `more` are fields that
    others may look at; they take the place of none of the envelope's own.
    """
    message: dict[str, Any] = {"action": action, "payload": payload, "reply_to": reply_to, "request_id": request_id}
    message["service"] = service
    if parent_id is not None:
        message["parent_id"] = parent_id
    if cause is not None:
        message["cause"] = cause
    if sent_at is not None:
        message["sent_at"] = sent_at
    if timeout is not None and math.isfinite(timeout):
        message["timeout"] = timeout
    if retry_of is not None:
        message["retry_of"] = retry_of
    return _write(action, payload, {**more, **message} if more else message, default)


def write_one_way(
    action: str,
    payload: dict[str, Any],
    *,
    service: str,
    message_id: str | None = None,
    parent_id: RequestId = None,
    cause: str | None = None,
    sent_at: float | None = None,
    more: Mapping[str, str] | None = None,
    default: Default = plain,
) -> bytes:
    """A message that nobody is to answer; `parent_id`, `cause` and `more` as for `write_request`."""
    message: dict[str, Any] = {"action": action, "payload": payload, "service": service}
    if message_id is not None:
        message["message_id"] = message_id
    if parent_id is not None:
        message["parent_id"] = parent_id
    if cause is not None:
        message["cause"] = cause
    if sent_at is not None:
        message["sent_at"] = sent_at
    return _write(action, payload, {**more, **message} if more else message, default)


def named_action(action: str) -> None:
    """Raise PayloadError for what cannot be the name of an action."""
    # Any text can stand in JSON, halves of characters too, and an action that came in can be named again.
    if not isinstance(action, str) or not action:
        raise PayloadError(f"the action must be a non-empty str, not {checks.shown(action)}")


def _write(action: str, payload: dict[str, Any], message: dict[str, Any], default: Default) -> bytes:
    named_action(action)
    if not isinstance(payload, dict):
        raise PayloadError(f"the payload must be a dict, not {type(payload).__name__}")
    return encode(message, "payload", default) if payload.__class__ is not RawJson else _with_raw(message, payload)


def _with_raw(message: dict[str, Any], payload: RawJson) -> bytes:
    """A message with that payload in it as it is."""
    # Quotes within texts are escaped, so that this stands in no other place.
    data = encode({**message, "payload": None})
    return data.replace(b'"payload":null', b'"payload":' + payload.text.encode(), 1)


def write_response(
    payload: Any,
    *,
    request_id: RequestId,
    ok: bool = True,
    final: bool = True,
    service: str | None = None,
    instance: str | None = None,
    elapsed: float | None = None,
    default: Default = plain,
) -> bytes:
    """A response; `default` as for `encode`."""
    message: dict[str, Any] = {"status": "success" if ok else "error", "payload": payload, "request_id": request_id}
    message["final"] = final
    if service is not None:
        message["service"] = service
    if instance is not None:
        message["instance"] = instance
    if elapsed is not None:
        message["elapsed"] = round(elapsed, 6)
    return encode(message, "payload", default) if payload.__class__ is not RawJson else _with_raw(message, payload)


def error_payload(
    text: str,
    code: str | None = None,
    type: str | None = None,
    traceback: str | None = None,
    fields: list[dict[str, str]] | None = None,
) -> Any:
    """The payload of an error response."""
    payload: dict[str, Any] = {"error": text}
    if code is not None:
        payload["code"] = code
    if type is not None:
        payload["type"] = type
    if traceback is not None:
        payload["traceback"] = traceback
    if fields:
        payload["fields"] = fields
    return payload
