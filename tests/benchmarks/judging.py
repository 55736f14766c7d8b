"""What findings and records cost the intake where messages come a few at a time: processor time a message.

Run as `python -m tests.benchmarks.judging [--json FILE] [--messages N]`. The same messages, requests of a small shop
and the calls of its handlers with their answers, in batches of one, four and twenty, are taken by a session that judges
them and by one that does not, at 5,000 a second by their times. Both take turns; each figure is the median of these.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from pathlib import Path

from daebus_console.engine.session import Session

TURNS = 9
PER_SECOND = 5_000
BATCHES = (1, 4, 20)

Frames = list[tuple[str, bytes]]


def traffic(count: int) -> Frames:
    """Orders, each with two calls made for it, and all their answers."""
    frames: Frames = []
    order = 0
    while len(frames) < count:
        order += 1
        calls = [(f"o{order}", "shop", "order", None), (f"u{order}", "users", "get_user", f"o{order}"),
                 (f"p{order}", "payment", "charge", f"o{order}")]  # fmt: skip
        for id, service, action, parent in calls:
            asked = {"action": action, "payload": {"id": order, "cents": order * 7, "name": "Ann"}, "request_id": id}
            more = {"reply_to": "caller:1", "service": "web", "timeout": 5.0}
            frames.append((service, _bytes({**asked, **more, **({"parent_id": parent} if parent else {})})))
            if parent:
                frames.append(_answer(id, service))
        frames.append(_answer(f"o{order}", "shop"))
    return frames[:count]


def _answer(id: str, service: str) -> tuple[str, bytes]:
    said = {"status": "success", "payload": {"done": True, "name": "Ann"}, "request_id": id, "elapsed": 0.001}
    return "caller:1", _bytes({**said, "service": service, "instance": f"{service}-1"})


def _bytes(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def taken(frames: Frames, size: int, *, judges: bool) -> float:
    """Microseconds of processor time a message, in batches of that size."""
    session = Session("redis://localhost:1/0")
    session.on_up(1_699_999_999.0)
    if not judges:
        session.findings.take = lambda _at, _taken: None  # type: ignore[method-assign]  # nobody judges
        session.telling.watched = lambda _opened, _since: []  # type: ignore[method-assign]  # and nobody reads records
    batches = [frames[at : at + size] for at in range(0, len(frames), size)]
    gc.collect()
    begun = time.process_time()
    for number, batch in enumerate(batches):
        session.on_batch(1_700_000_000.0 + number * size / PER_SECOND, batch)
    return (time.process_time() - begun) / len(frames) * 1e6


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--messages", type=int, default=50_000)
    options = parser.parse_args()
    frames = traffic(options.messages)
    found: dict[str, dict[str, float]] = {}
    for size in BATCHES:
        turns = [(taken(frames, size, judges=False), taken(frames, size, judges=True)) for _ in range(TURNS)]
        without, with_ = (statistics.median(one[side] for one in turns) for side in (0, 1))
        more = statistics.median(one[1] / one[0] for one in turns) - 1
        found[str(size)] = {"without_us": round(without, 2), "with_us": round(with_, 2), "more": round(more, 3)}
        print(f"batches of {size:>2}: {without:6.2f} us without, {with_:6.2f} us with: {more:+.1%}", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
