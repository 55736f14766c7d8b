"""What the pure part of the engine costs: microseconds and bytes a message, filter times, capture rates.

Run as `python -m tests.benchmarks.engine_pure [--json FILE] [--kept N]`. No broker is needed; every figure is the best
of three runs in one process, for this measures the code and not the machine's other work.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from daebus_console.cli import contexts as cli
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.figures.stats import Stats
from daebus_console.engine.filter.language import parse
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.envelope import read
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from tests.benchmarks.subjects import flood

RUNS = 3
BATCH = 200
CAPTURES = {"plain": "capture.jsonl", "gzip": "capture.jsonl.gz"}
FILTERS = {
    "everything": "",
    "service": "service:orders",
    "from": "from:web",
    "to, glob": "to:*ck",
    "channel, glob": "channel:caller:*1",
    "action, either": "action:get_*,list_*",
    "id": "id:00000000000000000000000000000abc",
    "kind": "kind:request",
    "status": "status:error",
    "latency": "latency:>100ms",
    "size": "size:>400b",
    "is": "is:late",
    "code": "code:busy",
    "payload, text": "payload.user.name:ann",
    "payload, number": "payload.amount:>99",
    "payload, exists": "payload.nowhere:*",
    "payload, any field": "payload.user.*:ann",
    "text": "nowhere-to-be-found",
    "text with blanks": '"out of stock"',
    "text, glob": "out*stock",
    "text beyond ASCII": "zoë",
    "all together": "status:ok service:users payload.order_id:77 -nowhere",
}

Frames = list[tuple[float, str, bytes]]


def traffic(count: int) -> Frames:
    """Requests and their answers in turn, 225 bytes each on average, with latencies up to 200 ms."""
    chance = random.Random(1)
    frames: Frames = []
    for number in range(count // 2):
        at, request_id, reply_to = number * 0.001, f"{number:032x}", f"caller:{number % 50:032x}"
        service = ("orders", "users", "stock")[number % 3]
        asked = {
            "action": "create_order" if number % 7 else "get_user",
            "reply_to": reply_to,
            "request_id": request_id,
            "service": "web",
            "payload": {
                "user": {"name": ("Ann", "Bob", "Zoë", "Cyd")[number % 4], "id": number},
                "amount": number % 1000,
            },
        }
        answered = {
            "status": "success" if number % 50 else "error",
            "request_id": request_id,
            "service": service,
            "elapsed": 0.01,
            "payload": {"order_id": number, "note": "n" * 95},
        }
        frames.append((at, service, json.dumps(asked).encode()))
        frames.append((at + chance.random() / 5, reply_to, json.dumps(answered).encode()))
    frames.sort(key=lambda frame: frame[0])
    return frames


def best(run: Callable[[], Any]) -> float:
    """Seconds of the fastest of RUNS runs."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def filled(frames: Frames) -> Correlator:
    """A correlator that has taken them in batches, as a tap hands them over, and its journal."""
    correlator = Correlator(Journal(max_messages=len(frames) + 1, max_bytes=1 << 40))
    for start in range(0, len(frames), BATCH):
        batch = frames[start : start + BATCH]
        pairs = [(channel, data) for _at, channel, data in batch]
        correlator.take(batch[-1][0], pairs)
    return correlator


def ingest(frames: Frames) -> dict[str, float]:
    """Microseconds a message for reading envelopes, with correlation, and with figures."""
    count = len(frames)
    envelope = best(lambda: [read(data) for _at, _channel, data in frames])
    correlated = best(lambda: filled(frames))
    exchanges = list(filled(frames).journal.exchanges)
    answered = [exchange for exchange in exchanges if exchange.answer is not None]

    def measure() -> None:
        stats = Stats()
        for exchange in exchanges:
            stats.opened(exchange)
        for exchange in answered:
            stats.settled(exchange)

    return {
        "envelope": envelope / count * 1e6,
        "envelope and correlator": correlated / count * 1e6,
        "figures, a call": best(measure) / (len(exchanges) + len(answered)) * 1e6,
    }


def keeping(count: int) -> dict[str, float]:
    """What a kept message of 225 bytes takes, all included, in a process of its own: bytes and microseconds."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_keep, (count,))


def _keep(count: int) -> dict[str, float]:
    """A session that takes `count` messages as a tap would hand them over: what the process grows by, and the time."""
    gc.set_threshold(*cli._COLLECT_AFTER)
    session = Session("redis://localhost:6379/0", Settings(max_messages=count + 1, max_bytes=1 << 40))
    session.on_batch(0.0, flood.pairs(count, BATCH // 2))
    gc.collect()
    before, seconds = resident(), 0.0
    for start in range(BATCH, count, BATCH):
        batch = flood.pairs(start // 2, BATCH // 2)
        began = time.process_time()
        session.on_batch(start * 1e-5, batch)
        seconds += time.process_time() - began
    del batch
    grown, taken = resident() - before, count - BATCH
    assert len(session.journal.messages) == count
    return {
        "bytes": grown / taken,
        "of them data": float(flood.SIZE),
        "microseconds (processor)": seconds / taken * 1e6,
    }


def resident() -> int:
    """Bytes of memory this process has, from the system."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the system does not tell how much memory a process has")


def _passing(text: str, exchanges: list[Exchange]) -> int:
    return sum(map(parse(text).accepts, exchanges))


def filtering(frames: Frames) -> dict[str, dict[str, float]]:
    """Milliseconds over all exchanges, and how many pass, for each kind of term."""
    exchanges = list(filled(frames).journal.exchanges)
    found = {}
    for name, text in FILTERS.items():
        passing = sum(map(parse(text).accepts, exchanges))
        # Parsed anew for each run, so that nothing is remembered from the one before.
        seconds = best(partial(_passing, text, exchanges))
        found[name] = {"milliseconds": seconds * 1e3, "passing": passing, "exchanges": len(exchanges)}
    return found


def capturing(frames: Frames) -> dict[str, float]:
    """Microseconds a message for recording (at the caller, and until it is on the disk) and reading."""
    found: dict[str, float] = {}
    count = len(frames)
    with tempfile.TemporaryDirectory(prefix="daebus-bench-") as folder:
        for name, file in CAPTURES.items():
            path = Path(folder) / file
            began = time.perf_counter()
            writer = CaptureWriter(path, "redis://localhost/0", 0.0, force=True)
            write = writer.write
            for at, channel, data in frames:
                write(at, channel, data)
            handed = time.perf_counter()
            writer.close()
            found[f"{name}: handing over"] = (handed - began) / count * 1e6
            found[f"{name}: recording"] = (time.perf_counter() - began) / count * 1e6
            found[f"{name}: reading"] = best(partial(_read, path)) / count * 1e6
            found[f"{name}: bytes a message"] = path.stat().st_size / count
        redact = Redactor(["password", "token"])
        found["redaction, nothing named"] = best(lambda: [redact(data) for _at, _channel, data in frames]) / count * 1e6
    return found


def _read(path: Path) -> int:
    return sum(1 for _ in CaptureReader(path))


def opening(count: int) -> dict[str, float]:
    """Seconds until a capture of so many messages of 225 bytes is open, each with a time of its own: the worst case."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="daebus-bench-") as folder:
        for name, file in CAPTURES.items():
            path = Path(folder) / file
            with CaptureWriter(path, "redis://localhost/0", 0.0) as writer:
                for start in range(0, count, BATCH):
                    for number, (channel, data) in enumerate(flood.pairs(start // 2, BATCH // 2), start):
                        writer.write(number * 0.0005, channel, data)
                    while writer.waiting > 100_000:
                        # A disk that is slower than this loop is not what is measured.
                        time.sleep(0.05)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found[name], found[f"{name} (processor)"] = pool.apply(_open, (str(path), count))
    return found


def _open(path: str, count: int) -> tuple[float, float]:
    """What `open` and every verb on a capture do until all of it is there: seconds by the clock, and of processor."""
    gc.set_threshold(*cli._COLLECT_AFTER)
    began, worked = time.perf_counter(), time.process_time()
    session = OfflineSession(path)
    with session:
        assert session.wait_up(600)
        times = time.perf_counter() - began, time.process_time() - worked
        assert session.status.messages == count, session.warnings
    return times


def report(kept: int) -> dict[str, Any]:
    """All figures: with `kept` messages for the stages, and as many exchanges as are wanted of the filters."""
    frames = traffic(kept)
    return {
        "messages": kept,
        **{f"a message of 225 bytes, {count:,} kept": keeping(count) for count in (100_000, 1_000_000)},
        "microseconds a message": ingest(frames),
        "filters over 100,000 exchanges": filtering(traffic(200_000)),
        "captures, microseconds a message": capturing(frames),
        "opening a capture of 1,000,000 messages, seconds": opening(1_000_000),
    }


def show(figures: dict[str, Any]) -> None:
    """Print them for people."""
    for title, rows in figures.items():
        if not isinstance(rows, dict):
            print(f"{title}: {rows:,}")
            continue
        print(f"\n{title}")
        for name, value in rows.items():
            if isinstance(value, dict):
                print(f"  {name:<26} {value['milliseconds']:8.1f} ms  {value['passing']:7,} pass")
            else:
                print(f"  {name:<26} {value:8.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write the figures there as JSON, - for standard output")
    parser.add_argument("--kept", type=int, default=100_000, help="messages kept in the journal (100000)")
    arguments = parser.parse_args()
    figures = report(arguments.kept)
    if arguments.json == "-":
        json.dump(figures, sys.stdout, indent=2)
    else:
        show(figures)
    if arguments.json and arguments.json != "-":
        Path(arguments.json).write_text(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
