"""Who is on the bus: services, their instances and actions, and other channels, as last heard. Pure.

Fed from three sides: the channels that are subscribed to (polled), the answers of services to `info` (seen in the
traffic like any other), and the traffic itself. Time comes with each call, in epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State

RATE_WINDOW = 5.0
"""Seconds over which rates are averaged."""
MOST = 10_000
"""Services that are remembered, and as many channels."""
_MOST_ACTIONS = 1_000
_MOST_ASKED = 4
# Members of an enum are slow to look up, and these are wanted for every exchange.
_REQUEST, _ONE_WAY, _BROADCAST = Kind.REQUEST, Kind.ONE_WAY, Kind.BROADCAST
_OK, _CONTROL = State.OK, Flag.CONTROL

Asked = tuple[str | None, str | None]
"""A service and one of its actions."""


class Rate:
    """Events a second over the last RATE_WINDOW seconds, in buckets of one second; also a history for sparklines."""

    __slots__ = ("_buckets", "_second", "total")

    HISTORY = 60

    def __init__(self) -> None:
        self._buckets = [0] * self.HISTORY
        self._second = 0
        self.total = 0

    def add(self, at: float, count: int = 1) -> None:
        """Count events at that time."""
        second = int(at)
        if second != self._second:
            self._roll(second)
        self._buckets[second % self.HISTORY] += count
        self.total += count

    def _roll(self, second: int) -> None:
        if second < self._second - RATE_WINDOW:
            # The clock was set back.
            self._buckets = [0] * self.HISTORY
            self._second = second
        if second <= self._second:
            return
        for step in range(max(self._second + 1, second - self.HISTORY + 1), second + 1):
            self._buckets[step % self.HISTORY] = 0
        self._second = second

    def per_second(self, now: float) -> float:
        """The average over the last whole seconds before `now`."""
        self._roll(int(now))
        window = int(RATE_WINDOW)
        return sum(self._buckets[(int(now) - step) % self.HISTORY] for step in range(1, window + 1)) / window

    def history(self, now: float, seconds: int) -> list[int]:
        """Counts of the last whole seconds before `now`, oldest first."""
        self._roll(int(now))
        steps = range(min(seconds, self.HISTORY - 1), 0, -1)
        return [self._buckets[(int(now) - step) % self.HISTORY] for step in steps]


@dataclass
class ActionEntry:
    """One action of a service. `declared` says that the service itself named it; `doc` is its first line.

    `told` is all that it says of the action where it was asked for that: its docstring, and schemas. Not to be trusted.
    """

    name: str
    doc: str = ""
    declared: bool = False
    requests: int = 0
    errors: int = 0
    timeouts: int = 0
    last_seen: bytes | None = None
    """The bytes of the last request or one-way message seen for it."""
    told: Mapping[str, Any] | None = None


@dataclass
class Instance:
    """One process of a service, as it told of itself. `info` is that answer's payload, `heard` when it came."""

    id: str
    info: Mapping[str, Any]
    heard: float


@dataclass
class ServiceEntry:
    """A service: on this framework (`framework`), or one that was seen being asked. `gone` is when it left, or None."""

    name: str
    first_seen: float
    framework: bool = False
    subscribers: int = 0
    gone: float | None = None
    instances: dict[str, Instance] = field(default_factory=dict)
    actions: dict[str, ActionEntry] = field(default_factory=dict)
    rate: Rate = field(default_factory=Rate)
    errors: int = 0
    timeouts: int = 0
    asked: int = 0
    """How often it was asked for its `info` since it was last seen to change, and when."""
    asked_at: float = 0.0

    def action(self, name: str) -> ActionEntry | None:
        """The entry of an action, made when it is new; None where there are too many already."""
        entry = self.actions.get(name)
        if entry is None and len(self.actions) < _MOST_ACTIONS:
            entry = self.actions[name] = ActionEntry(name)
        return entry


@dataclass
class ChannelEntry:
    """A channel that is no service's: broadcasts, or nobody knows what. `listeners` are services that declare it."""

    name: str
    first_seen: float
    subscribers: int = 0
    gone: float | None = None
    listeners: set[str] = field(default_factory=set)
    rate: Rate = field(default_factory=Rate)


class Directory:
    """The services and channels known, by name."""

    def __init__(self) -> None:
        self.services: dict[str, ServiceEntry] = {}
        self.channels: dict[str, ChannelEntry] = {}
        self.reply_channels = 0
        """How many reply channels were subscribed to at the last poll."""
        self.pattern_subscribers = 0
        """NUMPAT at the last poll: unique patterns, whose subscribers NUMSUB does not count."""
        self.polled: float | None = None
        self.counted = True
        """Whether the broker lets us count subscribers; else 1 stands for one or more."""
        self.listened: set[str] = set()
        self._beyond: set[int] = set()

    @property
    def forgotten(self) -> int:
        """Channels and services that were met and not taken up for want of room; MOST stands for that or more."""
        return len(self._beyond)

    # From the poll ---------------------------------------------------------------------------------------------

    def poll(
        self,
        now: float,
        subscribers: Mapping[str, int],
        patterns: int = 0,
        *,
        listening: bool = True,
        complete: bool = True,
    ) -> set[str]:
        """Take what PUBSUB CHANNELS, NUMSUB and NUMPAT say; returns the services whose `info` should be asked for.

        Unless it is `complete`, nothing is known of what is not named. Those to ask are the ones that are new, are
        back, or have another number of instances than before; and a few times those of which not every instance has
        answered. None while nobody is `listening` to the answers.
        """
        self.polled, self.pattern_subscribers = now, patterns
        names = {wire.service_of_control(channel) for channel in subscribers} - {None}
        replies = 0
        for channel, count in subscribers.items():
            if not count:
                continue
            controlled = wire.service_of_control(channel)
            if controlled is not None:
                service = self._service(controlled, now)
                if service is not None and (not service.framework or service.subscribers != count or service.gone):
                    service.framework, service.subscribers, service.gone = True, count, None
                    service.asked = 0
            elif channel in names:
                continue
            elif wire.is_reply_channel(channel):
                replies += 1
            elif channel in self.services and channel not in self.listened:
                self.services[channel].subscribers, self.services[channel].gone = count, None
            else:
                entry = self._channel(channel, now)
                if entry is not None:
                    entry.subscribers, entry.gone = count, None
        if complete:
            self.reply_channels = replies
        self._mark_gone(now, subscribers, complete)
        return self._to_ask(now) if listening else set()

    def _to_ask(self, now: float) -> set[str]:
        found = set()
        for service in self.services.values():
            if not service.framework or service.gone is not None or service.asked >= _MOST_ASKED:
                continue
            if not service.asked or (len(service.instances) < service.subscribers and now - service.asked_at >= 2):
                service.asked, service.asked_at = service.asked + 1, now
                found.add(service.name)
        return found

    def keeps(self, name: str) -> bool:
        """Whether the subscribers of that channel are of interest: there is an entry for it, or room for one."""
        if wire.is_reply_channel(name):
            return False
        controlled = wire.service_of_control(name)
        if controlled is not None:
            return controlled in self.services or len(self.services) < MOST
        return name in self.services or name in self.channels or len(self.channels) < MOST

    def known(self) -> list[str]:
        """The channels of all there is an entry for."""
        controls = (wire.CONTROL_PREFIX + name for name in self.services)
        return [*controls, *self.services, *self.channels]

    def _mark_gone(self, now: float, subscribers: Mapping[str, int], complete: bool) -> None:
        for name, service in self.services.items():
            control = wire.CONTROL_PREFIX + name
            if not complete and (control if service.framework else name) not in subscribers:
                continue
            here = subscribers.get(control, 0) or subscribers.get(name, 0)
            if not here and service.gone is None and (service.subscribers or service.framework):
                service.subscribers, service.gone = 0, now
                service.instances.clear()
        for name, channel in self.channels.items():
            if not complete and name not in subscribers:
                continue
            if not subscribers.get(name, 0) and channel.subscribers:
                channel.subscribers, channel.gone = 0, now

    def stepped(self, seconds: float) -> None:
        """The clock went that far at once."""
        for service in self.services.values():
            service.asked_at += seconds
            for instance in service.instances.values():
                instance.heard += seconds

    def info(self, now: float, payload: Mapping[str, Any]) -> None:
        """Take one instance's answer to `info`. Anything in it may be missing or of another type than it should be."""
        name = payload.get("service")
        if not isinstance(name, str) or not name:
            return
        service = self._service(name, now)
        if service is None:
            return
        service.framework = True
        key = str(payload.get("instance") or "?")
        known = key in service.instances
        service.instances[key] = Instance(key, payload, now)
        if len(service.instances) > max(service.subscribers, 1):
            # An instance that did not answer the latest round is the one that left.
            stalest = min(service.instances.values(), key=lambda instance: instance.heard)
            if now - stalest.heard > 3:
                del service.instances[stalest.id]
        for item in _mappings(payload.get("actions")):
            action = item.get("name")
            entry = service.action(action) if isinstance(action, str) else None
            if entry is not None:
                doc = item.get("doc")
                entry.declared, entry.doc = True, doc if isinstance(doc, str) else ""
                if "description" in item:
                    entry.told = item
                elif not known:
                    # Another instance has come unnoticed, and may take other arguments.
                    service.asked = 0
        listens = payload.get("listens")
        for channel in listens if isinstance(listens, list) else ():
            if isinstance(channel, str):
                self.listened.add(channel)
                listened = self._channel(channel, now)
                if listened is not None:
                    listened.listeners.add(name)

    # From the traffic ------------------------------------------------------------------------------------------

    def asked(self, at: float, requests: Mapping[Asked, Sequence[Exchange]]) -> None:
        """Take requests that were opened until `at`, in one second, by whom was asked and for what."""
        for (target, action), exchanges in requests.items():
            if target is None:
                continue
            service = self.services.get(target) or self._service(target, exchanges[0].opened.at)
            if service is None:
                continue
            service.rate.add(at, len(exchanges))
            name = action or ""
            entry = service.actions.get(name) or service.action(name)
            if entry is not None:
                entry.requests += len(exchanges)
                entry.last_seen = exchanges[-1].opened.data

    def saw(self, exchanges: Sequence[Exchange]) -> None:
        """Take other exchanges that have just been opened."""
        for exchange in exchanges:
            kind, target, at = exchange.kind, exchange.target, exchange.opened.at
            if target is None or exchange.flags & _CONTROL:
                continue
            if kind is _REQUEST or kind is _ONE_WAY:
                self.asked(at, {(target, exchange.action): (exchange,)})
            elif kind is _BROADCAST:
                channel = self.channels.get(target) or self._channel(target, at)
                if channel is not None:
                    channel.rate.add(at)

    def settled(self, exchanges: Sequence[Exchange]) -> None:
        """Take requests that have just been answered or have run out of time."""
        for exchange in exchanges:
            state = exchange.state
            if state is _OK or exchange.flags & _CONTROL:
                continue
            service = self.services.get(exchange.target or "")
            if service is None:
                continue
            entry = service.actions.get(exchange.action or "")
            if state is State.ERROR:
                service.errors += 1
                if entry is not None:
                    entry.errors += 1
            elif state is State.TIMEOUT and exchange.answer is None:
                service.timeouts += 1
                if entry is not None:
                    entry.timeouts += 1

    def _service(self, name: str, now: float) -> ServiceEntry | None:
        entry = self.services.get(name)
        if entry is None:
            if len(self.services) >= MOST:
                self._forget(name)
                return None
            entry = self.services[name] = ServiceEntry(name, now)
            # What was taken for a mere channel has turned out to be a service.
            known = self.channels.pop(name, None)
            if known is not None:
                entry.subscribers, entry.rate = known.subscribers, known.rate
        return entry

    def _channel(self, name: str, now: float) -> ChannelEntry | None:
        entry = self.channels.get(name)
        if entry is None:
            if len(self.channels) >= MOST:
                self._forget(name)
                return None
            entry = self.channels[name] = ChannelEntry(name, now)
        return entry

    def _forget(self, name: str) -> None:
        # Only what tells names apart: they may be long, and there is no end to them.
        if len(self._beyond) < MOST:
            self._beyond.add(hash(name))


def _mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()
