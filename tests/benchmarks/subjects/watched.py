"""Services that are measured beside each other, each a process of its own; the one called `watched` is watched."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from daebus import DaebusCaller, Requester
from tests.support.framework_services import ROOT, subscribers
from tests.support.waiting import eventually


def _watch(url: str, ended: threading.Event) -> None:
    with Requester(url) as requester:
        while not ended.is_set():
            requester.call("daebus.control.watched", "watch", {"lease": 10})
            ended.wait(3)


def in_turns(callers: Mapping[str, DaebusCaller], number: int) -> list[tuple[str, DaebusCaller]]:
    """The callers for a round of that number: each is the first in its turn, since what comes first fares otherwise."""
    several, first = list(callers.items()), number % len(callers)
    return several[first:] + several[:first]


@contextmanager
def running(url: str, programs: Mapping[str, str], timeout: float = 30) -> Iterator[dict[str, DaebusCaller]]:
    """Run the programs, by the name of the service that each is, and give a caller of each."""
    with ExitStack() as stack:
        callers: dict[str, DaebusCaller] = {}
        for name, code in programs.items():
            process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            eventually(lambda name=name: subscribers(url, name) == 1, within=30)  # type: ignore[misc]
            callers[name] = stack.enter_context(DaebusCaller(name, redis_url=url, timeout=timeout))
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(url, ended))
        watcher.start()
        stack.callback(watcher.join)
        stack.callback(ended.set)
        yield callers
