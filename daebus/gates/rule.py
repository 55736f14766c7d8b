"""A rule: which messages it is for, and what is done to them. Pure, but for its counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import globs
from .where import Condition

CALL, REQUEST, ANSWER, EVENT = PLACES = ("call", "request", "answer", "event")
"""A request about to leave; one about to be handled; its answer about to leave; a broadcast about to be heard."""
HOLD, DELAY, FAIL, REPLY, DROP = "hold", "delay", "fail", "answer", "drop"
DROP_ANSWER, DUPLICATE, ANSWER_TWICE = "drop_answer", "duplicate", "answer_twice"
DEEDS: dict[str, frozenset[str]] = {
    CALL: frozenset((HOLD, DELAY, FAIL, REPLY, DROP, DROP_ANSWER, DUPLICATE)),
    REQUEST: frozenset((HOLD, DELAY, FAIL, REPLY, DROP, DROP_ANSWER, DUPLICATE, ANSWER_TWICE)),
    ANSWER: frozenset((HOLD, DELAY, FAIL, REPLY, DROP, ANSWER_TWICE)),
    EVENT: frozenset((HOLD, DELAY, DROP, DUPLICATE)),
}
"""What can be done at each place. A handler is held to one answer elsewhere; of a broadcast there is none."""
FAILED = "failed by a debugger"
"""The text of an error for which none is given."""
WAITED_FOR = frozenset((FAIL, REPLY, DROP_ANSWER))
"""What is done to an answer, and cannot be to a one-way message about to leave: nobody waits for one."""


@dataclass(slots=True)
class Met:
    """A message at a gate, as far as rules look at it.

    `name` is its action or channel, `to` the service that a call is for, `size` its bytes. `payload()` is read where a
    rule asks for it.
    """

    place: str
    name: str
    payload: Callable[[], Any]
    size: int
    id: Any = None
    parent: Any = None
    sender: str | None = None
    to: str | None = None
    ok: bool | None = None
    """Whether an answer is none that is an error."""
    final: bool | None = None
    """Whether an answer is the last one to its request, and no part; None of what is no answer."""
    part: int | None = None
    """Which part of an answer it is, from 1."""
    behind: Callable[[], int] | None = None
    """How many answers to the same request wait until this one has gone on."""
    one_way: bool = False
    """Whether it is about to leave, and nobody waits for what comes of it."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What a rule does: `kind` is a key of its JSON, such as `hold`. Times are in seconds."""

    kind: str
    seconds: float = 0.0
    """How long a message is held at most, or is delayed."""
    payload: Any = None
    code: str | None = None
    error: str = ""


@dataclass(slots=True)
class Rule:
    """Which messages, where, and what. None stands for all."""

    id: str
    place: str
    deed: Deed
    name: str | None = None
    sender: str | None = None
    to: str | None = None
    parent: str | None = None
    message: str | None = None
    final: bool | None = None
    where: Sequence[Condition] = ()
    times: int | None = None
    """For so many messages; None for all."""
    skip: int = 0
    probability: float = 1.0
    before_timeout: float | None = None
    """Lets go half a second before the asker gives up, where it is sent no notices; one that does not say how long it
    waits is taken to wait for so many seconds."""
    source: dict[str, Any] = field(default_factory=dict)
    """The rule as it came."""
    seen: int = 0
    """How many messages it was for."""
    hits: int = 0
    """How many it has done something to."""
    passed: int = 0
    """How many it would have held, or kept behind what it holds, had there been room."""

    @property
    def spent(self) -> bool:
        """Whether it is over, since it was for so many messages."""
        return self.times is not None and self.hits >= self.times

    def fits(self, met: Met) -> bool:
        """Whether it is for that message."""
        return (
            self.place == met.place
            and (self.name is None or globs.matches(self.name, met.name))
            and (self.sender is None or globs.matches(self.sender, met.sender or ""))
            and (self.to is None or globs.matches(self.to, met.to or ""))
            and (self.parent is None or self.parent == met.parent)
            and (self.message is None or self.message == met.id)
            and (self.final is None or self.final == met.final)
            and not (met.one_way and self.deed.kind in WAITED_FOR)
            and (not self.where or self._holds(met.payload()))
        )

    def _holds(self, payload: Any) -> bool:
        return all(condition.holds(payload) for condition in self.where)

    def wins(self, chance: float) -> bool:
        """Count a message that it is for; whether it does something to it. `chance` is a number from 0 to below 1."""
        self.seen += 1
        return not self.spent and self.seen > self.skip and chance < self.probability

    def told(self) -> dict[str, Any]:
        """The rule as it came, with what has become of it."""
        told = {**self.source, "id": self.id, "seen": self.seen, "hits": self.hits}
        return {**told, "passed": self.passed} if self.passed else told
