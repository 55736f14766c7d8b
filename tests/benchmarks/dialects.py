"""What a message of each dialect costs to take in, and of all of them on one bus, beside ours alone.

Run as `python -m tests.benchmarks.dialects [--json FILE] [--count N] [--rounds N] [--profile] [--before] [NAME ...]`.
No broker is needed: batches are handed to a session as the tap does it, with all that a session does for them. The
messages are those of the tests' transcripts, as often as it takes, with fresh ids; names are those of the transcripts,
`mixed` and `daebus`. All take turns; figures are the processor time of this process, medians of the rounds.

With `--before`, and where no NAME is given, ours alone is also taken in by the commit before other dialects were known
(see before.py), in this process and in turns, in four times as many rounds.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import pstats
import re
import statistics
import time
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from daebus_console.cli import contexts as cli
from daebus_console.engine import session as today
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.message.frame import Frame
from tests.benchmarks.subjects import flood
from tests.benchmarks.subjects.before import COMMIT, module_before

BATCH = 200
TRANSCRIPTS = Path(__file__).parents[1] / "console" / "engine" / "dialects" / "transcripts"
OURS, MIXED = "daebus", "mixed"
_ID = re.compile(
    rb"(?<![0-9a-f])[0-9a-f]{21}(?![0-9a-f])|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    rb"|(?<![0-9A-Za-z])[0-9A-Za-z]{22}(?![0-9A-Za-z])"
)
_RARE = re.compile(r"\.(?:INFO|DISCOVER|DISCONNECT)|celeryev/worker|pidbox")
"""Heartbeats and the greetings of nodes, which are long and come once in many seconds."""

Batch = list[tuple[str, bytes]]


def said(name: str) -> Batch:
    """What was said in a transcript, but what is rare."""
    frames = (one for one in CaptureReader(TRANSCRIPTS / f"{name}.jsonl") if isinstance(one, Frame))
    return [(one.channel, one.data) for one in frames if not _RARE.search(one.channel)]


def again(talk: Batch, count: int) -> Batch:
    """So many messages: that talk as often as it takes, each time with ids that were not there before."""
    found: Batch = []
    number = 0
    while len(found) < count:
        number += 1
        fresh = partial(_ID.sub, partial(_fresh, number))
        found += ((fresh(channel.encode()).decode(), fresh(data)) for channel, data in talk)
    return found[:count]


def _fresh(number: int, old: re.Match[bytes]) -> bytes:
    return b"%0*x" % (len(old[0]), zlib.crc32(old[0], number))


def mixed(count: int) -> Batch:
    """All dialects on one bus, a pair of ours for every eight messages of the others."""
    talk = again([one for name in transcripts() for one in said(name)], count)
    ours = iter(flood.pairs(0, count // 8 + 1))
    found: Batch = []
    for start in range(0, count, 8):
        found += talk[start : start + 8]
        found += (next(ours), next(ours))
    return found[:count]


def transcripts() -> list[str]:
    """The names of all transcripts."""
    return sorted(path.stem for path in TRANSCRIPTS.glob("*.jsonl"))


def traffic(name: str, count: int) -> Batch:
    """The messages by the name of what speaks."""
    if name == OURS:
        return flood.pairs(0, count // 2)
    return mixed(count) if name == MIXED else again(said(name), count)


def taken(messages: Batch, code: Any = today) -> float:
    """Microseconds of processor time a message, with that module of sessions."""
    settings = code.Settings(max_messages=10_000_000, max_bytes=1 << 40)
    session = code.Session("redis://localhost:1/0", settings)
    batches = [messages[start : start + BATCH] for start in range(0, len(messages), BATCH)]
    gc.collect()
    at, began = 1_000.0, time.process_time()
    for batch in batches:
        at += 1e-3
        session._take(at, ((at, batch),))
    return (time.process_time() - began) / len(messages) * 1e6


def in_turns(subjects: dict[str, Batch], rounds: int) -> dict[str, float]:
    """The median of each; what ran first is not first every time."""
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for turn in range(rounds):
        for name in list(subjects) if turn % 2 else reversed(subjects):
            found[name].append(taken(subjects[name]))
    return {name: statistics.median(times) for name, times in found.items()}


def beside_before(count: int, rounds: int) -> tuple[float, float]:
    """Microseconds a message of ours, today and in the older commit, and of how many times its speed today has.

    The first is the median of the rounds, the second that of their ratios.
    """
    before, messages = module_before(today.__name__), traffic(OURS, count)
    # The tap hands out one text for each name of a channel.
    names: dict[str, str] = {}
    messages = [(names.setdefault(channel, channel), data) for channel, data in messages]
    times: dict[Any, list[float]] = {today: [], before: []}
    for turn in range(-1, rounds):
        for code in (today, before) if turn % 2 else (before, today):
            found = taken(messages, code)
            if turn >= 0:
                times[code].append(found)
    ratios = [then / now for now, then in zip(times[today], times[before], strict=True)]
    return statistics.median(times[today]), statistics.median(ratios)


def profiled(run: Callable[[], object], most: int = 32) -> None:
    """Print where the time goes."""
    profile = cProfile.Profile()
    profile.runcall(run)
    pstats.Stats(profile).sort_stats("tottime").print_stats(most)


def main(arguments: Iterable[str] | None = None) -> int:
    """Measure and print, or profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [OURS, MIXED, *transcripts()]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--count", type=int, default=40_000, help="messages of each (40000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="print where the time goes instead")
    parser.add_argument("--before", action="store_true", help=f"ours alone beside {COMMIT}, whatever NAME is given")
    options = parser.parse_args(None if arguments is None else list(arguments))
    for name in set(options.names) - set(known):
        parser.error(f"there is no {name!r}; there are {', '.join(known)}")
    gc.set_threshold(*cli._COLLECT_AFTER)
    subjects = {name: traffic(name, options.count) for name in options.names or known}
    if options.profile:
        for name, messages in subjects.items():
            print(name)
            profiled(partial(taken, messages))
        return 0
    found = in_turns(subjects, options.rounds)
    print(f"microseconds of processor time a message, and messages a second (median of {options.rounds})")
    for name, micro in found.items():
        print(f"  {name:<20} {micro:8.2f} us {1e6 / micro:>10,.0f}")
    if options.before or not options.names:
        # A difference of a hundredth takes more messages and more rounds to be seen.
        micro, ratio = beside_before(100_000, 4 * options.rounds)
        print(
            f"  {OURS} alone has {ratio:.3f} times the speed of {COMMIT} ({micro:.2f} us; in turns, median of ratios)"
        )
        found["speed beside before"] = ratio
    if options.json:
        options.json.write_text(json.dumps({name: round(micro, 3) for name, micro in found.items()}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
