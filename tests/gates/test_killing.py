"""Random holds, releases and ends of leases, while whoever debugs and whoever serves is killed: nothing runs twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.support.framework_services import ROOT, Program, program, subscribers
from tests.support.waiting import eventually

from .test_faults import flood

MESSAGES = 10_000
BATCH = 500
KILLS = 2
"""How many services are killed meanwhile; debuggers are killed with them, and now and then besides."""

SERVICE = """
import os, sys
from daebus import Daebus, request

app = Daebus("app", debugger=True, max_queue=20_000, recorder=0)
file = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(n):
    # Written at once: what is killed after it has handled something has handled it.
    os.write(file, b"%d\\n" % n)
    return {}

@app.action("plain")
def plain():
    return note(request.payload["n"])

@app.action("async")
async def asynchronous():
    return note(request.payload["n"])

app.run(service=sys.argv[1], redis_url=sys.argv[2])
"""

DEBUGGER = """
import random, sys
from daebus import DaebusError, Requester
name, url, seed = sys.argv[1:4]
chance = random.Random(int(seed))
control = f"daebus.control.{name}"
owner = f"debugger {seed}"
rules = [
    {"id": "some", "place": "request", "probability": 0.1, "hold": True},
    {"id": "late", "place": "request", "probability": 0.02, "delay": 0.02},
    {"id": "answers", "place": "answer", "probability": 0.02, "hold": True, "for": 0.5},
]
with Requester(url, timeout=1) as requester:
    while True:
        try:
            lease = chance.choice([0.05, 0.5, 2])
            requester.call(control, "rules", {"owner": owner, "lease": lease, "rules": rules})
            open(f"{sys.argv[4]}.{seed}", "w").close()
            for held in requester.call(control, "held", {})["held"]:
                if chance.random() < 0.5:
                    requester.call(control, "release", {"hold": held["hold"], "owner": owner})
                    with open(sys.argv[4], "a") as file:
                        file.write(".")
            if chance.random() < 0.1:
                requester.call(control, "suspend", {"owner": owner, "lease": 0.05})
        except DaebusError:
            pass
"""


class Debugging:
    """A debugger that is killed and begun again."""

    def __init__(self, name: str, url: str, released: Path) -> None:
        self._arguments, self._released = [name, url], released
        self.begun = 0
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Another one, with a chance of its own; returns when its rules stand."""
        self.begun += 1
        command = [sys.executable, "-c", DEBUGGER, *self._arguments, str(self.begun), str(self._released)]
        self._process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        stands = self._released.with_name(f"{self._released.name}.{self.begun}")
        eventually(stands.exists, within=30, what="its rules stand")

    def kill(self) -> None:
        """kill -9: nothing is lifted, nothing let go."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def ended(running: Program) -> bool:
    """Whether a program is there no more."""
    return running.process.poll() is not None


def seen(files: list[Path]) -> list[Counter[int]]:
    """What each instance has handled, and how often."""
    return [Counter(map(int, file.read_text().split())) if file.exists() else Counter() for file in files]


@pytest.mark.fault
@pytest.mark.timeout(240)
def test_whoever_is_killed_nothing_is_handled_twice_and_who_lives_handles_all(
    redis_url: str, name: str, tmp_path: Path
) -> None:
    chance = random.Random(19)
    released = tmp_path / "released"
    debugging = Debugging(name, redis_url, released)
    files: list[Path] = []
    lost: set[int] = set()
    kill_at = set(chance.sample(range(2, MESSAGES // BATCH - 2), KILLS))

    stack = ExitStack()

    def start() -> Program:
        files.append(tmp_path / f"handled{len(files)}")
        arguments = ("-c", SERVICE, name, redis_url, str(files[-1]))
        return stack.enter_context(program(*arguments, serves=name, url=redis_url, forked=True))

    with stack:
        running = start()
        debugging.begin()
        stack.callback(debugging.kill)
        for number in range(MESSAGES // BATCH):
            batch = range(number * BATCH, (number + 1) * BATCH)
            flood(
                redis_url,
                name,
                [{"action": ("plain", "async")[n % 2], "payload": {"n": n}, "request_id": f"r{n}"} for n in batch],
            )
            if number in kill_at:
                # In the midst of it: what it has read and not handled is lost with it, and no more than that.
                running.signal(signal.SIGKILL)
                eventually(partial(ended, running))
                eventually(lambda: not subscribers(redis_url, name))
                lost |= set(batch) - set(seen(files)[-1])
                lost |= set(range(number * BATCH)) - {n for each in seen(files) for n in each}
                running = start()
                debugging.kill()
                debugging.begin()
            else:
                if chance.random() < 0.1:
                    debugging.kill()
                    debugging.begin()
                eventually(lambda batch=batch: len(seen(files)[-1].keys() & set(batch)) > BATCH // 2, within=60)
        debugging.kill()
        expected = MESSAGES - len(lost)
        eventually(lambda: len(sum(seen(files), Counter())) == expected, within=60)
    counts = sum(seen(files), Counter())
    assert [n for n, times in counts.items() if times != 1] == []
    assert set(counts) == set(range(MESSAGES)) - lost
    # A killed service takes along what it holds, and what it has not got to; not more than there was of that.
    assert len(lost) < KILLS * 2 * BATCH
    assert debugging.begun > KILLS
    assert released.stat().st_size > 0
