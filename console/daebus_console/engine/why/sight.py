"""All that may be asked to find a cause: the bus as it is now, and what is remembered of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from daebus_console.engine.doors import Doors
from daebus_console.engine.entries import ServiceEntry
from daebus_console.engine.findings.book import Book
from daebus_console.engine.findings.finding import Finding
from daebus_console.engine.findings.rule import World
from daebus_console.engine.findings.words import near
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.holding.desk import Desk
from daebus_console.engine.holding.log import Done
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.frame import Gap
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.records.joining import Told
from daebus_console.engine.records.running import Report
from daebus_console.engine.records.standing import Standing

_FARTHEST = 50_000
_MOST_CALLS = 1_000
_AROUND = 2.0


@dataclass(frozen=True)
class Sight:
    """What is known at `now` (epoch seconds)."""

    world: World
    book: Book
    journal: Journal
    now: float
    told: Callable[[Exchange], Told] = lambda _exchange: Told()
    """What services told of an exchange."""
    standing: Callable[[Exchange], list[Standing]] = lambda _exchange: []
    """Where a pending one stands, as they told lately."""
    reports: Callable[[str], list[Report]] = lambda _service: []
    """What the instances of a service told lately that they are doing."""
    circles: Callable[[str], list[str]] = lambda _service: []
    """The circles of services that wait for one another which that one is in, as they told lately, in a sentence each.
    """
    desk: Desk | None = None
    """What this console's debugger knows; None where it has none."""
    let_go: Sequence[Done] = ()
    """What that debugger has let go."""
    held_now: float = 0.0
    """The time by which the desk tells since when something is held."""
    doors: Doors = Doors()  # noqa: RUF009 - it is frozen
    """Whom Redis lets in at the service that it is about."""
    recorded: bool = False
    """Whether this is a capture: it never goes on, and `now` is where it ends."""
    redact: Redactor = field(default_factory=lambda: Redactor(()))
    """What is hidden of the rules of debuggers."""

    def service(self, name: str | None) -> ServiceEntry | None:
        """The entry of a service, if it was ever met."""
        return self.world.directory.services.get(name or "")

    def subscribers(self, name: str) -> int:
        """How many are subscribed to the channel of that name, whatever they are, as far as is known."""
        directory = self.world.directory
        service, channel = directory.services.get(name), directory.channels.get(name)
        return max(service.everybody if service is not None else 0, channel.subscribers if channel is not None else 0)

    def gone(self, name: str) -> float | None:
        """When it was found that nobody is subscribed any more to the channel of that name; None where it is not so."""
        directory = self.world.directory
        entry = directory.services.get(name) or directory.channels.get(name)
        return entry.gone if entry is not None else None

    def calls_of(self, exchange: Exchange) -> list[Exchange]:
        """The calls that were made for it, as far as they are remembered."""
        found: list[Exchange] = []
        if exchange.request_id is None:
            return found
        exchanges = self.journal.exchanges
        for one in exchanges.between(exchange.number + 1, exchange.number + _FARTHEST):
            if one.parent_id == exchange.request_id and one is not exchange:
                found.append(one)
                if len(found) >= _MOST_CALLS:
                    break
        return found

    def gap_after(self, at: float) -> Gap | None:
        """The first gap that was not over at that time."""
        for one in self.journal.exchanges:
            gap = one.aside.gap if one.kind is Kind.GAP else None
            if gap is not None and (gap.end is None or gap.end >= at):
                return gap
        return None

    def findings_on(self, exchange: Exchange, *rules: str) -> Iterator[Finding]:
        """What those rules found that concerns it: as evidence, or in the same place at the same time."""
        for finding in self.book:
            if finding.rule not in rules:
                continue
            here = finding.service == exchange.target and finding.action in ("", exchange.action)
            then = finding.first - _AROUND <= exchange.opened.at <= finding.last + _AROUND
            if exchange.number in finding.evidence or (here and then):
                yield finding

    def listened(self, channel: str) -> str | None:
        """The channel that services listen to, and that has nearly that name."""
        return near(channel, sorted(self.world.directory.listened))

    def meant(self, service: str) -> str | None:
        """The service that is there and has nearly that name, or that name behind or before a prefix."""
        here = [one.name for one in self.world.directory.services.values() if one.subscribers and one.name != service]
        here += [name for name in self.world.instances.names() if name != service and name not in here]
        found = near(service, here)
        if found is not None or not service:
            return found
        for sign in ".:-_/":
            for name in here:
                if name.endswith(sign + service) or service.endswith(sign + name):
                    return name
        return None
