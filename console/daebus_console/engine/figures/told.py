"""What an instance tells of itself in its answer to `info`, as figures; anything may be missing there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figures:
    """The figures of one instance; None where it does not tell.

    `busy` of `workers` are at work, `queued` messages wait where `room` may; `handled`, `errors` and `refused` are
    counted since it started; `up` are the seconds since then, `probe` those that its latest probe to itself took.
    """

    busy: int | None = None
    workers: int | None = None
    queued: int | None = None
    room: int | None = None
    handled: int | None = None
    errors: int | None = None
    refused: int | None = None
    up: float | None = None
    probe: float | None = None


def figures(info: Mapping[str, Any], now: float) -> Figures:
    """The figures in an answer to `info`; `now` is epoch seconds."""
    workers, queue, counts = (_mapping(info.get(name)) for name in ("workers", "queue", "counts"))
    refusals = [count for name in ("busy", "expired") if (count := _count(counts.get(name))) is not None]
    started, probe = info.get("started"), _mapping(info.get("redis")).get("round_trip")
    known = isinstance(started, int | float) and not isinstance(started, bool) and 0 < started <= now
    return Figures(
        busy=_count(workers.get("busy")),
        workers=_count(workers.get("max")),
        queued=_count(queue.get("size")),
        room=_count(queue.get("max")),
        handled=_count(counts.get("handled")),
        errors=_count(counts.get("errors")),
        refused=sum(refusals) if refusals else None,
        up=now - started if known and isinstance(started, int | float) else None,
        probe=float(probe) if isinstance(probe, int | float) and 0 <= probe < 1e9 else None,
    )


def place(info: Mapping[str, Any]) -> str:
    """Host and process of an instance, as far as it tells."""
    return ":".join(str(info[name]) for name in ("host", "pid") if isinstance(info.get(name), str | int))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
