"""`running`: what is in a handler just now, where it is and what it waits for; and what waits for a worker."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daebus.context import Context, Runtime, entered_in
from daebus.recorder.records import ANSWER
from daebus.recorder.texts import NAME, cut, cut_id
from daebus.transport.threads import looking_at_threads
from daebus.wire.envelope import Request
from daebus.wire.reading import read_request

from . import frames

OLDEST = 10
"""Messages of the queue that are told, the oldest ones."""
_READ = 100_000
"""Bytes of a message that waits, up to which it is read to tell what it is."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits: how many messages, how many may, and the oldest of them: channel, bytes, and seconds they wait."""

    size: int
    max: int
    oldest: list[tuple[str, bytes, float]]


class Running:
    """Answers with `running`, `queue` and `more`. `queue()` says what waits."""

    def __init__(self, runtime: Runtime, queue: Callable[[int], Queue]) -> None:
        self._runtime = runtime
        self._queue = queue

    def __call__(self, _payload: Mapping[str, Any]) -> dict[str, Any]:
        """What is being done, the oldest first, as much as fits into an answer; `count` is of all."""
        now = time.monotonic()
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        with looking_at_threads():
            threads = sys._current_frames()
            try:
                told = [each for context in entered_in(self._runtime) if (each := _told(context, threads, names, now))]
            finally:
                # What is in a frame, such as this one, lives as long as the frame is looked at.
                del threads
        told.sort(key=lambda each: -each["age"])
        fits = _fitting(told)
        return {
            "running": told[:fits],
            "count": len(told),
            "more": fits < len(told),
            "queue": _queued(self._runtime.name, self._queue(OLDEST)),
        }


def _told(
    context: Context, threads: Mapping[int, Any], names: Mapping[int | None, str], now: float
) -> dict[str, Any] | None:
    """What is being done in a context; None where that has ended meanwhile."""
    places = frames.places_in(context, threads)
    if places is None:
        return None
    told: dict[str, Any] = {"id": cut_id(context.id)}
    if context.request is not None:
        told["action"] = cut(context.request.action, NAME)
        if context.request.service is not None:
            told["from"] = cut(context.request.service, NAME)
    if context.cause is not None:
        told["cause"] = context.cause
    told["age"] = round(now - context.begun, 6)
    told["thread"] = names.get(context.thread, str(context.thread))
    at = frames.own(places)
    if at is not None:
        told["at"] = frames.line_of(at)
    told["stack"] = [frames.line_of(place) for place in places]
    waits = [_call(each) for each in list(context.waits or ())]
    if waits:
        told["waits_for"] = waits[0]
        if len(waits) > 1:
            told["also_waits_for"] = waits[1:OLDEST]
    return told


def _call(call: Any) -> dict[str, Any]:
    return {"service": cut(call.service, NAME), "action": cut(call.action, NAME), "id": cut_id(call.id)}


def _fitting(told: list[dict[str, Any]]) -> int:
    """How many of them fit into an answer."""
    left = ANSWER
    for number, each in enumerate(told):
        left -= len(json.dumps(each, separators=(",", ":"))) + 1
        if left < 0:
            return number
    return len(told)


def _queued(service: str, queue: Queue) -> dict[str, Any]:
    return {
        "size": queue.size,
        "max": queue.max,
        "oldest": [_waiting(service, channel, data, age) for channel, data, age in queue.oldest],
    }


def _waiting(service: str, channel: str, data: bytes, age: float) -> dict[str, Any]:
    told: dict[str, Any] = {"age": round(age, 6), "length": len(data)}
    message = read_request(data) if channel == service and len(data) <= _READ else None
    if isinstance(message, Request):
        told |= {"id": cut_id(message.id), "action": cut(message.action, NAME)}
        if message.service is not None:
            told["from"] = cut(message.service, NAME)
    elif channel != service:
        told["channel"] = cut(channel, NAME)
    return told
