"""The processes below one of this machine, from /proc or from `ps`."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path


def die_with_parent() -> None:
    """In a child between fork and exec: ask Linux to end it when the test process ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def family(pids: Iterable[int]) -> set[int]:
    """Every process that runs below one of `pids`: children, grandchildren, and so on, without `pids` themselves."""
    parents = _parents()
    roots = set(pids)
    found = set(roots)
    more = True
    while more:
        more = {child for child, parent in parents.items() if parent in found and child not in found}
        found |= more
    return found - roots


def freeze(pid: int) -> set[int]:
    """Stop `pid` and all below it, so that none of them can start another; returns them all."""
    found = {pid}
    fresh = {pid}
    while fresh:
        for one in fresh:
            send(one, signal.SIGSTOP)
        fresh = family(found) - found
        found |= fresh
    return found


def stop(pid: int) -> None:
    """Have a process stand still; returns when it does, which on a busy machine takes a moment."""
    send(pid, signal.SIGSTOP)
    until = time.monotonic() + 30
    while _state(pid) not in "TtZX":
        assert time.monotonic() < until, f"process {pid} does not stop"
        time.sleep(0.001)


def _state(pid: int) -> str:
    """One letter, as `ps` has it; X where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        done = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, check=False, text=True)
        return done.stdout.strip()[:1] or "X"


def send(pid: int, number: int) -> None:
    """Send a signal; nothing happens where the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def command_line(pid: int) -> str:
    """What a process was started with; "" where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        done = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, check=False, text=True)
        return done.stdout.strip()


def _parents() -> dict[int, int]:
    """The parent of every process that runs; one that is dead and not reaped yet does not."""
    if not os.path.exists("/proc/self/stat"):
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, check=True, text=True)
        rows = [line.split() for line in listing.stdout.splitlines()]
        return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                # The name in brackets may hold brackets; behind the last one stand the state and the parent.
                state, parent = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state not in "ZX":
                parents[int(entry)] = int(parent)
    return parents
