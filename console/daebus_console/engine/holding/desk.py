"""The debugger's desk: our rules, and what every instance tells of rules and holds, put together. Pure; hold its lock.

What each instance holds for itself is one thing to the user where it is the same message: a Held, which has a number.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from daebus_console.engine.holding.hits import Hits
from daebus_console.engine.holding.labels import Labels, Numbers, named
from daebus_console.engine.holding.report import Hold, Placed, Report
from daebus_console.engine.holding.rule import Rule
from daebus_console.engine.holding.suspended import Suspended
from daebus_console.naming import shown


@dataclass(frozen=True)
class Setting:
    """One of our rules, set on a service. `until` ends it (the desk's clock); rules of one `group` go together."""

    number: int
    service: str
    rule: Rule
    until: float | None = None
    group: str = ""
    lasts: float | None = None
    """Seconds for which it was meant to stand."""
    since: float | None = None
    """When it was set (epoch seconds)."""


@dataclass
class Held:
    """A message that is held, in one instance or in several; `number` is what users call it by."""

    number: int
    holds: list[Hold] = field(default_factory=list)

    @property
    def first(self) -> Hold:
        """The one that was held first."""
        return min(self.holds, key=lambda one: one.since)

    @property
    def instances(self) -> int:
        """How many hold it."""
        return len(self.holds)

    @property
    def owners(self) -> list[str]:
        """Whose rules hold it."""
        return sorted({one.owner for one in self.holds})

    @property
    def until(self) -> float | None:
        """When the first of them goes on by itself, as its rule says."""
        return min((one.until for one in self.holds if one.until is not None), default=None)


class Refusal(NamedTuple):
    """Why an instance does not do what it is asked: the code of its error, the text, and when that was said."""

    code: str
    error: str
    at: float


class Reach(NamedTuple):
    """How many instances of a service can be debugged, and why others cannot; and how many more take its messages that
    know of no debugger: instances of an older release, say.
    """

    able: int = 0
    refusals: tuple[Refusal, ...] = ()
    beside: int = 0


_NOWHERE = Reach()
_OF_REQUESTS = ("request", "answer")


@dataclass(frozen=True)
class Known:
    """A rule as it stands on a service: ours or another's, and its hits in all instances together."""

    service: str
    owner: str
    rule: Rule
    hits: int
    instances: int
    number: int | None = None
    until: float | None = None
    since: float | None = None
    """When it was set (epoch seconds); None where nobody tells."""
    reach: Reach = _NOWHERE
    other: int = 0
    """The number of one that is another's, which it keeps while it stands."""


class Desk:
    """`owner` is us. `news` are sentences for the user, for the taking."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.settings: dict[int, Setting] = {}
        self.reports: dict[tuple[str, str], Report] = {}
        self.suspended = Suspended(self._changed)
        """What we have suspended."""
        self.able: set[tuple[str, str]] = set()
        """The instances, with their services, that can be debugged."""
        self.refusals: dict[tuple[str, str], Refusal] = {}
        """Why an instance of a service cannot be debugged, where it has said so."""
        self.beside: Callable[[str], int] = lambda _service: 0
        """How many more are subscribed to the channel of a service than can be asked, as far as is known."""
        self.let_go: set[tuple[str, str, str]] = set()
        """What we let go, by its keys, until its instance holds it no more: of that there is nothing to tell."""
        self.news: deque[str] = deque(maxlen=200)
        self.version = 0
        """Another one whenever something is held, let go, set or lifted."""
        self.rang = 0
        """How many messages were held since the start."""
        self._hits = Hits()
        self._numbers = Numbers()
        self._rules = 0
        self._steps = itertools.count(1)
        self._labels = Labels()
        self._confirmed: dict[tuple[str, str], tuple[float, set[str]]] = {}

    def _changed(self) -> None:
        self.version += 1

    # Our own rules ---------------------------------------------------------------------------------------------

    def add(
        self,
        service: str,
        rule: Rule,
        until: float | None = None,
        group: str = "",
        lasts: float | None = None,
        since: float | None = None,
    ) -> Setting:
        """One more rule of ours on a service."""
        # Rules of steps come and go by the dozen, and are nobody's to count.
        if group:
            number = -next(self._steps)
        else:
            number = self._rules = self._rules + 1
        setting = Setting(number, service, rule, until, group, lasts, since)
        self.settings[setting.number] = setting
        self._hits.begin(service, rule.id)
        self.version += 1
        return setting

    def remove(self, numbers: Iterable[int]) -> set[str]:
        """Take rules away; returns the services that are to be told."""
        gone = [self.settings.pop(number) for number in list(numbers) if number in self.settings]
        for one in gone:
            self._hits.end(one.service, one.rule.id)
        self.version += bool(gone)
        return {one.service for one in gone}

    def withdraw(self, numbers: Collection[int]) -> set[str]:
        """The same with rules that were never set: the next ones have their numbers."""
        services = self.remove(numbers)
        while self._rules in numbers:
            self._rules -= 1
        return services

    def rules_on(self, service: str) -> list[Rule]:
        """What we have set there."""
        return [one.rule for one in self.settings.values() if one.service == service]

    def expired(self, now: float) -> list[Setting]:
        """Those whose time is over."""
        return [one for one in self.settings.values() if one.until is not None and one.until <= now]

    def group(self, group: str) -> list[Setting]:
        """The rules of one group."""
        return [one for one in self.settings.values() if group and one.group == group]

    def confirmed(self, service: str, instance: str, rules: Iterable[Rule], until: float) -> None:
        """That instance has taken those rules of ours, and has them until then at least, unless somebody lifts them."""
        self._confirmed[service, instance] = (until, {rule.id for rule in rules})

    def has_taken(self, service: str, instance: str) -> bool:
        """Whether it has taken all that we have set there."""
        _until, had = self._confirmed.get((service, instance), (0.0, set()))
        return had >= {rule.id for rule in self.rules_on(service)}

    # What is told ----------------------------------------------------------------------------------------------

    def take(self, report: Report) -> list[Held]:
        """Take what an instance tells; returns what is newly held."""
        key = (report.service, report.instance)
        old = self.reports.get(key)
        before = set() if old is None else {hold.key for hold in old.holds}
        passed = self._passed(report.service)
        report = self.reports[key] = report if old is None else report.after(old)
        if not passed and report.passed and (self.rules_on(report.service) or report.service in self.suspended):
            self.news.append(f"{shown(report.service)} holds no more, for want of room: other messages go by")
        self.count(report.service, report.instance, report.rules)
        fresh = [hold for hold in report.holds if hold.key not in before]
        new = {self._number(hold) for hold in fresh if hold.message not in self._numbers and not hold.delayed}
        if fresh or old is None or old.holds != report.holds or old.rules != report.rules:
            self.version += 1
        self.rang += len(new)
        return [held for held in self.held() if held.number in new] if new else []

    def count(self, service: str, instance: str, told: Iterable[Placed]) -> None:
        """Take what an instance tells of how often our rules were hit."""
        for placed in told:
            if placed.owner == self.owner:
                self._hits.take(service, placed.rule.id, instance, placed.hits)

    def gone(self, service: str, instances: Collection[str]) -> None:
        """Instances of a service are there no more."""
        told = {*self.reports, *self.refusals, *self.able}
        lost: set[int] = set()
        for key in [key for key in told if key[0] == service and key[1] in instances]:
            report = self.reports.pop(key, None)
            holds = () if report is None else report.holds
            ours = [hold for hold in holds if hold.owner == self.owner and not hold.delayed]
            lost |= {self._number(hold) for hold in ours if hold.key not in self.let_go}
            self.let_go = {one for one in self.let_go if one[:2] != key}
            self.able.discard(key)
            self.refusals.pop(key, None)
            self._confirmed.pop(key, None)
            self.version += 1
        # Others may have a copy of their own.
        lost.difference_update(map(self._number, self.holds()))
        if lost:
            is_, it = ("is", "it") if len(lost) == 1 else ("are", "them")
            why = f"the instance of {shown(service)} that held {it} has gone, or is out of reach"
            self.news.append(f"{named(lost)} {is_} held no more: {why}")

    def take_away(self, service: str) -> list[Hold]:
        """What our rules hold in a service has gone on: returns what that was."""
        gone: list[Hold] = []
        for key, report in self.reports.items():
            here = [hold for hold in report.holds if hold.owner == self.owner and key[0] == service]
            if here:
                self.reports[key] = report.without({hold.key for hold in here})
                self.version += 1
            gone += here
        return gone

    def only(self, service: str, instances: Collection[str]) -> None:
        """These are all instances of a service that there are."""
        told = (*self.reports, *self.refusals, *self.able)
        others = {one for name, one in told if name == service}.difference(instances)
        if others:
            self.gone(service, others)

    def refused(self, service: str, instance: str, refusal: Refusal) -> None:
        """An instance cannot be debugged, or would not do what was asked."""
        self.version += (service, instance) not in self.refusals
        self.refusals[service, instance] = refusal

    def allowed(self, service: str, instance: str, *, done: bool) -> None:
        """An instance can be debugged; `done` tells that it has done what was asked, and not only told something."""
        self.able.add((service, instance))
        refusal = self.refusals.get((service, instance))
        if refusal is not None and (done or refusal.code in ("forbidden", "unknown_action")):
            del self.refusals[service, instance]
            self.version += 1

    def reach(self, service: str, place: str = "request") -> Reach:
        """In how many of the instances of a service a rule of ours can stand, at that place."""
        refusals = [refusal for (name, _instance), refusal in self.refusals.items() if name == service]
        able = sum(name == service for name, _instance in self.able - self.refusals.keys())
        return Reach(able, tuple(refusals), self.beside(service) if place in _OF_REQUESTS else 0)

    def lifted(self, report: Report) -> list[Setting]:
        """Our rules that this instance had and has no more: somebody has lifted them. Those used up it has."""
        until, had = self._confirmed.get((report.service, report.instance), (0.0, set()))
        if report.at >= until or self.owner not in report.owners:
            # Not all are told of, or our lease is over, as it is where an instance is stopping.
            return []
        here = {one.rule.id for one in report.rules if one.owner == self.owner}
        return [one for one in self.settings.values() if one.service == report.service and one.rule.id in had - here]

    def spent(self) -> list[Setting]:
        """Our rules for so many messages that have had theirs, in whichever instance, with those of their group."""
        hit = [one for one in self.settings.values() if self._had(one) >= one.rule.most]
        groups = {one.group for one in hit if one.group}
        return [one for one in self.settings.values() if one in hit or one.group in groups]

    def _had(self, setting: Setting) -> int:
        """How many messages it was for, by what is told of it and by what it holds: not all rules have room there."""
        rule = setting.rule
        held = (
            hold
            for (service, _instance), report in self.reports.items()
            if service == setting.service and rule.holds and rule.most < math.inf
            for hold in report.holds
            if hold.rule == rule.id and hold.owner == self.owner
        )
        return max(self._hits.of(setting.service, rule.id), sum(1 for _hold in held))

    # What is to be seen ----------------------------------------------------------------------------------------

    def held(self) -> list[Held]:
        """All that is held, what was held first being first."""
        groups: dict[int, Held] = {}
        for hold in self.holds():
            number = self._number(hold)
            groups.setdefault(number, Held(number)).holds.append(hold)
        return sorted(groups.values(), key=lambda one: (one.first.since, one.number))

    def ours(self) -> list[Held]:
        """What is held by rules of ours, or by a suspension of ours."""
        return [one for one in self.held() if self.owner in one.owners]

    def holds(self) -> Iterator[Hold]:
        """All holds of all instances; what is only delayed is none."""
        for report in self.reports.values():
            yield from (hold for hold in report.holds if not hold.delayed)

    def number_gone(self, hold: Hold) -> int | None:
        """What a hold that has gone was called by; None where another instance holds its message."""
        number = self._number(hold)
        return None if any(self._number(one) == number for one in self.holds()) else number

    def unlisted(self) -> int:
        """How many more are held than had room in what the instances told."""
        return sum(max(0, one.count - len(one.holds)) for one in self.reports.values())

    def find(self, which: str) -> Held | None:
        """What is held under that number, or under the id that an instance has given it."""
        plain = which.removeprefix("H").removeprefix("h")
        for one in self.held():
            if plain == str(one.number) or any(hold.hold == which for hold in one.holds):
                return one
        return None

    def of_message(self, id: str | None) -> list[Held]:
        """What is held of the message of that id, at whatever place."""
        return [] if id is None else [one for one in self.held() if one.first.id == id]

    def known(self) -> list[Known]:
        """All rules that stand: ours first, then those of others."""
        placed: dict[tuple[str, str, str], list[Placed]] = {}
        for (service, _instance), report in sorted(self.reports.items()):
            for one in report.rules:
                placed.setdefault((service, one.owner, one.rule.id), []).append(one)
        ours = [
            Known(
                one.service,
                self.owner,
                one.rule,
                self._hits.of(one.service, one.rule.id),
                len(placed.get((one.service, self.owner, one.rule.id), ())),
                one.number,
                one.until,
                one.since,
                self.reach(one.service, one.rule.place),
            )
            for one in self.settings.values()
            if not one.group
        ]
        theirs = {key: found for key, found in placed.items() if key[1] != self.owner}
        labels = self._labels.of(theirs)
        others = [
            Known(key[0], key[1], found[0].rule, sum(one.hits for one in found), len(found), other=labels[key])
            for key, found in theirs.items()
        ]
        return ours + others

    def suspensions(self) -> dict[str, list[str]]:
        """The services of which instances are suspended, by whomever, each with the owners; as they told last."""
        found: dict[str, set[str]] = {}
        for (service, _instance), report in sorted(self.reports.items()):
            if report.suspended:
                found.setdefault(service, set()).update(report.suspended)
        return {service: sorted(owners) for service, owners in found.items()}

    def untold(self) -> dict[str, list[str]]:
        """The services that have no room to tell the rules of all others, each with whose these are."""
        found: dict[str, set[str]] = {}
        for (service, _instance), report in sorted(self.reports.items()):
            if others := set(report.cut) - {self.owner}:
                found.setdefault(service, set()).update(others)
        return {service: sorted(owners) for service, owners in found.items()}

    def passed(self) -> int:
        """Messages that were to be held and went by for want of room."""
        return sum(map(self._passed, {service for service, _instance in self.reports}))

    def _passed(self, service: str) -> int:
        return sum(report.passed for (name, _instance), report in self.reports.items() if name == service)

    def _number(self, hold: Hold) -> int:
        return self._numbers.of(hold.message)
