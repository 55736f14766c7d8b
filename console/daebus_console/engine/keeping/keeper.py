"""Keeps our rules alive: sets and lifts them, renews leases, learns what is held, lets it go. One for each session.

Rules of this file: `desk` is read and changed under the session's lock; nothing is ever published under that lock; and
`_sending` puts what goes to services in the order in which it was decided.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from daebus.errors import DaebusError, RedisUnavailable
from daebus_console.engine.holding.desk import Desk, Refusal, Setting
from daebus_console.engine.holding.report import Hold, read_report, read_rules
from daebus_console.engine.holding.rule import Rule, renamed
from daebus_console.engine.keeping.asking import WITHIN, Answer, Asker, Question
from daebus_console.engine.keeping.leases import Leases
from daebus_console.engine.keeping.owner import owner
from daebus_console.engine.keeping.parting import Parting
from daebus_console.engine.keeping.presence import GLANCE_EVERY, LOOK_EVERY, Presence, debuggable
from daebus_console.engine.keeping.refused import refusal
from daebus_console.engine.keeping.releasing import Releasing
from daebus_console.engine.keeping.suspending import Suspending
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session

LEASE = 10.0
"""Seconds that our rules outlive us."""
RENEW_EVERY = 3.0
LIST_EVERY = 1.0
"""Seconds between two looks which services can be debugged."""
TICK = 0.1


class Wanted(NamedTuple):
    """A rule to be set: on which service, until when (seconds from now), and in which group."""

    service: str
    rule: Rule
    lasts: float | None = None
    group: str = ""


class Silent(NamedTuple):
    """A service of which so many of the instances that are there did not answer in time."""

    service: str
    silent: int
    there: int


class Keeper:
    """Our debugger on the Redis of a session. `close` lifts all that is ours, and lets go what it holds."""

    def __init__(self, session: Session, sender: Sender) -> None:
        self.session, self.sender = session, sender
        self.desk = Desk(owner())
        self.desk.beside = session.directory.others_of
        self.problem: str | None = None
        """Why services cannot be reached."""
        self.followed: Callable[[], Collection[str]] | None = None
        """Called now and then by the thread that looks what is held; returns the services of which it waits to hear."""
        self._asker = Asker(session, sender, self._heard, self._all_heard)
        self._releasing = Releasing(session, self.desk, self._asker)
        self.release, self.look_into = self._releasing.release, self._releasing.look_into
        self.release_all, self.let_go = self._releasing.release_all, self._releasing.let_go
        self.log = self._releasing.log
        self._parting = Parting(session, self.desk)
        self._sending = threading.Lock()
        self._suspending = Suspending(
            session, self.desk, self._asker, self._sending, self._terms, self._releasing.ourselves
        )
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._leases = Leases()
        self._presence = Presence(session, self.desk, self._leases)
        self._looked: dict[str, float] = {}
        self._dirty: set[str] = set()
        self._able: set[str] = set()
        self._listed = 0.0

    @staticmethod
    def now() -> float:
        """The time by which it is said since when, and for how much longer, something is held. It never steps."""
        return time.monotonic()

    def watch(self) -> None:
        """Look from now on what is held, and keep alive what we have set. Any number of times."""
        with self.session.lock:
            if self._thread is None and not self._stopping.is_set() and not self.sender.read_only:
                self._thread = threading.Thread(target=self._run, name="daebus-console-keeper", daemon=True)
                self._thread.start()

    # Rules -----------------------------------------------------------------------------------------------------

    def place(self, wanted: Sequence[Wanted], *, anywhere: bool = False) -> list[Setting]:
        """Set rules; returns when the instances have taken them.

        Raises Refused, ServiceUnavailable, RedisUnavailable, ReadOnly; then none of them is set. With `anywhere`
        services that do not take them are passed over, unless all do so.
        """
        self.watch()
        with self.session.lock:
            now = time.monotonic()
            made = [
                self.desk.add(
                    one.service,
                    renamed(one.rule, one.rule.id or uuid.uuid4().hex[:8]),
                    None if one.lasts is None else now + one.lasts,
                    one.group,
                    one.lasts,
                    self.session.clock(),
                )
                for one in wanted
            ]
        failed: dict[str, DaebusError] = {}
        for service in dict.fromkeys(one.service for one in made):
            try:
                self._place(service)
            except DaebusError as error:
                failed[service] = error
                if not anywhere:
                    break
        if failed and (not anywhere or len(failed) == len({one.service for one in made})):
            self._withdraw(made)
            raise next(iter(failed.values()))
        if failed:
            with self.session.lock:
                self.desk.withdraw([one.number for one in made if one.service in failed])
        return [one for one in made if one.service not in failed]

    def _withdraw(self, made: Iterable[Setting]) -> None:
        with self.session.lock:
            self._dirty |= self.desk.withdraw([one.number for one in made])
        self._wanted.set()

    def lift(self, settings: Iterable[Setting]) -> None:
        """Take rules of ours away; what they hold stays held. Raises RedisUnavailable."""
        with self.session.lock:
            services = self.desk.remove(one.number for one in settings)
        for service in sorted(services):
            self._tell_rules(service)

    def lift_of(self, service: str, other: str, rules: Sequence[Rule]) -> None:
        """Set the rules of another console on a service to just these. Raises Refused and what `place` raises."""
        told = {"owner": other, "lease": LEASE, "rules": [rule.wire() for rule in rules]}
        answers = self._asker.ask(service, "rules", told)
        found = refusal(service, answers)
        if found is not None:
            raise found
        self.look([service])

    def _place(self, service: str) -> None:
        with self._sending:
            with self.session.lock:
                self._look_whether_lapsed(service)
                rules = self.desk.rules_on(service)
            begun = self._leases.told[service] = time.monotonic()
            answers = self._asker.ask(service, "rules", self._lease(rules), rules)
            self._has_renewed(service, begun)
        found = refusal(service, answers)
        if found is not None:
            raise found

    def _tell_rules(self, service: str) -> None:
        with self._sending:
            with self.session.lock:
                rules = self.desk.rules_on(service)
            begun = self._leases.told[service] = time.monotonic()
            if self._asker.post(service, "rules", self._lease(rules), rules).expected:
                self._has_renewed(service, begun)

    def _has_renewed(self, service: str, at: float) -> None:
        with self.session.lock:
            # It may have been over until now.
            self._look_whether_lapsed(service)
            self._leases.renewed[service] = at

    def _lease(self, rules: Sequence[Rule]) -> dict[str, Any]:
        return {**self._terms(), "rules": [rule.wire() for rule in rules]}

    def _terms(self) -> dict[str, Any]:
        return {"owner": self.desk.owner, "lease": LEASE}

    # What is held ----------------------------------------------------------------------------------------------

    def look(self, services: Iterable[str]) -> list[Silent]:
        """Learn what these services hold, now; returns those of which not all instances told.

        Raises RedisUnavailable, ReadOnly.
        """
        asked = [self._asker.post(service, "held", {}) for service in services]
        until = time.monotonic() + WITHIN
        silent: list[Silent] = []
        for question in asked:
            answered = len(self._asker.answers(question, max(0.0, until - time.monotonic())))
            # Where nobody may count them, those who got it are not all instances: whoever taps did.
            there = (
                question.subscribed if question.subscribed is not None else min(question.expected or 0, answered or 1)
            )
            if answered < there:
                silent.append(Silent(question.service, there - answered, there))
            elif not there:
                with self.session.lock:
                    self._presence.only(question.service)
        return silent

    def look_where_ours(self) -> list[Silent]:
        """The same, of all services where we have something."""
        with self.session.lock:
            services = self._ours()
        return self.look(sorted(services))

    def suspend(self, service: str, *, on: bool, instance: str | None = None, lasts: float = math.inf) -> int:
        """See `Suspending.suspend`."""
        if on:
            self.watch()
        return self._suspending.suspend(service, on=on, instance=instance, lasts=lasts)

    def suspended_by_others(self, service: str, instance: str | None = None) -> list[str]:
        """The other consoles that suspend a service, or that instance, now. Raises what `look` raises."""
        self.look([service])
        with self.session.lock:
            reports = [one for one in self.desk.reports.values() if one.service == service]
        here = [one for one in reports if instance in (None, one.instance)]
        return sorted({owner for one in here for owner in one.suspended} - {self.desk.owner})

    def off(self, *, within: float = WITHIN) -> int:
        """Lift all that is ours, and let go all that it holds; returns how many went. Raises RedisUnavailable.

        Instances have so many seconds to tell how many those were, where not all of them were listed.
        """
        with self.session.lock:
            services = self._ours()
            ours = self.desk.ours()
            known = sum(hold.owner == self.desk.owner for report in self.desk.reports.values() for hold in report.holds)
            unlisted = self.desk.unlisted()
            suspended = self.desk.suspended.all()
            self.desk.remove(list(self.desk.settings))
            self.desk.suspended.clear()
        asked: list[Question] = []
        with self._sending, self._releasing.ourselves(hold for one in ours for hold in one.holds):
            for service in sorted(services):
                # A lease that ends lets go all that it holds.
                asked.append(self._asker.post(service, "rules", {"owner": self.desk.owner, "lease": 0, "rules": []}))
                self._leases.forget(service)
                for instance in suspended.get(service, ()):
                    asked.append(self._suspending.post(service, instance, on=False))
        more = 0
        if unlisted:
            answers = [one for question in asked for one in self._asker.answers(question, within)]
            went = [one.payload.get("released") for one in answers]
            more = max(0, sum(one for one in went if isinstance(one, int)) - known)
        for one in ours:
            self._releasing.drop(one)
        return len(ours) + more

    def close(self) -> None:
        """Lift all that is ours, as far as services can be told; all goes on when leases end, at the latest."""
        self._stopping.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None
            try:
                self.off(within=0.0)
            except DaebusError:
                # They go on by themselves.
                pass
        self._asker.close()

    # What is heard ---------------------------------------------------------------------------------------------

    def _heard(self, question: Question, answer: Answer) -> None:
        service = question.service
        if not answer.ok:
            if question.verb in ("rules", "held", "suspend"):
                self.desk.refused(service, answer.instance, Refusal(answer.code, answer.error, self.now()))
            return
        if question.verb in ("rules", "held", "suspend"):
            self.desk.allowed(service, answer.instance, done=question.verb != "held")
        if question.verb == "rules" and question.about is not None:
            until = self.now() + LEASE / 2
            self.desk.confirmed(service, answer.instance, question.about, until)
            self.desk.count(service, answer.instance, read_rules(self.desk.owner, answer.payload.get("rules")))
        if question.verb == "held" and question.about is None:
            report = read_report(service, answer.instance, answer.payload, self.now())
            report = report.asked(self._asker_gone, self._may_have_ended)
            new = (service, answer.instance) not in self.desk.reports
            if new and (service in self.desk.suspended or not self.desk.has_taken(service, answer.instance)):
                # It has started since the others were told.
                self._dirty.add(service)
                self._wanted.set()
            for setting in self.desk.lifted(report):
                which = "a rule of the step" if setting.group else f"rule {setting.number}"
                self.desk.news.append(f"somebody has lifted {which} on {setting.service}")
                self._dirty |= self.desk.remove([setting.number])
            before = self.desk.reports.get((service, answer.instance))
            self.desk.take(report)
            self._parting.tell(before, report, self._leases.lapse(service, LEASE))
            if self.desk.spent():
                self._wanted.set()

    def _asker_gone(self, hold: Hold) -> bool:
        """Whether nobody is there any more to get the answer."""
        exchange = self.session.correlator.find(hold.id) if hold.waits and hold.id is not None else None
        return exchange is not None and self.session.askers.gone(exchange.reply_to, exchange.opened.at)

    def _may_have_ended(self, hold: Hold) -> bool:
        """Whether Redis was away since it was asked for: whoever lost its connection then waits no more."""
        session = self.session
        return hold.waits and session.correlator.lost_since(session.clock() - (self.now() - hold.since))

    def _all_heard(self, question: Question) -> None:
        """All instances that there are have answered: others hold nothing any more."""
        if question.verb == "held":
            self._presence.only(question.service, {answer.instance for answer in question.answers})

    # The thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wanted.wait(TICK)
            self._wanted.clear()
            if self._stopping.is_set():
                return
            try:
                self._round(time.monotonic())
                self.problem = None
            except RedisUnavailable as error:
                self._failed(error)
                self._stopping.wait(1.0)
            except DaebusError as error:
                self._failed(error)

    def _failed(self, error: DaebusError) -> None:
        self.problem = str(error)
        self._presence.unasked()
        self._leases.failed = time.monotonic()

    def _round(self, now: float) -> None:
        with self.session.lock:
            self._presence.asked(now)
            for service in self._ours():
                self._look_whether_lapsed(service)
            over = [*self.desk.expired(now), *self.desk.spent()]
            dirty, self._dirty = self._dirty | self.desk.remove(one.number for one in over), set()
            ours = self._ours()
            active = ours | {hold.service for hold in self.desk.holds()}
            if now - self._listed >= LIST_EVERY:
                self._listed, self._able = now, debuggable(self.session)
            self._presence.forget_silent(active)
            follow = self.followed
        if follow is not None:
            active |= set(follow())
        self._suspending.end(now)
        for service in sorted(dirty | ours):
            if service in dirty or now - self._leases.told.get(service, 0.0) >= RENEW_EVERY:
                self._tell_rules(service)
                self._suspending.renew(service)
        for services, every in ((active, LOOK_EVERY), (self._able - active, GLANCE_EVERY)):
            for service in sorted(services):
                if now - self._looked.get(service, 0.0) >= every:
                    self._looked[service] = now
                    if not self._asker.post(service, "held", {}).expected:
                        with self.session.lock:
                            self._presence.only(service)

    def has_taken(self, service: str, instance: str) -> bool:
        """Whether an instance has all that we have set on its service, or does not take it. Hold the session's lock."""
        if not self.desk.rules_on(service) or self.problem is not None:
            return True
        entry = self.session.directory.services.get(service)
        there = None if entry is None else entry.instances.get(instance)
        return there is None or there.info.get("debugger") is not True or self.desk.has_taken(service, instance)

    def _ours(self) -> set[str]:
        """The services where we have something: rules, a suspension, or a message that our rules hold."""
        found = {one.service for one in self.desk.settings.values()} | set(self.desk.suspended)
        return found | {hold.service for hold in self.desk.holds() if hold.owner == self.desk.owner}

    def _look_whether_lapsed(self, service: str) -> None:
        """What our rules hold there has gone on where they were not renewed for as long as they outlive us."""
        lapse = self._leases.lapse(service, LEASE)
        if lapse is not None:
            self._leases.forget(service)
            self._parting.lapsed(service, lapse)
