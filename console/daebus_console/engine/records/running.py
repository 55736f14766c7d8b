"""What instances are doing just now, as they answer to `running`. Pure; whatever they say, nothing raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daebus_console.engine.message.envelope import Unreadable, plain_payload_of, read

_MOST = 1_000
_MOST_WAITS = 10
_STACK = 20
_LONGEST = 1e9


@dataclass(frozen=True)
class Wait:
    """A call that something is blocked in."""

    service: str
    action: str
    id: str | None


@dataclass(frozen=True)
class Doing:
    """One handler, listener or task that is running. `age` are seconds; `at` and `stack` are `file:line function`."""

    id: str | None
    action: str
    sender: str
    cause: str
    age: float
    thread: str
    at: str
    stack: tuple[str, ...]
    waits: tuple[Wait, ...]

    @property
    def name(self) -> str:
        """What it is: the action, else what set it off."""
        return self.action or self.cause


@dataclass(frozen=True)
class Queued:
    """One message that waits for a worker since `age` seconds."""

    id: str | None
    action: str
    sender: str
    channel: str
    age: float


@dataclass(frozen=True)
class Report:
    """What one instance answered at `at` (epoch seconds, when it was seen).

    `count` are all that run, of which `doing` may be a part; `waiting` messages are queued where `room` may, `oldest`
    are the first of them.
    """

    service: str
    instance: str
    at: float
    doing: tuple[Doing, ...]
    count: int
    waiting: int
    room: int
    oldest: tuple[Queued, ...]

    def of(self, id: str | None) -> Doing | None:
        """What is being done under that id."""
        return next((one for one in self.doing if id is not None and one.id == id), None)

    def place(self, id: str | None) -> int | None:
        """How many wait before that one in the queue; None where it is not among the oldest."""
        return next((number for number, one in enumerate(self.oldest) if id is not None and one.id == id), None)


def report_in(at: float, data: bytes) -> Report | None:
    """The answer to `running` in a message that was seen at `at`; None where it is none."""
    if b'"running"' not in data or b'"queue"' not in data:
        return None
    try:
        envelope, payload = read(data), plain_payload_of(data)
    except Unreadable:
        return None
    if not isinstance(payload, Mapping) or not envelope.service or not envelope.instance:
        return None
    listed, queue = payload.get("running"), payload.get("queue")
    if not isinstance(listed, list) or not isinstance(queue, Mapping):
        return None
    doing = tuple(_doing(one) for one in listed[:_MOST] if isinstance(one, Mapping))
    oldest = queue.get("oldest")
    waiting = [one for one in oldest[:_MOST] if isinstance(one, Mapping)] if isinstance(oldest, list) else []
    return Report(
        envelope.service,
        envelope.instance,
        at,
        doing,
        max(_whole(payload.get("count")), len(doing)),
        _whole(queue.get("size")),
        _whole(queue.get("max")),
        tuple(_queued(one) for one in waiting),
    )


def _doing(told: Mapping[str, Any]) -> Doing:
    stack = told.get("stack")
    also = told.get("also_waits_for")
    waits = [told.get("waits_for"), *(also if isinstance(also, list) else [])]
    return Doing(
        _id(told.get("id")),
        _text(told.get("action")),
        _text(told.get("from")),
        _text(told.get("cause")),
        _seconds(told.get("age")),
        _text(told.get("thread")),
        _text(told.get("at")),
        tuple(one for one in stack[:_STACK] if isinstance(one, str)) if isinstance(stack, list) else (),
        tuple(
            Wait(_text(one.get("service")), _text(one.get("action")), _id(one.get("id")))
            for one in waits[:_MOST_WAITS]
            if isinstance(one, Mapping)
        ),
    )


def _queued(told: Mapping[str, Any]) -> Queued:
    return Queued(
        _id(told.get("id")),
        _text(told.get("action")),
        _text(told.get("from")),
        _text(told.get("channel")),
        _seconds(told.get("age")),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None


def _seconds(value: Any) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LONGEST
    return float(value) if known else 0.0


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62 else 0
