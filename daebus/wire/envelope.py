"""What stands in messages: requests, responses and one-way messages, as they are read and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_TEXT_LIMIT = 100
UNREADABLE = "unreadable"
"""The `code` of an error that stands for an answer that could not be read."""

OUR_CODES = frozenset(
    (
        "bad_request",
        "busy",
        "debugger",
        "expired",
        "handler_error",
        "no_response",
        "redis_refused",
        "shutting_down",
        "unknown_action",
        UNREADABLE,
    )
)
"""The `code`s that the framework gives. Any other is one that a program has chosen."""

RequestId = str | int | float | bool | None
"""Request ids of ours are text; whatever else a caller puts there is given back unchanged."""


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
    nameless: bool = False
    """Whether it is a JSON object that names no action, which may be meant for listeners."""


@dataclass(slots=True)
class Stray:
    """A response that came in on a service's channel. It asks for nothing, and answering it could go round for ever."""


@dataclass(slots=True)
class Reply:
    """A response as a caller gets it: `ok` where it is no error, `final` where it is the last one.

    `elapsed` is in seconds, in the handler; None where the service does not say.
    """

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


def quoted(text: object) -> str:
    """A value of unknown origin, fit for one line of a log or an error text: escaped and cut."""
    shown = ascii(text)
    return shown if len(shown) <= _TEXT_LIMIT else f"{shown[:_TEXT_LIMIT]}... ({len(shown)} characters)"
