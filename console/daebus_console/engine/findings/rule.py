"""What a rule is, and what it may ask. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from daebus_console.engine.directory import Directory
from daebus_console.engine.findings.book import Book
from daebus_console.engine.findings.families import Families, Family
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.holders import Held, Holders
from daebus_console.engine.findings.instances import Instance, Instances
from daebus_console.engine.message.exchange import Exchange, Kind, Message
from daebus_console.engine.records.cycles import Cycle
from daebus_console.engine.records.record import Any_, Heard, Published, Source
from daebus_console.engine.records.running import Report

SLOW = 0.1
"""Seconds in a handler, or before it, from which on what a service tells of one that ended well is looked at."""
_FARTHEST = 32
_MORE = 1.5
"""So many times as many handlers at once as there are workers hold none: their answers come later, without them."""


class World:
    """What is known beside the exchange that is looked at.

    `find` gives the newest exchange with a request_id. `polled` is when all subscribers were listed the last time, None
    where they cannot be, as in a capture; `patterns` how many patterns are ours; `answerable` whether an answer to a
    request would have been seen on the channel that it names. Until `in_part` some of what went well was not looked at,
    since it was too much.
    """

    def __init__(
        self,
        directory: Directory,
        find: Callable[[str], Exchange | None],
        patterns: int = 1,
        answerable: Callable[[Exchange], bool] = lambda _request: True,
    ) -> None:
        self.directory = directory
        self.find = find
        self.patterns = patterns
        self.answerable = answerable
        self.now = self.in_part = 0.0
        self.polled: float | None = None
        self.families = Families()
        self.instances = Instances()
        self.holders = Holders()

    def ancestors(self, exchange: Exchange) -> list[Exchange]:
        """The requests for which it was made, the nearest first; in a circle each once."""
        found: list[Exchange] = []
        seen = {exchange.number}
        key = exchange.parent_id
        while key is not None and len(found) < _FARTHEST:
            parent = self.find(key)
            if parent is None or parent.kind is not Kind.REQUEST or parent.number in seen:
                break
            found.append(parent)
            seen.add(parent.number)
            key = parent.parent_id
        return found

    def held(self, service: str, at: float, action: str | None = None) -> Held | None:
        """What held the workers of a service just before, or its event loop where that action is async; if known."""
        loop = self.instances.coroutines(service)
        found = self.holders.of(service, at, lambda other: (other in loop) == (action in loop))
        workers = self.instances.workers(service)
        if found is not None and action not in loop and workers is not None and found.at_once > _MORE * workers:
            return None
        return found

    def began(self, service: str) -> float | None:
        """When the first of the instances that are there began; None where one of them does not tell."""
        here, entry = self.instances.here(service), self.directory.services.get(service)
        known = [at for one in here if (at := one.began) is not None]
        there = max(len(here), entry.takers if entry is not None else 0)
        return min(known) if known and len(known) >= there else None

    def is_unserved(self, service: str, since: float) -> bool:
        """Whether it is certain that nobody was subscribed to the channel of that service since then."""
        if not self.sees_all(since):
            return False
        entry = self.directory.services.get(service) or self.directory.channels.get(service)
        return entry is not None and not entry.subscribers

    def sees_all(self, since: float) -> bool:
        """Whether subscribers were listed since then, and there is nobody who cannot be told: who reads by patterns."""
        return self.polled is not None and self.polled > since and self.directory.pattern_subscribers <= self.patterns


class Rule:
    """One rule. Each method is told of one kind of event, and only those that a rule has are called.

    `name` is how it is called, `title` what it finds in a few words, `page` the help on it: what it means, why it is
    thought so, what to do. Control traffic is not shown to rules.
    """

    name: ClassVar[str]
    severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str]
    page: ClassVar[str]
    least_calls: ClassVar[int] = 1
    """Calls of a handler from which on `closed` is told of it."""

    of_harm: ClassVar[bool] = False
    """Whether it is told also what came of a request in which a debugger had a hand: it judges what others do then."""

    def __init__(self, world: World, book: Book) -> None:
        self.world = world
        self.book = book
        self.begin()

    def begin(self) -> None:
        """Nothing has been seen yet: make what the rule remembers."""

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Requests or one-way messages to that action have just been seen."""

    def cast(self, exchange: Exchange) -> None:
        """A broadcast has just been seen."""

    def unreadable(self, exchange: Exchange) -> None:
        """A message that is no JSON object has just been seen."""

    def stray(self, exchange: Exchange) -> None:
        """An answer has just been seen that belongs to nothing which was asked; others with its id may join it."""

    def reused(self, exchange: Exchange) -> None:
        """A request has just been seen with the id of an earlier one."""

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Requests have just got their final answer, late ones and errors included."""

    def failed(self, exchange: Exchange) -> None:
        """A request has just been answered with an error, or too late; `answered` tells of it as well."""

    def expired(self, exchange: Exchange) -> None:
        """A request has run out of time."""

    def extra(self, exchange: Exchange, message: Message) -> None:
        """A further answer has come after the final one."""

    def closed(self, parent: Exchange, family: Family) -> None:
        """A request whose handler made calls is over: answered, or out of time."""

    def told(self, service: str, instance: Instance) -> None:
        """An instance has told of itself."""

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """A service has told of something that it did: of what failed, of a run, of what took long or waited long, or
        of what it handled for somebody who had given up.

        The exchange is the one that it is of, where that is certain.
        """

    def clocked(self, at: float, source: Source) -> None:
        """An instance has told of something, and how far its clock is off is known, if it is."""

    def linked(self, record: Published | Heard) -> None:
        """A service has told of a broadcast of its own, or of a run of a listener: what went well as well."""

    def stood(self, at: float, seconds: float, circle: Cycle) -> None:
        """Services tell that they wait in that circle, as they did so many seconds before."""

    def reported(self, report: Report) -> None:
        """An instance has told what it is doing just now."""

    def look(self) -> None:
        """About a second has passed; `world.now` is the time."""

    def finish(self) -> None:
        """Nothing more comes, as at the end of a capture."""

    def lost(self) -> None:
        """Messages are missing from here on: what waits for others to come waits in vain."""
