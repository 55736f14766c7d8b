"""A bus without a broker: hand it messages one after the other, and it reads as a transcript.

bus >> request("orders", "create", id="a", reply_to="r")
bus.wait(0.5)
bus >> answer("r", id="a")
assert bus["a"].state is State.OK
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from daebus_console.engine.message.exchange import Exchange, Kind, Message, State
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal


class Sent(NamedTuple):
    """A message to be put on the bus."""

    channel: str
    data: bytes


def encode(**fields: Any) -> bytes:
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def request(
    channel: str,
    action: str = "act",
    *,
    id: Any = ...,  # what it is called on the wire, nearly
    reply_to: Any = "caller:1",
    payload: Any = None,
    service: Any = "web",
    timeout: Any = ...,
    **more: Any,
) -> Sent:
    fields = {"action": action, "reply_to": reply_to, "request_id": id, "payload": payload or {}, "service": service}
    return Sent(channel, encode(**fields, timeout=timeout, **more))


def answer(channel: str, *, id: Any = ..., status: str = "success", payload: Any = None, **more: Any) -> Sent:
    return Sent(channel, encode(status=status, request_id=id, payload=payload or {}, **more))


def progress(channel: str, *, id: Any = ..., **more: Any) -> Sent:
    return answer(channel, id=id, final=False, **more)


def raw(channel: str, data: bytes | str) -> Sent:
    return Sent(channel, data if isinstance(data, bytes) else data.encode())


class Bus:
    """A journal and a correlator with a clock that only `wait` advances."""

    def __init__(self, max_messages: int = 1_000_000, timeout: float = 10.0) -> None:
        self.now = 1_000.0
        self.journal = Journal(max_messages)
        self.correlator = Correlator(self.journal, timeout)

    def __rshift__(self, sent: Sent) -> Exchange:
        """Put a message on the bus; returns the exchange it opened or joined."""
        return self.correlator.feed(self.now, *sent)[1]

    def __getitem__(self, request_id: str) -> Exchange:
        found = self.correlator.find(request_id)
        assert found is not None, f"no exchange with the id {request_id}"
        return found

    def wait(self, seconds: float) -> list[Exchange]:
        """Let time pass; returns what ran out of it."""
        self.now += seconds
        return self.correlator.advance(self.now)

    def gap(self, seconds: float, reason: str = "the connection was closed") -> Exchange:
        gap = self.correlator.lose(self.now, reason)
        self.now += seconds
        self.correlator.resume(self.now)
        return gap

    @property
    def exchanges(self) -> list[Exchange]:
        return list(self.journal.exchanges)

    @property
    def states(self) -> list[State]:
        return [exchange.state for exchange in self.journal.exchanges]


def lone_message(kind: Kind = Kind.REQUEST, data: bytes = b"{}", channel: str = "orders", at: float = 0.0) -> Message:
    return Message(1, at, channel, data, kind)
