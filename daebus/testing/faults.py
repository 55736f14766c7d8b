"""Fault: a rule at the gates of a service, for as long as a test lasts; and what it holds, in the order of the test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from daebus.context import Runtime
from daebus.errors import ConfigurationError, PayloadError
from daebus.gates.gates import Gates
from daebus.gates.held import GO, Held, Verdict
from daebus.gates.reading import BadRule, read_failure, read_payload, read_rule
from daebus.gates.rule import DEEDS, DROP, EVENT, FAIL, FAILED, REPLY, Rule
from daebus.wire import checks

FOR_EVER = 1e9
"""Seconds of a lease that ends with the test."""
LOOK_EVERY = 0.002


class HeldMessage:
    """A message that is held. It goes on by one of its methods, once; DaebusError where it has gone on already."""

    def __init__(self, gates: Gates, held: Held) -> None:
        self._gates = gates
        self._held = held

    def __repr__(self) -> str:
        return f"<HeldMessage {self.name!r} at the place {self.place!r}>"

    @property
    def name(self) -> str:
        """Its action or channel."""
        return self._held.met.name

    @property
    def place(self) -> str:
        """Where it is held: "call", "request", "answer" or "event"."""
        return self._held.met.place

    @property
    def payload(self) -> Any:
        """What it says."""
        return self._held.met.payload()

    def go(self, payload: dict[str, Any] | None = None) -> None:
        """Let it go on, with another payload where one is given."""
        self._release(Verdict(GO) if payload is None else Verdict(GO, _checked(payload), edited=True))

    def answer(self, payload: dict[str, Any]) -> None:
        """Answer in its place."""
        self._release(Verdict(REPLY, _checked(payload)))

    def fail(self, error: str = FAILED, code: str | None = None) -> None:
        """Answer with an error in its place."""
        try:
            code, error = read_failure({"error": error, **({} if code is None else {"code": code})})
        except BadRule as problem:
            raise ConfigurationError(str(problem)) from None
        self._release(Verdict(FAIL, code=code, error=error))

    def drop(self) -> None:
        """Let it be lost."""
        self._release(Verdict(DROP))

    def _release(self, verdict: Verdict) -> None:
        if verdict.kind != GO and verdict.kind not in DEEDS[self.place]:
            raise ConfigurationError(f"{verdict.kind!r} cannot be done to what is held at the place {self.place!r}")
        self._gates.release(self._held.id, verdict)


def _checked(payload: object) -> dict[str, Any]:
    try:
        return read_payload(payload, "payload")
    except BadRule as error:
        raise PayloadError(str(error)) from None


class Fault:
    """One rule at every instance of `service`, also of those that start later. ConfigurationError for no rule."""

    def __init__(self, service: str, rule: dict[str, Any], owner: str) -> None:
        self.service = checks.name(service, "service")
        self._source = rule
        self._owner = owner
        self._gates: list[tuple[Gates, Rule]] = []
        self._lifted = False
        try:
            read_rule(rule)
        except BadRule as error:
            raise ConfigurationError(str(error)) from None

    def __repr__(self) -> str:
        return f"<Fault at {self.service!r}: {self._source}>"

    @property
    def hits(self) -> int:
        """How many messages it has done something to."""
        return sum(rule.hits for _gates, rule in self._gates)

    @property
    def seen(self) -> int:
        """How many messages it was for."""
        return sum(rule.seen for _gates, rule in self._gates)

    @property
    def held(self) -> list[HeldMessage]:
        """What it holds, the oldest first."""
        found = [(held, gates) for gates, rule in self._gates for held, _until in gates.held() if held.rule is rule]
        return [HeldMessage(gates, held) for held, gates in sorted(found, key=lambda each: each[0].since)]

    def wait(self, count: int = 1, timeout: float = 5.0) -> list[HeldMessage]:
        """Wait until it holds `count` messages, and return them. Raises AssertionError after `timeout` seconds."""
        checks.whole(count, "count", 10**9)
        until = time.monotonic() + checks.duration(timeout, "timeout")
        __tracebackhide__ = True
        while len(found := self.held) < count:
            if time.monotonic() >= until:
                raise AssertionError(f"{self!r} holds {len(found)} messages after {timeout:g} s, and not {count}")
            time.sleep(LOOK_EVERY)
        return found

    def lift(self) -> None:
        """Let all go on that it holds, and do nothing any more."""
        self._lifted = True
        self.let_go()

    # For the framework

    def let_go(self) -> None:
        """The same where the test ends."""
        for gates, _rule in self._gates:
            gates.end_lease(self._owner, suspends=False)

    def applies_to(self, runtime: Runtime) -> bool:
        """Set the rule at an instance of its service, once; whether it is one."""
        if runtime.name != self.service:
            return False
        gates = runtime.gates
        if gates is None:
            raise ConfigurationError(f"{self.service!r} may not be debugged: start it with debugger=True")
        if not self._lifted and all(each is not gates for each, _rule in self._gates):
            rule = read_rule(self._source)
            gates.set_rules(self._owner, FOR_EVER, [rule])
            self._gates.append((gates, rule))
        return True

    @property
    def problem(self) -> str | None:
        """That there was no such service, where that is so."""
        return None if self._gates or self._lifted else f"a fault was set at {self.service!r}, which did not run"


class FaultFixture:
    """The fixture `fault`: `fault("payments", "charge", delay=2)` sets a rule at a service until the test ends."""

    def __init__(self, add: Callable[[str, dict[str, Any]], Fault]) -> None:
        self._add = add

    def __call__(self, service: str, name: str | None = None, *, place: str = "request", **rule: Any) -> Fault:
        """Do to messages of that action (or, at the place "event", on that channel) what a rule says.

        The rest are the fields of a rule, as docs/debugger.md has them: `delay=2`, `fail={"code": "busy"}`,
        `answer={...}`, `drop=True`, `hold=True`, with `where=[["amount", ">", 5]]`, `once=True`, `skip=1`; what is a
        word of Python's own gets a `_` (`from_="shop"`).
        """
        fields = {key.removesuffix("_"): value for key, value in rule.items()}
        if name is not None:
            fields["channel" if place == EVENT else "action"] = name
        return self._add(service, {"place": place, **fields})
