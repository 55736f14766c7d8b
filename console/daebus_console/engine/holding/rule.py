"""A rule: where it stands, what it matches, and the one thing that it does. Pure; checked before it goes anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.holding.condition import Condition, of_wire
from daebus_console.naming import shown

PLACES = ("call", "request", "answer", "event")
"""Where: a request about to leave, one about to be handled, an answer about to leave, a broadcast about to be heard."""
HOLD, DELAY, FAIL, ANSWER = "hold", "delay", "fail", "answer"
DROP, DROP_ANSWER, DUPLICATE, ANSWER_TWICE = "drop", "drop_answer", "duplicate", "answer_twice"
FAULTS = (DELAY, FAIL, ANSWER, DROP, DROP_ANSWER, DUPLICATE, ANSWER_TWICE)
DEEDS = (HOLD, *FAULTS)
LONGEST_HOLD = 300.0
"""Seconds that a message can be held at most."""
LONGEST_DELAY = 300.0
_NOT_AT = {"event": {FAIL, ANSWER, DROP_ANSWER, ANSWER_TWICE}, "answer": {DUPLICATE, DROP_ANSWER}}
_WORDS = {
    HOLD: "held",
    DROP: "dropped: never answered",
    DROP_ANSWER: "handled, and its answer dropped",
    DUPLICATE: "handled twice",
    ANSWER_TWICE: "answered twice",
}


class RuleError(ValueError):
    """A rule that no service would take; the text says why."""


@dataclass(frozen=True)
class Rule:
    """One rule as it goes to a service.

    `action`, `channel` and `sender` are globs; `parent` and `of` are ids: of what caused the message, and its own.
    `lasts` is how long a hold lasts (s), `seconds` a delay. `step` tells that it was set by a step.
    """

    id: str
    place: str = "request"
    action: str | None = None
    channel: str | None = None
    sender: str | None = None
    parent: str | None = None
    of: str | None = None
    where: tuple[Condition, ...] = ()
    once: bool = False
    skip: int = 0
    probability: float = 1.0
    do: str = HOLD
    lasts: float | None = None
    before_timeout: bool = False
    seconds: float | None = None
    code: str | None = None
    error: str | None = None
    payload: Mapping[str, Any] | None = None

    def checked(self) -> Rule:
        """The rule itself, where a service can follow it. Raises RuleError."""
        if self.place not in PLACES:
            raise RuleError(f"there is no place {self.place!r}: there are {', '.join(PLACES)}")
        if self.do not in DEEDS:
            raise RuleError(f"no rule can {self.do!r}: there are {', '.join(DEEDS)}")
        if self.do in _NOT_AT.get(self.place, ()):
            raise RuleError(f"{self.do.replace('_', '-')} is nothing that can be done at the place {self.place}")
        if self.do == DELAY and not _within(self.seconds, 0, LONGEST_DELAY):
            raise RuleError(f"a delay is of some time, and of {LONGEST_DELAY:g} s at most")
        if self.lasts is not None and not _within(self.lasts, 0, LONGEST_HOLD):
            raise RuleError(f"a message is held for {LONGEST_HOLD:g} s at most")
        if not 0 < self.probability <= 1:
            raise RuleError("a probability is above 0 and at most 1")
        if self.do == ANSWER and self.payload is None:
            raise RuleError("an answer needs what to answer")
        if self.place != "event" and self.channel is not None:
            raise RuleError("a channel is matched at the place event alone")
        return self

    def wire(self) -> dict[str, Any]:
        """As it goes to a service. See `docs/debugger.md`."""
        told: dict[str, Any] = {"id": self.id, "place": self.place, "do": self.do}
        fields = {
            "action": self.action,
            "channel": self.channel,
            "from": self.sender,
            "parent": self.parent,
            "of": self.of,
            "where": [one.wire for one in self.where] or None,
            "once": self.once or None,
            "skip": self.skip or None,
            "probability": self.probability if self.probability < 1 else None,
            "for": self.lasts,
            "before_timeout": self.before_timeout or None,
            "seconds": self.seconds,
            "code": self.code,
            "error": self.error,
            "payload": None if self.payload is None else jsontext.plain(self.payload),
        }
        told.update({name: value for name, value in fields.items() if value is not None})
        return told

    @property
    def holds(self) -> bool:
        """Whether it is a breakpoint, and no fault."""
        return self.do == HOLD

    @property
    def step(self) -> bool:
        """Whether it was set by a step: it follows one message."""
        return self.parent is not None or self.of is not None

    def deed(self) -> str:
        """What it does, in words."""
        if self.do == DELAY:
            return f"delayed by {_seconds(self.seconds or 0.0)}"
        if self.do == FAIL:
            return f"failed: {self.error or 'a fault set by the debugger'}" + (f" ({self.code})" if self.code else "")
        if self.do == ANSWER:
            return f"answered {jsontext.dumps(self.payload)}"
        return _WORDS[self.do]

    def terms(self) -> str:
        """When it does, in words: the conditions and limits."""
        parts = [str(one) for one in self.where]
        if self.sender is not None:
            parts.append(f"from {shown(self.sender)}")
        if self.parent is not None:
            parts.append("caused by what is stepped through")
        if self.of is not None:
            parts.append("of what is stepped through")
        if self.skip:
            parts.append(f"after the first {self.skip}")
        if self.probability < 1:
            parts.append(f"{self.probability * 100:g} % of them")
        if self.once:
            parts.append("once")
        if self.lasts is not None:
            parts.append(f"for {_seconds(self.lasts)} at most")
        if self.before_timeout:
            parts.append("until just before its time is over")
        return ", ".join(parts)

    @property
    def subject(self) -> str:
        """What it matches by name."""
        return (self.channel if self.place == "event" else self.action) or "*"


def of_told(told: Any) -> Rule | None:
    """The rule that a service tells of; None where it is none."""
    if not isinstance(told, Mapping) or told.get("place") not in PLACES or told.get("do") not in DEEDS:
        return None
    where = told.get("where")
    conditions = [of_wire(one) for one in where] if isinstance(where, list) else []
    payload = told.get("payload")
    return Rule(
        id=str(told.get("id", "")),
        place=told["place"],
        action=_text(told, "action"),
        channel=_text(told, "channel"),
        sender=_text(told, "from"),
        parent=_text(told, "parent"),
        of=_text(told, "of"),
        where=tuple(one for one in conditions if one is not None),
        once=told.get("once") is True,
        skip=int(_number(told, "skip") or 0),
        probability=_number(told, "probability") or 1.0,
        do=told["do"],
        lasts=_number(told, "for"),
        before_timeout=told.get("before_timeout") is True,
        seconds=_number(told, "seconds"),
        code=_text(told, "code"),
        error=_text(told, "error"),
        payload=payload if isinstance(payload, Mapping) else None,
    )


def renamed(rule: Rule, id: str) -> Rule:
    """The same rule under another id."""
    return replace(rule, id=id)


def _within(value: float | None, low: float, high: float) -> bool:
    return value is not None and math.isfinite(value) and low < value <= high


def _text(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    return value if isinstance(value, str) else None


def _number(told: Mapping[str, Any], name: str) -> float | None:
    value = told.get(name)
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if good and value is not None and math.isfinite(value) else None


def _seconds(value: float) -> str:
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"
