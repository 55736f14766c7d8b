"""Messages into bytes. Pure, without I/O or clock; strict: what no reader would read is a PayloadError."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from daebus.errors import PayloadError, class_of, said_by

from . import checks
from .encoder import kept_encoder
from .envelope import RequestId
from .nesting import DEEPEST, is_too_deep
from .objects import RawJson
from .values import Default, plain

_encoder = lru_cache(maxsize=32)(kept_encoder)
_encode = _encoder(plain)
DIGITS = 4300
"""Digits that a whole number may have: to read more takes Python too long, and by default it refuses to."""
_LONG_NUMBER = re.compile(rf"[0-9]{{{DIGITS + 1}}}")
_TEXTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')


def encode(value: Any, what: str = "payload", default: Default = plain) -> bytes:
    """Any JSON value as bytes. Raises PayloadError, which names what cannot be written, or what could not be read.

    `default` says what to write for values that JSON has no form for.
    """
    try:
        text = _encode(value) if default is plain else _encoder(default)(value)
    except RecursionError:
        raise PayloadError(f"the {what} is nested too deeply for JSON, or contains itself") from None
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
    _add_origin(message, parent_id, cause, sent_at)
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
    _add_origin(message, parent_id, cause, sent_at)
    return _write(action, payload, {**more, **message} if more else message, default)


def _add_origin(message: dict[str, Any], parent_id: RequestId, cause: str | None, sent_at: float | None) -> None:
    """What it is sent for, and when, as far as that is given."""
    if parent_id is not None:
        message["parent_id"] = parent_id
    if cause is not None:
        message["cause"] = cause
    if sent_at is not None:
        message["sent_at"] = sent_at


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
    data = data.replace(b'"payload":null', b'"payload":' + payload.text.encode(), 1)
    if len(data) > 2 * DEEPEST:
        _check_readable(data.decode(), "payload")
    return data


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
