"""The gates of one instance: who has a lease on them, what the rules say, and what is held.

Rules of this file: `_lock` guards everything and is held for moments only; whoever takes a message out of `_held` lets
it go, outside the lock, and nobody else does. In a forked child, which is no instance of the service, they are open.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable

from daebus.errors import DaebusError
from daebus.transport.fork import begins_anew
from daebus.transport.threads import begin
from daebus.waiting import bounded

from .held import Asker, Held, Outcome, Resume, Verdict, at_once
from .leases import Lease, Leases
from .rule import DELAY, HOLD, Met, Rule

log = logging.getLogger("daebus")

MOST_HELD = 200
MOST_BYTES = 16 * 1024 * 1024
ENDS_WITHIN = 1.0
"""Seconds for which the end waits for those that others are just letting go."""
EVERY = 1.0
"""Seconds between two notices to whoever asked."""
AHEAD = 2.0
"""Seconds that a notice says a message is held longer than it is: until the next one has surely come."""
EARLY = 0.5
"""Seconds before its asker gives up that a message is let go, where the rule says so."""


class Gone(DaebusError):
    """What is to be let go is not held any more, or never was."""


class Gates:
    """Decides about messages, by the rules of everybody who has a lease. Any thread may use it.

    `later(function)` has a function called soon on some other thread, and raises RuntimeError where there is none.
    """

    def __init__(self, name: str, instance: str, later: Callable[[Callable[[], object]], object]) -> None:
        self._name = name
        self._instance = instance
        self._later = later
        self._begin()
        begins_anew(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._leases = Leases()
        self._held: dict[str, tuple[Held, Lease]] = {}
        self._rules: list[tuple[Lease, Rule]] = []
        self._bytes = 0
        self._behind = 0
        self._leaving = 0
        """How many have been taken out of `_held`, and have not gone on yet."""
        self._count = 0
        self._clock: threading.Thread | None = None
        self._telling = False
        self._tells_at = 0.0
        self._ended = False
        self._random = random.Random()
        self.watched: frozenset[str] = frozenset()
        """The places at which there are rules."""

    def after_fork(self) -> None:
        """See `begins_anew`."""
        self._begin()
        self._ended = True

    # Whoever stands at a gate

    def meet(self, met: Met, resume: Resume, asker: Asker | None = None) -> Outcome | Held | None:
        """What is to become of a message: None where it just goes on, Held where `resume` is called later."""
        while True:
            rules = self._rules
            fitting = [(lease, rule) for lease, rule in rules if _fits(rule, met)]
            if not fitting:
                return None
            with self._lock:
                if rules is not self._rules:
                    # To look into a payload takes its time, and is not done under the lock.
                    continue
                found = next((each for each in fitting if each[1].wins(self._random.random())), None)
                if found is None:
                    return None
                lease, rule = found
                if rule.deed.kind not in (HOLD, DELAY):
                    self._hit(rule)
                    return at_once(rule, lease.owner)
                held = self._hold(met, resume, asker, rule, lease)
            if held is not None and asker is not None and asker.tell is not None:
                # At once: it may not wait for long.
                self._soon([held])
            return held

    def withdraw(self, held: Held) -> bool:
        """Whoever handed it in goes on without it; False where it has been let go."""
        return self._take(held.id) is not None

    def wait_behind(self, size: int, held: Held | None) -> bool:
        """Something waits for a held message to go on, and takes as much room as that; False where there is none.

        Then the held one has to be withdrawn. Told in either case when it waits no more: `goes_on`.
        """
        with self._lock:
            has_room = self._has_room(size)
            self._behind += 1
            self._bytes += size
            if not has_room and held is not None:
                held.rule.passed += 1
        return has_room

    def goes_on(self, size: int) -> None:
        """That waits no more."""
        with self._lock:
            self._behind -= 1
            self._bytes -= size

    def _has_room(self, size: int) -> bool:
        """Called with `_lock` held."""
        return len(self._held) + self._behind < MOST_HELD and self._bytes + size <= MOST_BYTES

    def _hit(self, rule: Rule) -> None:
        """Called with `_lock` held."""
        rule.hits += 1
        if rule.spent:
            self._look()

    def _hold(self, met: Met, resume: Resume, asker: Asker | None, rule: Rule, lease: Lease) -> Held | None:
        """Hold a message; None where there is no room. Called with `_lock` held."""
        if not self._has_room(met.size):
            rule.passed += 1
            return None
        self._hit(rule)
        self._count += 1
        now = time.monotonic()
        until = now + rule.deed.seconds
        if rule.before_timeout is not None and asker is not None and asker.tell is None:
            left = rule.before_timeout if asker.left is None else asker.left
            until = min(until, now + max(0.0, left - EARLY))
        id = f"{self._instance}:{self._count}"
        held = Held(id, met, rule, lease.owner, resume, asker, now, until, time.time())
        self._held[id] = held, lease
        self._bytes += met.size
        if self._tells_at < now:
            self._tells_at = now + EVERY
        self._changed.notify_all()
        return held

    # Whoever holds a lease

    def set_rules(self, owner: str, seconds: float, rules: list[Rule] | None) -> Lease:
        """Replace the rules of an owner, or renew its lease where there are none given. Raises DaebusError."""
        with self._lock:
            lease = self._lease(owner, False, seconds)
            if rules is not None:
                lease.replace(rules)
                self._look()
            return lease

    def suspend(self, owner: str, seconds: float) -> Lease:
        """Hold whatever is to be handled or heard, for as long as the owner's lease. Raises DaebusError."""
        with self._lock:
            lease = self._lease(owner, True, seconds)
            if lease.suspend():
                self._look()
            return lease

    def end_lease(self, owner: str, suspends: bool) -> int:
        """End a lease: its rules are gone, and what is held by them goes on. Returns how much that is."""
        with self._lock:
            lease = self._leases.end(owner, suspends)
            self._look()
            gone = [] if lease is None else self._pop(id for id, (_held, by) in self._held.items() if by is lease)
        return self._let_go(gone)

    def release(self, hold: str, verdict: Verdict, by: str | None = None, steps: list[Rule] | None = None) -> Held:
        """Let one message go, when the rules of a step have been set, if there are any.

        They stand before those that the owner has, in the place of those of the last step. Raises Gone where it is not
        held any more: of several releases exactly one wins.
        """
        with self._lock:
            taken = self._pop([hold])
            if not taken:
                raise Gone("it has gone on already")
            if steps is not None and (lease := self._leases.to_step(taken[0].owner)) is not None:
                lease.step(steps)
                self._look()
        self._resume(taken[0], verdict, by)
        return taken[0]

    def release_all(self, owner: str | None) -> int:
        """Let all go on that is held by an owner's rules, or by anybody's; returns how much that is."""
        with self._lock:
            gone = self._pop(id for id, (held, _by) in self._held.items() if owner in (None, held.owner))
        return self._let_go(gone)

    def find(self, hold: str | None) -> Held | None:
        """What is held under an id, or without one for longest."""
        with self._lock:
            found = self._held.get(next(iter(self._held), "") if hold is None else hold)
            return None if found is None else found[0]

    def held(self) -> list[tuple[Held, float]]:
        """All that is held, the oldest first, and when it goes on by itself."""
        with self._lock:
            return [(held, min(held.until, lease.until)) for held, lease in self._held.values()]

    def leases(self) -> list[Lease]:
        """All of them."""
        with self._lock:
            return list(self._leases)

    @property
    def passed(self) -> int:
        """How many messages went through for want of room, of those that the rules which stand were to hold."""
        with self._lock:
            return self._leases.passed

    @property
    def bytes(self) -> int:
        """How many bytes are held, with what waits behind."""
        return self._bytes

    def end(self) -> None:
        """The service ends: all goes on, and nothing is held any more. What others let go has gone on by then, too."""
        with self._lock:
            self._ended = True
            self._leases.end_all()
            self._look()
            gone = self._pop(list(self._held))
            self._changed.notify_all()
        self._let_go(gone)
        with self._lock:
            # The clock, or a release, may have taken something out and not have come to let it go.
            self._changed.wait_for(lambda: not self._leaving, ENDS_WITHIN)

    def _lease(self, owner: str, suspends: bool, seconds: float) -> Lease:
        """The lease of an owner, new or renewed. Called with `_lock` held."""
        if self._ended:
            raise DaebusError(f"{self._name} is stopping")
        lease = self._leases.of(owner, suspends)
        lease.until = time.monotonic() + seconds
        if self._clock is None:
            thread = threading.Thread(target=self._watch_time, name=f"daebus-{self._name}-gates", daemon=True)
            try:
                begin(thread)
            except RuntimeError:
                raise DaebusError("no thread is to be had to end a lease with") from None
            self._clock = thread
        self._leases.keep(lease)
        self._changed.notify_all()
        return lease

    def _look(self) -> None:
        """Note which rules there are, in the order in which they are tried. Called with `_lock` held."""
        self._rules = self._leases.rules()
        self.watched = frozenset(rule.place for _lease, rule in self._rules)

    # Letting go

    def _take(self, hold: str) -> Held | None:
        with self._lock:
            taken = self._pop([hold])
            self._leaving -= len(taken)
        return taken[0] if taken else None

    def _pop(self, ids: Iterable[str]) -> list[Held]:
        """Take what is still held out of it, to `_resume` each. Called with `_lock` held."""
        popped = [self._held.pop(id)[0] for id in list(ids) if id in self._held]
        self._bytes -= sum(held.met.size for held in popped)
        self._leaving += len(popped)
        return popped

    def _let_go(self, gone: Iterable[Held], along: bool = True) -> int:
        count = 0
        for held in gone:
            self._resume(held, Verdict(along=along))
            count += 1
        return count

    def _resume(self, held: Held, verdict: Verdict, by: str | None = None) -> None:
        try:
            held.resume(held.outcome(verdict, by))
        except Exception:
            log.exception("%s: a message that was held could not go on", self._name)
        finally:
            with self._lock:
                self._leaving -= 1
                if self._ended:
                    self._changed.notify_all()

    # The clock

    def _watch_time(self) -> None:
        """Until there is nothing any more that may end. Whatever happens, leases do."""
        while True:
            try:
                if self._tick():
                    return
            except Exception:
                log.exception("%s: the clock of the gates has failed, and goes on", self._name)
                time.sleep(EVERY)

    def _tick(self) -> bool:
        """Do what is due, or wait for it; True where there will be nothing."""
        with self._changed:
            now = time.monotonic()
            if self._leases.end_before(now):
                self._look()
            gone = self._pop(id for id, (held, by) in self._held.items() if min(held.until, by.until) <= now)
            told: list[Held] = []
            if now >= self._tells_at:
                told = [held for held, _lease in self._held.values() if held.asker and held.asker.tell]
                self._tells_at = now + EVERY if told else self._tells_at
            if not (gone or told):
                if not self._leases and not self._held:
                    self._clock = None
                    return True
                self._changed.wait(bounded(self._due() - now))
        self._let_go(gone, along=False)
        self._tell(told)
        return False

    def _due(self) -> float:
        """When there is something to do next, at the latest. Called with `_lock` held."""
        times = [lease.until for lease in self._leases]
        times += [min(held.until, lease.until) for held, lease in self._held.values()]
        if any(held.asker and held.asker.tell for held, _lease in self._held.values()):
            times.append(self._tells_at)
        return min(times)

    def _tell(self, several: list[Held]) -> None:
        """Send notices, unless the last ones are still being sent: Redis may be away."""
        if several and not self._telling:
            self._telling = True
            if not self._soon(several, self._told):
                self._told()

    def _told(self) -> None:
        self._telling = False

    def _soon(self, several: list[Held], told: Callable[[], object] = lambda: None) -> bool:
        """Send notices for those on another thread, then call `told`; False where there is none."""
        try:
            self._later(lambda: self._tell_each(several, told))
        except RuntimeError:
            return False
        return True

    def _tell_each(self, several: list[Held], told: Callable[[], object]) -> None:
        try:
            for held in several:
                if held.id in self._held and held.asker is not None and held.asker.tell is not None:
                    held.asker.tell(time.monotonic() - held.since + AHEAD)
        except Exception:
            log.exception("%s: whoever waits for a held message could not be told", self._name)
        finally:
            told()


def _fits(rule: Rule, met: Met) -> bool:
    try:
        return rule.fits(met)
    except Exception:
        log.exception("a rule of a debugger could not be tried")
        return False
