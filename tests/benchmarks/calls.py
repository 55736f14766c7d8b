"""Calls beside those of an older commit, in turns: median, calls a second, and the processor time of Redis for each.

Run as `python -m tests.benchmarks.calls [--before COMMIT] [--rounds N] [--seconds N] [--only NAME,...] [--json FILE]`.
The older commit is taken from this repository and installed into an environment of its own. 100-byte payloads; all
subjects share one private Redis, and each comes first in turn. A ratio is that of a round, and the median of those is
shown, so that what else the machine does meets both sides of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.benchmarks.several import busy_seconds
from tests.benchmarks.subjects.before import COMMIT, python_before
from tests.benchmarks.subjects.framework_subjects import Running, Subject, running

SIZE = 100
NOW, BEFORE, SOCKETS = "now", "before", "bare sockets"


@dataclass(frozen=True)
class Case:
    """How many ask at once, by which caller of which service, and what that is to come to."""

    name: str
    client: str
    callers: int
    wanted: float
    """So many times the calls a second of before, at least; of one caller so many times its median, at most."""
    options: tuple[str, ...] = ()

    def subjects(self, before: Callable[[], str]) -> list[Subject]:
        """Those that are measured in turns."""
        now = Subject(NOW, "daebus", self.client, options=self.options)
        found = [now, replace(now, name=BEFORE, python=before)]
        return [*found, Subject(SOCKETS, "sockets", "sockets")] if self.client == "daebus" else found


CASES = [
    Case("one caller", "daebus", 1, 0.87),
    Case("32 threads", "daebus", 32, 1.3),
    Case("asyncio, 32 tasks", "daebus_asyncio", 32, 1.4),
    Case("asyncio, 128 tasks", "daebus_asyncio", 128, 1.4),
    Case("shared, 32 threads", "daebus", 32, 1.5, ("shared",)),
    Case("shared, 32 tasks", "daebus_asyncio", 32, 1.5, ("shared",)),
]
MOST_OF_SOCKETS, MOST_OF_REDIS = 1.25, 0.7

Figures = dict[str, list[dict[str, float]]]
"""What each subject did, round by round: `median` seconds of a call, `rate` a second, `redis` seconds for each."""


def measure(case: Case, before: Callable[[], str], rounds: int, seconds: float) -> Figures:
    """All figures of a case; the first round is left out."""
    found: Figures = {}
    with running(case.subjects(before)) as up:
        for number in range(rounds + 1):
            for one in up[number % len(up) :] + up[: number % len(up)]:
                figures = _once(one, case.callers, seconds)
                if number:
                    found.setdefault(one.subject.name, []).append(figures)
    return found


def _once(one: Running, callers: int, seconds: float) -> dict[str, float]:
    began = busy_seconds([one.server])
    outcome = one.client.do(size=SIZE, parts=0, callers=callers, seconds=seconds, calls=1)
    busy, durations = busy_seconds([one.server]) - began, outcome["durations"]
    return {
        "median": statistics.median(durations),
        "rate": len(durations) / outcome["elapsed"],
        "redis": busy / len(durations),
    }


def ratio(found: Figures, figure: str, beside: str) -> float:
    """How many times that of another subject ours is: the median of the rounds' ratios."""
    pairs = zip(found[NOW], found[beside], strict=True)
    return statistics.median(ours[figure] / theirs[figure] for ours, theirs in pairs)


def claims(case: Case, found: Figures) -> list[tuple[bool, str]]:
    """What the case is to come to, each as whether it does and a line of text."""
    if case.callers == 1:
        times = ratio(found, "median", BEFORE)
        shown = [(times <= case.wanted, f"{times:.2f} x the median of before (at most {case.wanted})")]
    else:
        times = ratio(found, "rate", BEFORE)
        shown = [(times >= case.wanted, f"{times:.2f} x the calls a second of before (at least {case.wanted})")]
    busy = ratio(found, "redis", BEFORE)
    shown.append((busy <= MOST_OF_REDIS, f"{busy:.2f} x the processor time of Redis (at most {MOST_OF_REDIS})"))
    if case.callers == 1:
        times = ratio(found, "median", SOCKETS)
        shown.append((times <= MOST_OF_SOCKETS, f"{times:.2f} x bare sockets (at most {MOST_OF_SOCKETS})"))
    return shown


def show(case: Case, found: Figures) -> None:
    """Print the figures of a case, and what they are to be."""
    print(f"\n{case.name}", flush=True)
    for name, rounds in found.items():
        median, rate, busy = (statistics.median(one[key] for one in rounds) for key in ("median", "rate", "redis"))
        print(f"  {name:14} median {median * 1e6:7,.0f} us {rate:9,.0f} calls/s   Redis {busy * 1e6:5.1f} us a call")
    for met, line in claims(case, found):
        print(f"  {'yes' if met else 'NO':4}{line}", flush=True)


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default=COMMIT, metavar="COMMIT", help=f"the older one ({COMMIT})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each time")
    parser.add_argument("--only", metavar="NAME,...", help="the cases whose names have one of these in them")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else [""]
    figures = {}
    for case in CASES:
        if any(name in case.name for name in wanted):
            before = partial(python_before, options.before)
            figures[case.name] = measure(case, before, options.rounds, options.seconds)
            show(case, figures[case.name])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
