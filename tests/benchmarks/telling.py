"""What it costs the console that services tell what they do: processor time and bytes a message.

Run as `python -m tests.benchmarks.telling [--json FILE] [--requests N]`. The same frames are taken by two sessions:
requests with their answers, and beside them what a watched service publishes, a record for each request that it handled
and, of every second one, that its caller made. One session reads the records, one leaves them. No broker is needed;
every figure is the best of three runs.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.session import Session

RUNS = 3
PER_SECOND = 2_000
"""Requests a second: beyond as many records a service leaves some out."""
_BATCH = 200

Frames = list[tuple[float, list[tuple[str, bytes]]]]


def traffic(count: int) -> Frames:
    """Frames in batches of a tenth of a second, with what the services record of them."""
    frames: Frames = []
    begun, seq = 1_700_000_000.0, 0
    step = PER_SECOND // 10
    for first in range(0, count, step):
        at = begun + first / PER_SECOND
        batch: list[tuple[str, bytes]] = []
        handled: list[dict[str, Any]] = []
        called: list[dict[str, Any]] = []
        for number in range(first, min(count, first + step)):
            seq += 1
            id = f"{number:032x}"
            asked = {"action": "get_user", "payload": {"id": number}, "request_id": id, "reply_to": "caller:1"}
            said = {"status": "success", "payload": {"name": "Ann"}, "request_id": id, "elapsed": 0.001}
            batch.append(("users", _bytes({**asked, "service": "web", "sent_at": at, "timeout": 5.0})))
            batch.append(("caller:1", _bytes({**said, "service": "users", "instance": "a1b2c3d4e5f6"})))
            told = {"seq": seq, "at": at, "kind": "handled", "id": id, "action": "get_user", "from": "web"}
            handled.append({**told, "queued": 0.0002, "elapsed": 0.001, "outcome": "ok"})
            if number % 2:
                told = {"seq": seq, "at": at, "kind": "called", "id": id, "service": "users", "action": "get_user"}
                called.append({**told, "elapsed": 0.0015, "outcome": "ok"})
        for service, records in (("users", handled), ("web", called)):
            for place in range(0, len(records), _BATCH):
                some = records[place : place + _BATCH]
                told = {"service": service, "instance": f"{service}-1", "seq": seq, "records": some}
                batch.append((f"daebus.watch.{service}", _bytes(told)))
        frames.append((at + 0.1, batch))
    return frames


def _bytes(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def session(*, tells: bool) -> Session:
    """A session that looks at no Redis; without `tells` it leaves records as the messages that they are."""
    found = Session("redis://localhost:1/0")
    found.on_up(1_699_999_999.0)
    if not tells:
        found.telling.watched = lambda _opened, _since: []  # type: ignore[method-assign]  # as it was before
    return found


def taken(frames: Frames, *, tells: bool) -> tuple[float, Session]:
    """Seconds of processor time that a session needs for them."""
    looks = session(tells=tells)
    gc.collect()
    begun = time.process_time()
    for at, batch in frames:
        looks.on_batch(at, batch)
    return time.process_time() - begun, looks


def best(measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(RUNS))


def bytes_taken(frames: Frames, *, tells: bool) -> int:
    """Bytes that a session holds after it has taken them."""
    gc.collect()
    tracemalloc.start()
    looks = taken(frames, tells=tells)[1]
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del looks
    return held


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--requests", type=int, default=100_000)
    options = parser.parse_args()
    frames = traffic(options.requests)
    messages = sum(len(batch) for _at, batch in frames)
    seconds = options.requests / PER_SECOND
    with_, without = (best(lambda tells=tells: taken(frames, tells=tells)[0]) for tells in (True, False))  # type: ignore[misc]  # as is
    looks = taken(frames, tells=True)[1]
    exchanges = list(looks.journal.exchanges)
    begun = time.process_time()
    Conversation(exchanges[0], exchanges, looks.telling.links(exchanges))
    tree = time.process_time() - begun
    held = [bytes_taken(frames, tells=tells) for tells in (True, False)]
    found = {
        "requests_per_second": PER_SECOND,
        "messages": messages,
        "intake_us_per_message": round(without / messages * 1e6, 3),
        "with_records_us_per_message": round(with_ / messages * 1e6, 3),
        "share_of_a_core_without": round(without / seconds, 4),
        "share_of_a_core_with": round(with_ / seconds, 4),
        "bytes_more_per_message": round((held[0] - held[1]) / messages, 1),
        "tree_of_all_s": round(tree, 3),
    }
    for name, value in found.items():
        print(f"{name:<32}{value:>14,}")
    if options.json is not None:
        options.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
