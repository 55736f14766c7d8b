"""The threads of a service: one reads the messages, and deals with each itself while another reads on.

That is leader/followers once more (see `transport/sockets/leader.py`), for threads that have nothing else to wait for:
nobody need be woken for a message, only to read on. And waking a thread costs more than most handlers do; so a
reader may also step out to do something that is likely quick, and step in again. While that goes on, one of those
that rest watches, and takes the reading over where it lasts too long.

Invariants: at any time one thread has the turn, or it is vacant; the turn has a number, which changes whenever it is
passed on. `_lock` guards everything and is held for moments only.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from typing import Generic, Protocol, TypeVar

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.transport.threads import begin

log = logging.getLogger("daebus")

PATIENCE = 0.002
"""Seconds after which the turn is taken from a thread that stepped out."""
WATCHES_FOR = 0.005
"""Seconds without a message after which the one that watches rests.

It looks every PATIENCE: to go on for long after a message that comes alone would cost far more than to be woken for
the next, most of all where a process has many services.
"""
LOOK_AGAIN_AFTER = 0.005
"""Seconds between two looks whether all messages have been dealt with."""
TOGETHER = 8
"""Messages that are looked at together, at most, where that is wanted.

With more, an instance that is killed takes more of them along; no more get done in a second.
"""
AGAIN_AFTER = 1.0
"""Seconds before reading goes on after an error of our own."""


class Rota:
    """Gives the turn to one of several threads. A thread iterates, and gets the number of its turn when it comes.

    It keeps the turn until `pass_on`. The thread that rested last comes first: its memory is warmest.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resting: list[threading.Lock] = []
        self._vacant = True
        self.turn = 0
        """The number of the turn that a thread has, or the next one has."""
        self._ended = False
        self._watcher: threading.Lock | None = None
        self._away_since = 0.0
        self._stepped_out_at = 0.0

    def is_over(self, turn: int) -> bool:
        """Whether the turn of that number has been passed on."""
        return self.turn != turn

    def pass_on(self, turn: int) -> None:
        """Give the turn of that number away, if it is not over already."""
        with self._lock:
            if self.turn == turn:
                self.turn += 1
                self._vacant = True
                self._away_since = 0.0
                self._offer()

    def step_out(self) -> None:
        """Have the turn, but do something else for a moment."""
        self._away_since = self._stepped_out_at = time.monotonic()
        if self._watcher is None and self._resting:
            with self._lock:
                if self._resting and self._watcher is None:
                    self._watcher = self._resting.pop(0)
                    self._watcher.release()

    def step_in(self, turn: int) -> bool:
        """Be back; False where the turn is over."""
        with self._lock:
            if self.turn != turn:
                return False
            self._away_since = 0.0
            return True

    def end(self) -> None:
        """Let every thread go."""
        with self._lock:
            self._ended = True
            while self._resting:
                self._resting.pop().release()
            if self._watcher is not None and self._watcher.locked():
                self._watcher.release()

    def _offer(self) -> None:
        """Wake one that takes the vacant turn. Called with `_lock` held."""
        if self._resting:
            self._resting.pop().release()
        elif self._watcher is not None and self._watcher.locked():
            self._watcher.release()

    def __iter__(self) -> Iterator[int]:
        wake = threading.Lock()
        wake.acquire()
        while self._await(wake):
            yield self.turn

    def _await(self, wake: threading.Lock) -> bool:
        """Wait for the turn; False at the end."""
        while True:
            with self._lock:
                if wake in self._resting:
                    self._resting.remove(wake)
                if self._ended:
                    return False
                if self._is_mine(wake):
                    if self._watcher is wake:
                        self._watcher = None
                    return True
                timeout = self._rest(wake)
            wake.acquire(timeout=timeout)

    def _is_mine(self, wake: threading.Lock) -> bool:
        """Whether the thread may have the turn, which it then has. Called with `_lock` held."""
        if self._vacant:
            self._vacant = False
            return True
        if self._watcher is wake and self._away_since and time.monotonic() - self._away_since > PATIENCE:
            self.turn += 1
            self._away_since = 0.0
            return True
        return False

    def _is_quiet(self) -> bool:
        return time.monotonic() - self._stepped_out_at >= WATCHES_FOR

    def _rest(self, wake: threading.Lock) -> float:
        """How long to rest, in seconds; -1 for until woken. Called with `_lock` held."""
        if self._watcher is wake:
            if not self._is_quiet():
                return PATIENCE
            self._watcher = None
        self._resting.append(wake)
        # In this order: whoever steps out in this moment, without `_lock`, sees one that rests, or is seen here.
        if self._watcher is None and self._away_since:
            self._resting.remove(wake)
            self._watcher = wake
            return PATIENCE
        return -1


class Heard(Protocol):
    """What readers want of a listener; see `Listener`."""

    name: str

    @property
    def address(self) -> object: ...
    @property
    def has_more(self) -> bool: ...
    def lead(
        self, take: Callable[[str, bytes], None], over: Callable[[], bool], idle: Callable[[], float] = ...
    ) -> None: ...
    def more(self, most: int) -> list[tuple[str, bytes]]: ...
    def lose(self, error: RedisUnavailable) -> None: ...
    def close(self) -> None: ...


Known = TypeVar("Known")


class Readers(Generic[Known]):
    """Threads that read from a listener and give each message to `on_message(channel, data, turn, known)`.

    That may take its time: it calls `hand_over` with the turn where that is likely; where it is not, another thread
    takes over a little later. `idle()` is called before each wait for more, and says how many seconds that is to
    last at most; `done()` where a thread comes to read no more. `together(messages)`, which must be quick, tells of
    messages that have come together what is `known` of each: None of one that comes alone.
    """

    def __init__(
        self,
        listener: Heard,
        threads: int,
        on_message: Callable[[str, bytes, int, Known | None], None],
        idle: Callable[[], float],
        done: Callable[[], object],
        together: Callable[[Sequence[tuple[str, bytes]]], Sequence[Known | None]] | None = None,
    ) -> None:
        self._listener = listener
        self._together = together
        self._left: deque[tuple[str, bytes, Known | None]] = deque()
        """What has been taken from the listener: for the thread that has the turn, before all else."""
        self._on_message = on_message
        self._idle = idle
        self._done = done
        self._rota = Rota()
        self._in_hand: dict[int, None] = {}
        self._threads = [
            threading.Thread(target=self._run, name=f"daebus-{listener.name}-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads. Raises RedisUnavailable where they are not to be had."""
        try:
            for thread in self._threads:
                begin(thread)
        except RuntimeError as error:
            where = f"Redis at {self._listener.address}"
            raise RedisUnavailable(f"cannot read from {where}: {error}; nothing was sent") from error

    def hand_over(self, turn: int) -> None:
        """Called from `on_message` with the turn it was given: let another thread read on at once."""
        self._idle()
        self._rota.pass_on(turn)

    def goes_on(self, turn: int) -> bool:
        """Whether the thread that has, or had, that turn has more messages to hand out before it calls `idle`.

        Until the turn is over that is certain: where it takes long, another thread takes the turn and does it.
        """
        return self._rota.turn == turn and (bool(self._left) or self._listener.has_more)

    def rest(self, until: float) -> bool:
        """Wait until no thread deals with a message, or is about to; False where that takes longer than `until`.

        What comes after it may have been read before a message is taken.
        """
        me = threading.get_ident()
        while self._left or any(thread != me for thread in list(self._in_hand)):
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_AGAIN_AFTER)
        return True

    def close(self, overran: Collection[int] = (), timeout: float = 2.0) -> None:
        """Close the listener and end the threads; those that deal with a message end when they are done.

        They are waited for, but for those that `overran` the time that they had, given by `threading.get_ident()`.
        """
        self._listener.close()
        self._rota.end()
        until = time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident not in (None, threading.get_ident(), *overran):
                thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        for turn in self._rota:
            while not self._lead(turn):
                time.sleep(AGAIN_AFTER)
            if not self._rota.is_over(turn):
                self._rota.end()

    def _lead(self, turn: int) -> bool:
        """Read until the turn is over or there is nothing more; False where a mistake of ours ended it."""
        take = self._hand_out if self._together is None else self._gather
        try:
            self._hand_on(turn)
            if not self._rota.is_over(turn):
                self._listener.lead(partial(take, turn), partial(self._rota.is_over, turn), self._idle)
        except Exception as error:
            log.exception("%s: reading failed in a way it should not; going on", self._listener.name)
            self._listener.lose(ConnectionLost(f"an error of our own: {error!r}"))
            return False
        return True

    def _gather(self, turn: int, channel: str, data: bytes) -> None:
        """Hand out a message and those that have come with it."""
        if self._together is None or not self._listener.has_more:
            self._hand_out(turn, channel, data)
            return
        messages = [(channel, data), *self._listener.more(TOGETHER - 1)]
        known: Sequence[Known | None] = ()
        try:
            known = self._together(messages)
        except Exception:
            log.exception("%s: cannot look at messages together", self._listener.name)
        self._left += ((*message, one) for message, one in zip_longest(messages, known))
        self._hand_on(turn)

    def _hand_on(self, turn: int) -> None:
        """Hand out what is left, while this thread has the turn: nobody else can take it between two messages."""
        while self._left and not self._rota.is_over(turn):
            self._hand_out(turn, *self._left.popleft())

    def _hand_out(self, turn: int, channel: str, data: bytes, known: Known | None = None) -> None:
        me = threading.get_ident()
        self._in_hand[me] = None
        self._rota.step_out()
        try:
            self._on_message(channel, data, turn, known)
        except Exception:
            log.exception("%s: cannot take a message on %r", self._listener.name, channel)
        finally:
            del self._in_hand[me]
        if not self._rota.step_in(turn):
            # Whoever reads now may have been idle before.
            self._done()
