"""What is sent again: a message rebuilt from an exchange, as it was but for what belongs to the asker. Pure.

A request gets a new request_id and a reply channel of ours, so that nobody is answered who did not ask. One-way
messages and broadcasts go out as they were.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from daebus_console.engine import envelope as wire
from daebus_console.engine.exchange import Exchange, Kind

SENDABLE = frozenset({Kind.REQUEST, Kind.ONE_WAY, Kind.BROADCAST})
_OF_THE_ASKER = ("reply_to", "request_id", "parent_id")


class Unsendable(ValueError):
    """Nothing can be sent again here; the text says why."""


@dataclass(frozen=True)
class Resend:
    """A message to be sent again. `at` is when it was first seen (epoch seconds), `origin` the number of its exchange.

    `body` is the whole message as JSON has it, without what belongs to the asker; `timeout` are seconds, if it has any.
    """

    kind: Kind
    channel: str
    action: str | None
    body: dict[str, Any] = field(repr=False)
    at: float
    origin: int
    timeout: float | None = None

    @property
    def service(self) -> str:
        """Whom it goes to: a service, or a channel."""
        return wire.service_of_control(self.channel) or self.channel

    @property
    def payload(self) -> dict[str, Any]:
        """What it carries, as far as that is an object; an empty one otherwise."""
        found: Any = self.body
        if self.kind is not Kind.BROADCAST:
            found = self.body.get("payload", _beside(self.body))
            if isinstance(found, str):
                try:
                    found = wire.decode(found.encode("utf-8", "surrogatepass"))
                except wire.Unreadable:
                    found = {}
        return found if isinstance(found, dict) else {}

    def with_payload(self, payload: dict[str, Any]) -> Resend:
        """The same message with another payload, in the place where its payload was."""
        if self.kind is Kind.BROADCAST:
            return replace(self, body=payload)
        if "payload" in self.body:
            return replace(self, body={**self.body, "payload": payload})
        envelope = {name: value for name, value in self.body.items() if name in wire.ENVELOPE_FIELDS}
        if any(name in wire.ENVELOPE_FIELDS for name in payload):
            # Beside the envelope's own fields there is no room for these.
            return replace(self, body={**envelope, "payload": payload})
        return replace(self, body={**envelope, **payload})

    def to(self, channel: str) -> Resend:
        """The same message for another service or channel."""
        return replace(self, channel=channel)

    def encode(self, reply_to: str, request_id: str, now: float, timeout: float | None = None) -> bytes:
        """The bytes to publish. `timeout` is what a request names if it names one at all. Raises Unsendable."""
        body = self.body
        if self.kind is Kind.REQUEST:
            body = {**body, "reply_to": reply_to, "request_id": request_id}
            if timeout is not None and "timeout" in body:
                body["timeout"] = timeout
        if self.kind is not Kind.BROADCAST and "sent_at" in body:
            body = {**body, "sent_at": now}
        try:
            return json.dumps(body, allow_nan=False).encode()
        except ValueError:
            raise Unsendable("it holds NaN or Infinity, which are read but never written") from None
        except RecursionError:
            raise Unsendable("it is nested too deeply to be written") from None


def resend_of(exchange: Exchange) -> Resend:
    """What opened the exchange, to be sent again. Raises Unsendable."""
    if exchange.kind not in SENDABLE:
        raise Unsendable(_WHY_NOT[exchange.kind])
    opened = exchange.opened
    try:
        body = wire.decode(opened.data)
    except wire.Unreadable as error:
        raise Unsendable(f"it is unreadable: {error}") from None
    if not isinstance(body, dict):
        raise Unsendable("it is no JSON object")
    timeout: float | None = None
    if exchange.kind is not Kind.BROADCAST:
        body = {name: value for name, value in body.items() if name not in _OF_THE_ASKER}
        given = body.get("timeout")
        if isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < 1e9:
            timeout = float(given)
    return Resend(exchange.kind, opened.channel, exchange.action, body, opened.at, exchange.number, timeout)


_WHY_NOT = {
    Kind.RESPONSE: "it is an answer to a request that was not seen; answers are never sent again",
    Kind.UNREADABLE: "it is unreadable",
    Kind.GAP: "it is a gap, in which nothing was seen",
}


def _beside(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in wire.ENVELOPE_FIELDS}
