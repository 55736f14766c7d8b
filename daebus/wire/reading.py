"""Messages out of bytes. Pure, without I/O or clock; tolerant, and never raises."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from .envelope import UNREADABLE, Reply, Request, RequestId, Stray, Unreadable, error_payload, quoted
from .objects import decode_object, first_level, kind_of

_WIRE_FIELDS = ("action", "payload", "reply_to", "request_id", "service")


def read_request(data: bytes) -> Request | Unreadable | Stray:
    """What a message on a service's channel asks for."""
    message = decode_object(data)
    if isinstance(message, str):
        return _unreadable_request(first_level(data), message)
    get = message.get
    reply_to = get("reply_to")
    if not (type(reply_to) is str and reply_to and reply_to.isascii()):
        reply_to = _reply_to(message)
    request_id = get("request_id")
    if type(request_id) is not str:
        request_id = _read_id(request_id)
    action = get("action")
    if action is None and "status" in message:
        return Stray()
    if not isinstance(action, str) or not action:
        return Unreadable(_why_no_action(action), reply_to, request_id, nameless=action is None)
    if reply_to is None and message.get("reply_to"):
        return Unreadable("`reply_to` must be the name of a channel", None, request_id)
    payload = get("payload")
    if type(payload) is not dict:
        payload = _read_payload(message)
        if isinstance(payload, str):
            return Unreadable(payload, reply_to, request_id)
    service = get("service")
    if type(service) is not str:
        service = None
    if "payload" not in message:
        return Request(action, payload, reply_to, request_id, service, raw=message, data=data)
    return Request(
        action,
        payload,
        reply_to,
        request_id,
        service,
        _text(get("parent_id")),
        _number(get("sent_at")),
        _number(get("timeout")),
        _text(get("message_id")) or None,
        message,
        data,
    )


def _why_no_action(action: object) -> str:
    if action is None:
        return "the message has no `action`"
    return "the message's `action` is empty" if action == "" else f"`action` must be text, not {kind_of(action)}"


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
        return f"`payload` must be a JSON object, not {kind_of(payload)}"
    return payload


def payload_with(request: Request, number: Callable[[str], Any]) -> dict[str, Any]:
    """The payload with what `number` makes of the text of each number that has a point or an exponent.

    What it makes must be equal to the number. What has been changed in the payload since it came is given as it is.
    """
    decoder = json.JSONDecoder(parse_float=number)
    try:
        message = decoder.decode(request.data.decode())
        if isinstance(message.get("payload"), str):
            message["payload"] = decoder.decode(message["payload"])
    except (ValueError, RecursionError):
        return request.payload
    payload = _read_payload(message)
    return payload if payload == request.payload else _as_is(request.payload, payload)


def object_with(payload: dict[str, Any], data: bytes, number: Callable[[str], Any]) -> dict[str, Any]:
    """The same of an object that is no request, and came as `data`."""
    try:
        came = json.JSONDecoder(parse_float=number).decode(data.decode())
    except (ValueError, RecursionError):
        return payload
    found: dict[str, Any] = _as_is(payload, came)
    return found


def _as_is(value: Any, came: Any) -> Any:
    """A value, with those parts of what came in their places that are equal to it."""
    if value == came and type(value) in (type(came), float):
        return came
    if isinstance(value, dict) and isinstance(came, dict):
        return {name: _as_is(each, came[name]) if name in came else each for name, each in value.items()}
    if isinstance(value, list) and isinstance(came, list) and len(value) == len(came):
        return [_as_is(each, other) for each, other in zip(value, came, strict=True)]
    return value


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
        return _unreadable_reply(first_level(data), message)
    if "request_id" not in message and "status" not in message and "payload" not in message:
        return None
    get = message.get
    payload = get("payload")
    ok = get("status") != "error"
    final = get("final") is not False
    request_id, service, instance = get("request_id"), get("service"), get("instance")
    return Reply(
        request_id if type(request_id) is str else _read_id(request_id),
        ok,
        payload,
        final,
        service if type(service) is str else None,
        instance if type(instance) is str else None,
        _number(get("elapsed")),
        None if ok else _error_text(payload),
        data,
        None if final else _number(get("held")),
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
