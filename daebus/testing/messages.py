"""What was published, read: what kind of message it was, for whom, and what it said. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from daebus.wire.envelope import Request, RequestId
from daebus.wire.objects import decode_object
from daebus.wire.reading import read_reply, read_request

from .recording import Published

KINDS = ("request", "message", "response", "broadcast", "notice", "unreadable")
_SHOWN = 200


@dataclass(frozen=True, slots=True, repr=False)
class BusMessage:
    """A message that was published.

    `kind` is "request", "message" (one-way, to an action), "response", "broadcast", "notice" (to whoever asked, that
    a debugger holds the answer) or "unreadable" (no JSON object).
    `service` and `action` are those asked, of a response as well where its request was seen; `sender` is who published
    it, as far as it says so. `ok` is False for an error, `final` for a response with more to follow. `at` is in epoch
    seconds; `data` are the bytes as they were published.
    """

    kind: str
    channel: str
    payload: Any
    service: str | None = None
    action: str | None = None
    sender: str | None = None
    request_id: RequestId = None
    ok: bool = True
    final: bool = True
    at: float = 0.0
    data: bytes = field(default=b"", compare=False)

    @property
    def name(self) -> str:
        """`service.action` of what went to an action, or came from one; else the channel."""
        return self.channel if self.action is None else f"{self.service}.{self.action}"

    @property
    def error(self) -> str | None:
        """The text of an error response, else None."""
        return self._of_error("error")

    @property
    def code(self) -> str | None:
        """The code of an error response that has one, else None."""
        return self._of_error("code")

    def _of_error(self, key: str) -> str | None:
        return self.payload.get(key) if not self.ok and isinstance(self.payload, dict) else None

    def matches(self, name: str) -> bool:
        """Whether `name` is its `service.action`, its service, or its channel."""
        return name in (self.name, self.service, self.channel)

    def __str__(self) -> str:
        kind = self.kind if self.ok else "error"
        if not self.final and self.kind != "notice":
            kind = f"partial {kind}"
        sender = f" from {self.sender}" if self.sender else ""
        return f"{kind} {_line(self.name)}{_line(sender)}: {_short(self.payload)}"

    __repr__ = __str__


def _short(payload: object) -> str:
    try:
        text = json.dumps(payload, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        text = ascii(payload)
    return _line(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)")


def _line(text: str) -> str:
    """Text from the bus, fit for one line of a terminal."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


Asked = dict[RequestId, tuple[str, str]]
"""Service and action by the id of the request."""


def read(entry: Published, asked: Asked) -> BusMessage:
    """The message of an entry. A request is noted in `asked`, by which the responses to it are told."""
    at, channel, data = entry
    found = decode_object(data)
    if isinstance(found, str):
        return BusMessage("unreadable", channel, data.decode(errors="replace"), at=at, data=data)
    action = found.get("action")
    if "request_id" in found and found.get("status") in ("success", "error") and action is None:
        return _response(entry, asked)
    if isinstance(action, str) and action and not found.keys().isdisjoint(("payload", "reply_to", "request_id")):
        request = read_request(data)
        if isinstance(request, Request):
            wanted = request.reply_to is not None or request.request_id is not None
            if wanted:
                asked[request.request_id] = (channel, action)
            return BusMessage(
                "request" if wanted else "message",
                channel,
                request.payload,
                channel,
                action,
                request.service,
                request.request_id,
                at=at,
                data=data,
            )
    return BusMessage("broadcast", channel, found, at=at, data=data)


def _response(entry: Published, asked: Asked) -> BusMessage:
    at, channel, data = entry
    reply = read_reply(data)
    assert reply is not None
    service, action = asked.get(reply.request_id, (reply.service, None))
    return BusMessage(
        "response" if reply.held is None else "notice",
        channel,
        reply.payload,
        service,
        action,
        reply.service,
        reply.request_id,
        reply.ok,
        reply.final,
        at=at,
        data=data,
    )
