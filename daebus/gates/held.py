"""A message that is held, and what it goes on with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .rule import DELAY, DROP, FAIL, HOLD, REPLY, Met, Rule

GO = "go"
VERDICTS = (GO, REPLY, FAIL, DROP)
_SAID = {HOLD: "held", DELAY: "delayed", FAIL: "failed", REPLY: "answered", DROP: "dropped"}
_SAID |= {"drop_answer": "answer dropped", "duplicate": "duplicated", "answer_twice": "answered twice"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a message goes on: it does (`go`), or is answered, failed or dropped in its place."""

    kind: str = GO
    payload: Any = None
    """What to answer; of one that goes on what its payload is now, where it was edited."""
    edited: bool = False
    code: str | None = None
    error: str = ""
    along: bool = False
    """Whether what waits behind it goes on with it, unheld: what is let go is everything."""


@dataclass(slots=True)
class Mark:
    """What was done to a message, and by whom: what stands as `debug` in its envelope, or in that of its answer."""

    by: str
    did: list[str] = field(default_factory=list)
    held: float = 0.0

    def told(self) -> dict[str, Any]:
        """As it stands in the envelope; `held` is in seconds."""
        told: dict[str, Any] = {"by": self.by, "did": self.did}
        return {**told, "held": round(self.held, 3)} if self.held else told

    def after(self, other: Mark | None) -> Mark:
        """The same with what was done before."""
        if other is None:
            return self
        by = self.by if other.by == self.by else f"{other.by}, {self.by}"
        return Mark(by, other.did + self.did, self.held + other.held)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of a message at a gate. `extra` is what is done beside that it goes on, such as `duplicate`."""

    verdict: Verdict
    mark: Mark | None = None
    extra: str | None = None
    seconds: float = 0.0
    """How long it was held."""


Resume = Callable[[Outcome], None]
"""Called once, on whatever thread lets the message go: must be quick and not raise."""
Tell = Callable[[float], None]
"""Called each second with how long a message has been held, and is before it is called again."""


@dataclass(slots=True)
class Asker:
    """Whoever waits for a held message. `left` are the seconds that it would still wait; None where that is not known.

    `tell` sends it notices, which it understands; None where it does not, and its time runs on.
    """

    left: float | None = None
    tell: Tell | None = None


@dataclass(eq=False, slots=True)
class Held:
    """A message that is held. `since` and `until` are times of `time.monotonic()`, `at` is in epoch seconds."""

    id: str
    met: Met
    rule: Rule
    owner: str
    resume: Resume
    asker: Asker | None
    since: float
    until: float
    at: float

    def outcome(self, verdict: Verdict, by: str | None = None) -> Outcome:
        """What comes of it, by who let it go: its owner where nobody else did."""
        seconds = time.monotonic() - self.since
        did = [_SAID[self.rule.deed.kind]]
        if verdict.edited:
            did.append("edited")
        elif verdict.kind != GO:
            did.append(_SAID[verdict.kind])
        names = self.owner if by in (None, self.owner) else f"{self.owner}, {by}"
        return Outcome(verdict, Mark(names, did, seconds), seconds=seconds)

    def told(self, now: float, until: float) -> dict[str, Any]:
        """What is said of it, without its payload; `until` is when it goes on unless its owner's lease is renewed."""
        met = self.met
        told: dict[str, Any] = {"hold": self.id, "place": met.place, "owner": self.owner, "rule": self.rule.id}
        told["channel" if met.place == "event" else "action"] = met.name
        fields = {"id": met.id, "parent": met.parent, "from": met.sender, "service": met.to, "ok": met.ok}
        fields |= {"final": met.final, "part": met.part, "one_way": met.one_way or None}
        fields["behind"] = None if met.behind is None else met.behind() or None
        told |= {name: value for name, value in fields.items() if value is not None}
        told |= {"at": self.at, "held": round(now - self.since, 3), "left": round(max(0.0, until - now), 3)}
        told["ends"] = round(max(0.0, self.until - now), 3)
        told["length"] = met.size
        if self.rule.deed.kind != HOLD:
            told["deed"] = self.rule.deed.kind
        if self.asker is not None:
            told["asker"] = self._told_asker(self.asker, now)
        return told

    def _told_asker(self, asker: Asker, now: float) -> dict[str, Any]:
        notified = asker.tell is not None
        left = asker.left if asker.left is None or notified else max(0.0, asker.left - (now - self.since))
        return {"notified": notified, "left": None if left is None else round(left, 3)}


def at_once(rule: Rule, owner: str) -> Outcome:
    """What a rule makes of a message that it does not hold."""
    deed = rule.deed
    mark = Mark(owner, [_SAID[deed.kind]])
    if deed.kind in VERDICTS:
        return Outcome(Verdict(deed.kind, deed.payload, code=deed.code, error=deed.error), mark)
    return Outcome(Verdict(), mark, deed.kind)
