"""Starting threads where a signal raises something in the middle of it, and looking at where threads are."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from daebus.errors import TooLate
from daebus.transport.threads import FewThreads, begin, in_time, looking_at_threads
from tests.support.framework_services import program
from tests.support.waiting import eventually


class Interrupt(Exception):
    """What a signal raises."""


class Stumbling(threading.Thread):
    """Starts as `Thread.start` does where the thread has begun already when a signal raises something."""

    def __init__(self, raised: Exception | None) -> None:
        super().__init__()
        self.raised = raised

    def start(self) -> None:
        try:
            if self.raised is not None:
                raise self.raised
        except Interrupt:
            raise KeyError(self) from None
        raise KeyError("another")


def test_what_a_signal_raises_is_raised_and_not_what_the_bookkeeping_of_threads_makes_of_it() -> None:
    with pytest.raises(Interrupt):
        begin(Stumbling(Interrupt()))
    with pytest.raises(KeyError, match="another"):
        begin(Stumbling(None))


class Garbage:
    """What only a collection finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collections() -> Iterator[list[str]]:
    """Which collections there were."""
    seen: list[str] = []

    def told(phase: str, _info: object) -> None:
        seen.append(phase)

    enabled = gc.isenabled()
    thresholds = gc.get_threshold()
    gc.enable()
    gc.set_threshold(10, 2, 2)
    gc.callbacks.append(told)
    yield seen
    gc.callbacks.remove(told)
    gc.set_threshold(*thresholds)
    (gc.enable if enabled else gc.disable)()


def litter() -> list[Garbage]:
    return [Garbage() for _ in range(1000)]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there frames are made without a collection")
def test_nothing_is_collected_while_somebody_looks_at_frames(collections: list[str]) -> None:
    litter()
    assert collections
    with looking_at_threads():
        collections.clear()
        with looking_at_threads():
            litter()
        litter()
        assert not collections
    assert gc.isenabled()
    litter()
    assert collections


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there frames are made without a collection")
def test_whoever_collects_nothing_goes_on_so(collections: list[str]) -> None:
    gc.disable()
    with looking_at_threads():
        assert not gc.isenabled()
    assert not gc.isenabled()
    gc.enable()
    with pytest.raises(RuntimeError, match="as it looks"), looking_at_threads():
        raise RuntimeError("as it looks")
    assert gc.isenabled()


def test_a_child_that_is_forked_meanwhile_collects_its_garbage(collections: list[str]) -> None:
    with looking_at_threads():
        child = os.fork()
        if not child:
            with looking_at_threads():
                pass
            os._exit(0 if gc.isenabled() else 1)
    assert os.waitpid(child, 0)[1] == 0


BUSY = """
import gc, random, sys, threading, time

from daebus.service.control.frames import places_in
from daebus.transport.threads import is_held, looking_at_threads


class Slow:
    def __init__(self):
        self.itself = self

    def __del__(self):
        if threading.current_thread() is threading.main_thread():
            time.sleep(0.001)


class At:
    task = None

    def __init__(self, thread):
        self.thread = thread.ident


def narrow(depth):
    return random.choice(ways)(depth - 1) if depth else time.sleep(0.0003)


def wide(depth, a=1, b=2, c=3):
    d = e = f = g = h = depth
    return random.choice(ways)(depth - 1) if depth else time.sleep(0.0003)


def by_generator(depth):
    return list(random.choice(ways)(depth - 1) for _ in range(1)) if depth else time.sleep(0.0003)


def busy():
    while True:
        narrow(random.randrange(5, 40))


ways = [narrow, wide, by_generator]
threads = [threading.Thread(target=busy, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
gc.set_threshold(20, 5, 5)
for _ in range(300):
    garbage = [Slow() for _ in range(5)]
    del garbage
    with looking_at_threads():
        frames = sys._current_frames()
        for thread in threads:
            assert places_in(At(thread), frames)
        del frames
    assert not is_held("nothing", thread)
print("every frame was one")
"""


def test_frames_are_looked_at_however_slow_finalizers_are() -> None:
    with program("-c", BUSY) as looking:
        assert looking.wait() == 0


@pytest.mark.parametrize("longest", [0.0, 60.0], ids=["here", "aside"])
def test_what_is_found_out_in_time_is_told_whoever_finds_it_out(longest: float) -> None:
    until = time.monotonic() + 20

    def fail() -> None:
        raise LookupError("there is none")

    assert in_time(lambda: 17, until, longest, "it") == 17
    with pytest.raises(LookupError, match="there is none"):
        in_time(fail, until, longest, "it")


def test_who_has_less_time_than_it_takes_is_told_so_and_it_goes_on() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def find() -> None:
        go_on.wait(20)
        ended.set()

    with pytest.raises(TooLate, match="before it was found out who is there; nothing was sent"):
        in_time(find, time.monotonic() + 0.01, 60.0, "who is there")
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(20)


def test_few_threads_do_many_things_each_in_its_turn_and_end() -> None:
    few, go_on, done = FewThreads("test-few", 2), threading.Event(), list[int]()

    def do(number: int) -> None:
        go_on.wait(20)
        done.append(number)

    def there() -> int:
        return sum(thread.name == "test-few" for thread in threading.enumerate())

    for number in range(50):
        few.do(partial(do, number))
        assert there() == min(number + 1, 2)
    go_on.set()
    eventually(lambda: there() == 0)
    assert sorted(done) == list(range(50))
    few.do(partial(do, 50))
    eventually(lambda: done[-1] == 50 and there() == 0)


def test_what_finds_no_thread_is_not_done_later(monkeypatch: pytest.MonkeyPatch) -> None:
    few, done = FewThreads("test-few", 2), list[str]()

    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("daebus.transport.threads.begin", none)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            few.do(lambda: done.append("refused"))
    few.do(lambda: done.append("done"))
    eventually(lambda: done == ["done"])


def _wait_for(event: threading.Event) -> None:
    event.wait(20)


def test_a_forked_child_has_threads_of_its_own() -> None:
    few, go_on = FewThreads("test-few", 1), threading.Event()
    few.do(partial(_wait_for, go_on))
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            done = threading.Event()
            few.do(done.set)
            os.write(writes, b"done" if done.wait(20) else b"late")
        finally:
            os._exit(0)
    os.close(writes)
    try:
        assert os.read(reads, 10) == b"done"
    finally:
        os.close(reads)
        os.waitpid(child, 0)
        go_on.set()
