"""A session that looks at no Redis, with a clock that only `wait` advances: what passes by, and what is found in it."""

from __future__ import annotations

import json
from typing import Any

from daebus_console.engine.findings.finding import Finding
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.session import Session

START = 1_000.0
_REFUSALS = ("busy", "expired", "shutting_down", "unknown_action")
"""Codes of errors that no handler gave: such an answer does not tell how long one took."""


class Watched:
    """Each method puts one message on the bus, a millisecond after the one before."""

    def __init__(self) -> None:
        self.now = START
        self.session = Session("redis://localhost:6379")
        self.session.clock = lambda: self.now  # type: ignore[assignment, misc]  # a clock is what can be called for a time
        self.session.on_up(START - 10)
        self._ids = 0

    def say(self, channel: str, message: Any) -> Exchange:
        """Put a message on a channel; returns the exchange that it opened or joined."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.now += 0.001
        self.session.on_batch(self.now, [(channel, data)])
        newest = self.session.journal.messages.get(self.session.journal.messages.last)
        assert newest is not None
        exchange = self.session.journal.exchange(newest.exchange)
        assert exchange is not None
        return exchange

    def take(self, passed: list[tuple[float, str, Any]]) -> None:
        """What passed at those times, all of it looked at together, as it is read from a capture."""
        self.now = passed[-1][0]
        self.session._take(self.now, [(at, ((channel, json.dumps(one).encode()),)) for at, channel, one in passed])

    def ask(
        self, service: str, action: str = "act", payload: Any = None, *, of: Exchange | None = None, **fields: Any
    ) -> Exchange:
        """A request, made for another one where that is given."""
        self._ids += 1
        message = {"action": action, "payload": payload or {}, "request_id": f"r{self._ids}", "service": "web"}
        if of is not None:
            message |= {"parent_id": of.request_id, "service": of.target}
        return self.say(service, {**message, "reply_to": "caller:web", **fields})

    def send(self, service: str, action: str, payload: Any = None, **fields: Any) -> Exchange:
        """A one-way message."""
        return self.say(service, {"action": action, "payload": payload or {}, **fields})

    def answer(self, request: Exchange, payload: Any = None, **fields: Any) -> Exchange:
        """Its answer."""
        message = {"status": "success", "payload": payload or {}, "request_id": request.request_id, "elapsed": 0.001}
        return self.say(request.reply_to or "", {**message, **fields})

    def fail(self, request: Exchange, code: str = "handler_error", **fields: Any) -> Exchange:
        """Its answer, an error."""
        if code in _REFUSALS:
            fields.setdefault("elapsed", None)
        return self.answer(request, {"error": "no", "code": code}, status="error", **fields)

    def call(self, service: str, action: str = "act", payload: Any = None, answer: Any = None, **more: Any) -> Exchange:
        """A request and its answer."""
        return self.answer(self.ask(service, action, payload, **more), answer)

    def info(self, service: str, *actions: str, instance: str = "i1", **told: Any) -> None:
        """An instance tells of itself."""
        self._ids += 1
        asked = {"action": "info", "payload": {}, "request_id": f"i{self._ids}", "reply_to": "caller:console"}
        self.say(f"daebus.control.{service}", asked)
        listed = [{"name": name, "doc": ""} for name in actions]
        told = {"service": service, "instance": instance, "version": "1.0", "actions": listed, **told}
        self.say("caller:console", {"status": "success", "payload": told, "request_id": f"i{self._ids}"})

    def poll(self, patterns: int = 1, **subscribers: int) -> None:
        """Redis lists who is subscribed: each service to its own channel, and one with a name that begins with an
        underscore is on this framework. Of one that is given both ways, the others share its channel."""
        counts: dict[str, int] = {}
        for name, count in subscribers.items():
            plain = name.removeprefix("_")
            counts[plain] = counts.get(plain, 0) + count
            if name.startswith("_"):
                counts[f"daebus.control.{plain}"] = count
        self.now += 0.001
        self.session.directory.poll(self.now, counts, patterns)
        self.session.findings.polled(self.now, complete=True)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.session.on_idle(self.now)

    def found(self) -> list[Finding]:
        """All that is found by now."""
        assert self.session.findings.problem is None
        return list(self.session.findings.book)

    def names(self) -> list[str]:
        """The rules of what is found."""
        return [one.rule for one in self.found()]

    def one(self, rule: str) -> Finding:
        """The one finding of that rule."""
        (found,) = [one for one in self.found() if one.rule == rule]
        return found
