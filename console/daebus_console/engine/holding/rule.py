"""A rule: where it stands, what it matches, and the one thing that it does. Pure; checked before it goes anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.holding.condition import Condition, of_wire
from daebus_console.naming import shown
from daebus_console.text import clean, cut

PLACES = ("call", "request", "answer", "event")
"""Where: a request about to leave, one about to be handled, an answer about to leave, a broadcast about to be heard."""
HOLD, DELAY, FAIL, ANSWER = "hold", "delay", "fail", "answer"
DROP, DROP_ANSWER, DUPLICATE, ANSWER_TWICE = "drop", "drop_answer", "duplicate", "answer_twice"
FAULTS = (DELAY, FAIL, ANSWER, DROP, DROP_ANSWER, DUPLICATE, ANSWER_TWICE)
DEEDS = (HOLD, *FAULTS)
LONGEST_HOLD = 300.0
"""Seconds that a message can be held at most."""
LONGEST_DELAY = 300.0
AT = {
    "call": (HOLD, DELAY, FAIL, ANSWER, DROP, DROP_ANSWER, DUPLICATE),
    "request": DEEDS,
    "answer": (HOLD, DELAY, FAIL, ANSWER, DROP, ANSWER_TWICE),
    "event": (HOLD, DELAY, DROP, DUPLICATE),
}
"""What can be done at each place."""
_WORDS = {
    HOLD: "held",
    DROP: "dropped: never answered",
    DROP_ANSWER: "handled, and its answer dropped",
    DUPLICATE: "handled twice",
    ANSWER_TWICE: "answered twice",
}
_WORDS_OF_EVENTS = {DROP: "dropped: never heard", DUPLICATE: "heard twice"}

_FAILED = "failed by a debugger"
"""What a service answers where a fault says nothing."""
_TOLD = 200
"""Cells of an answer, or of the text of an error, that are told in words."""


class RuleError(ValueError):
    """A rule that no service would take; the text says why."""


@dataclass(frozen=True)
class Rule:
    """One rule as it goes to a service.

    `action`, `channel`, `sender` and `to` (the service that a call is for) are globs; `parent` and `of` are ids: of
    what caused the message, and its own.
    `final` tells final answers (True) from parts of one (False).
    `times` is for how many messages it is, where it is not for one alone (`once`) or for all.
    `lasts` is how long a hold lasts (s), `seconds` a delay. `step` tells that it was set by a step.
    """

    id: str
    place: str = "request"
    action: str | None = None
    channel: str | None = None
    sender: str | None = None
    to: str | None = None
    parent: str | None = None
    of: str | None = None
    final: bool | None = None
    where: tuple[Condition, ...] = ()
    once: bool = False
    times: int | None = None
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
        if self.do not in AT[self.place]:
            able = ", ".join(one.replace("_", "-") for one in AT[self.place])
            raise RuleError(f"{self.do.replace('_', '-')} cannot be done at the place {self.place}: there are {able}")
        if self.do == DELAY and not _within(self.seconds, LONGEST_DELAY):
            raise RuleError(f"a delay is of some time, and of {LONGEST_DELAY:g} s at most")
        if self.lasts is not None and not _within(self.lasts, LONGEST_HOLD):
            raise RuleError(f"a message is held for {LONGEST_HOLD:g} s at most")
        if self.times is not None and (self.times < 1 or self.once):
            raise RuleError("a rule is for one message, or for so many: at least 1, and not once as well")
        if self.skip < 0:
            raise RuleError("what is skipped is a whole number, and none below 0")
        if not 0 < self.probability <= 1:
            raise RuleError("a probability is above 0 and at most 1")
        if self.do == ANSWER and self.payload is None:
            raise RuleError("an answer needs what to answer")
        if self.place != "event" and self.channel is not None:
            raise RuleError("a channel is matched at the place event alone")
        if self.place == "event" and self.sender is not None:
            raise RuleError("a broadcast does not say who sent it: at the place event nothing is told apart by that")
        return self

    def wire(self) -> dict[str, Any]:
        """As it goes to a service. See `docs/debugger.md`."""
        told: dict[str, Any] = {"id": self.id, "place": self.place, self.do: self._how()}
        fields = {
            "action": self.action,
            "channel": self.channel,
            "from": self.sender,
            "service": self.to,
            "parent": self.parent,
            "message": self.of,
            "final": self.final,
            "where": [one.wire for one in self.where] or None,
            "once": self.once or None,
            "times": self.times,
            "skip": self.skip or None,
            "probability": self.probability if self.probability < 1 else None,
            "for": self.lasts,
            "before_timeout": self.before_timeout or None,
        }
        return told | {name: value for name, value in fields.items() if value is not None}

    def masked(self, redact: Redactor) -> Rule:
        """The same without what is secret in it, as it may be shown."""
        where = tuple(one.masked(redact) for one in self.where)
        error = None if self.error is None else redact.text(self.error)
        return replace(self, where=where, error=error, payload=redact.mask(self.payload)) if redact else self

    def _how(self) -> Any:
        if self.do == DELAY:
            return self.seconds
        if self.do == FAIL:
            told = {"code": self.code, "error": self.error}
            return {name: value for name, value in told.items() if value is not None}
        return dict(self.payload or {}) if self.do == ANSWER else True

    @property
    def most(self) -> float:
        """For how many messages it is."""
        return 1 if self.once else math.inf if self.times is None else self.times

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
            what = _FAILED if self.error is None else f"failed: {cut(clean(self.error), _TOLD)}"
            return f"{what} ({self.code})" if self.code else what
        if self.do == ANSWER:
            return f"answered {cut(clean(jsontext.dumps(self.payload)), _TOLD)}"
        return (_WORDS_OF_EVENTS if self.place == "event" else {}).get(self.do) or _WORDS[self.do]

    def terms(self) -> str:
        """When it does, in words: the conditions and limits."""
        parts = [str(one) for one in self.where]
        if self.to is not None and self.place != "call":
            parts.append(f"to {shown(self.to)}")
        if self.sender is not None:
            parts.append(f"from {shown(self.sender)}")
        if self.parent is not None:
            parts.append("caused by what is stepped through")
        if self.of is not None:
            parts.append("of what is stepped through")
        if self.final is not None and not self.step:
            parts.append("final ones" if self.final else "parts")
        if self.skip:
            parts.append(f"after the first {self.skip}")
        if self.probability < 1:
            parts.append(f"{self.probability * 100:g} % of them")
        if self.once:
            parts.append("once")
        if self.times is not None:
            parts.append(f"{self.times:,} time{'s' * (self.times != 1)}")
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
    do = next((one for one in DEEDS if told.get(one) not in (None, False)), None) if isinstance(told, Mapping) else None
    if do is None or told.get("place") not in PLACES:
        return None
    where, how = told.get("where"), told[do]
    conditions = [of_wire(one) for one in where] if isinstance(where, list) else []
    failure = how if isinstance(how, Mapping) else {"error": how}
    return Rule(
        id=str(told.get("id", "")),
        place=told["place"],
        action=_text(told, "action"),
        channel=_text(told, "channel"),
        sender=_text(told, "from"),
        parent=_text(told, "parent"),
        to=_text(told, "service"),
        of=_text(told, "message"),
        final=told["final"] if isinstance(told.get("final"), bool) else None,
        where=tuple(one for one in conditions if one is not None),
        once=told.get("once") is True,
        times=None if (times := _number(told, "times")) is None else int(times),
        skip=int(_number(told, "skip") or 0),
        probability=_number(told, "probability") or 1.0,
        do=do,
        lasts=_number(told, "for"),
        before_timeout=bool(told.get("before_timeout")),
        seconds=_number(told, do),
        code=_text(failure, "code"),
        error=_text(failure, "error"),
        payload=how if isinstance(how, Mapping) and do == ANSWER else None,
    )


def renamed(rule: Rule, id: str) -> Rule:
    """The same rule under another id."""
    return replace(rule, id=id)


def _within(value: float | None, high: float) -> bool:
    return value is not None and math.isfinite(value) and 0 < value <= high


def _text(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    return value if isinstance(value, str) else None


def _number(told: Mapping[str, Any], name: str) -> float | None:
    value = told.get(name)
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if good and value is not None and math.isfinite(value) else None


def _seconds(value: float) -> str:
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"
