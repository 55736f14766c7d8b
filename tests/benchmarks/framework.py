"""How fast requests are answered, side by side: Daebus, its release 0.0.31, FastStream's RPC, and bare redis-py.

Run with `python -m tests.benchmarks.framework [--quick] [--json FILE]`. All subjects share one private Redis and are
measured in turns, round by round, so that whatever else the machine does meets all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.subjects.framework_subjects import (
    FASTSTREAM,
    OLD,
    OURS,
    PING_PONG,
    Running,
    Subject,
    running,
    subjects,
)
from tests.support.environments import versions

PARTS = 5
LOAD = 300
"""Requests a second beside those measured, where the service is loaded."""
SIZES = {100: "100 B", 10_000: "10 kB", 1_000_000: "1 MB"}


@dataclass(frozen=True)
class Case:
    """What is asked, by how many at once."""

    size: int
    callers: int = 1
    parts: int = 0
    rate: int = 0

    @property
    def name(self) -> str:
        """As the table shows it."""
        who = "one caller" if self.callers == 1 else f"{self.callers} callers"
        what = f"{SIZES[self.size]}, {self.parts} parts and a final" if self.parts else SIZES[self.size]
        return f"{who}, {what}" + (f", {self.rate} other requests/s" if self.rate else "")

    def fits(self, subject: Subject) -> bool:
        """Whether the subject can do that."""
        return subject.streams or not self.parts


SMALL = Case(100)
MANY = Case(100, callers=32)
QUICK_CASES = [SMALL, Case(100, rate=LOAD), MANY, Case(100, parts=PARTS)]
ALL_CASES = [
    SMALL,
    Case(10_000),
    Case(1_000_000),
    Case(100, rate=LOAD),
    MANY,
    Case(10_000, callers=32),
    Case(1_000_000, callers=32),
    *(Case(size, callers, PARTS) for callers in (1, 32) for size in SIZES),
]


@dataclass
class Figures:
    """What one subject did in one case, round by round. Times in seconds."""

    medians: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)

    def add(self, outcome: dict[str, Any]) -> None:
        """Take one round in."""
        durations = outcome["durations"]
        self.medians.append(statistics.median(durations))
        self.rates.append(len(durations) / outcome["elapsed"])
        self.durations += durations

    @property
    def median(self) -> float:
        """The median over the rounds of each round's median."""
        return statistics.median(self.medians)

    @property
    def p99(self) -> float:
        """The 99th percentile of all calls of all rounds."""
        return statistics.quantiles(self.durations, n=100)[98] if len(self.durations) > 1 else self.durations[0]

    @property
    def rate(self) -> float:
        """Calls a second, the median over the rounds."""
        return statistics.median(self.rates)


Results = dict[Case, dict[str, Figures]]


def measure(up: list[Running], cases: list[Case], rounds: int, seconds: float) -> tuple[Results, float]:
    """All figures, and how many messages of 100 B a second redis-py publishes in pipelines of 100."""
    results: Results = {case: {} for case in cases}
    published = []
    for number in range(rounds):
        for case in cases:
            # Each comes first in turn.
            for one in up[number % len(up) :] + up[: number % len(up)]:
                if case.fits(one.subject):
                    results[case].setdefault(one.subject.name, Figures()).add(_once(one, case, seconds))
        for one in up:
            if one.subject.name == PING_PONG:
                outcome = one.client.do(batch=100, size=100, seconds=seconds)
                published.append(outcome["published"] / outcome["elapsed"])
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    return results, statistics.median(published) if published else 0.0


def _once(one: Running, case: Case, seconds: float) -> dict[str, Any]:
    if case.rate:
        one.loader.begin(rate=case.rate, size=case.size, seconds=seconds + 0.2)
        time.sleep(0.1)
    outcome = one.client.do(size=case.size, parts=case.parts, callers=case.callers, seconds=seconds, calls=1)
    if case.rate:
        one.loader.end()
    return outcome


def table(results: Results, published: float) -> str:
    """The figures of every case and subject, with the ratio to ours."""
    lines = [f"{'':34}{'median':>11}{'p99':>11}{'calls/s':>10}   compared with {OURS}"]
    for case, found in results.items():
        lines += ["", case.name]
        for name, figures in found.items():
            shown = f"  {name:32}{_time(figures.median):>11}{_time(figures.p99):>11}{figures.rate:>10,.0f}"
            lines.append(shown if name == OURS or OURS not in found else f"{shown}   {_compared(case, figures, found)}")
    if published:
        lines += ["", f"redis-py publishing 100 B in pipelines of 100, nobody listening: {published:,.0f} messages/s"]
    return "\n".join(lines)


def _compared(case: Case, figures: Figures, found: dict[str, Figures]) -> str:
    times, share = figures.median / found[OURS].median, figures.rate / found[OURS].rate
    return f"{share:.2f} x the calls/s" if case.callers > 1 else f"{times:.2f} x the time"


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} us" if seconds < 0.01 else f"{seconds * 1e3:,.1f} ms"


def claims(results: Results) -> list[dict[str, Any]]:
    """What the framework is to show, and whether it did: each as text, figure and `met`."""
    one, many = results.get(SMALL, {}), results.get(MANY, {})
    found: list[dict[str, Any]] = []

    def claim(text: str, value: float, met: bool) -> None:
        found.append({"claim": text, "value": round(value, 2), "met": met})

    if OURS in one and OLD in one:
        times = one[OLD].median / one[OURS].median
        claim("times faster than 0.0.31 at the median (at least 10)", times, times >= 10)
    if OURS in one and PING_PONG in one:
        times = one[OURS].median / one[PING_PONG].median
        claim("times the median of the ping-pong (at most 1.4)", times, times <= 1.4)
    if OURS in many and OLD in many:
        times = many[OURS].rate / many[OLD].rate
        claim("times the calls/s of 0.0.31 from 32 threads (at least 3)", times, times >= 3)
    if OURS in many and FASTSTREAM in many:
        times = many[OURS].rate / many[FASTSTREAM].rate
        claim("times the calls/s of FastStream from 32 callers (more than 1)", times, times > 1)
    return found


def as_json(results: Results, published: float, about: dict[str, Any]) -> str:
    """Everything that is in the table, for machines; times in seconds."""
    cases = [
        {
            "case": case.name,
            "size": case.size,
            "callers": case.callers,
            "parts": case.parts,
            "load": case.rate,
            "subject": name,
            "median": figures.median,
            "p99": figures.p99,
            "rate": figures.rate,
            "calls": len(figures.durations),
            "rounds": len(figures.medians),
        }
        for case, found in results.items()
        for name, figures in found.items()
    ]
    return json.dumps({**about, "published": published, "cases": cases, "claims": claims(results)}, indent=2) + "\n"


def main() -> int:
    """Measure, print the table, and write the JSON; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--quick", action="store_true", help="fewer cases and rounds, less than a minute")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (default: 5, quick: 3)")
    parser.add_argument("--seconds", type=float, help="how long each time (default: 0.6, quick: 0.4)")
    parser.add_argument("--only", metavar="NAME,...", help="only the subjects whose names have one of these in them")
    options = parser.parse_args()
    chosen = subjects()
    if options.only:
        wanted = options.only.split(",")
        chosen = [subject for subject in chosen if any(name in subject.name for name in wanted)]
        if not chosen:
            parser.error(f"--only leaves none of {', '.join(subject.name for subject in subjects())}")
    rounds, seconds = options.rounds or (3 if options.quick else 5), options.seconds or (0.4 if options.quick else 0.6)
    about = {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "versions": {subject.name: versions(subject.python(), "redis", "hiredis", "faststream") for subject in chosen},
    }
    with running(chosen) as up:
        results, published = measure(up, QUICK_CASES if options.quick else ALL_CASES, rounds, seconds)
    print(table(results, published))
    print()
    for claim in claims(results):
        print(f"{'yes' if claim['met'] else 'NO':4}{claim['value']:6.2f} {claim['claim']}")
    if options.json:
        options.json.write_text(as_json(results, published, about))
    return 0


if __name__ == "__main__":
    sys.exit(main())
