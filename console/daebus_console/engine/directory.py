"""Who is on the bus: services, their instances and actions, and other channels, as last heard. Pure.

Fed from three sides: the channels that are subscribed to (polled), the answers of services to `info` (seen in the
traffic like any other), and the traffic itself. Time comes with each call, in epoch seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from daebus_console.engine.alike import AlikeEntry, Alikes, Pattern, pattern_of
from daebus_console.engine.bounded import remember
from daebus_console.engine.entries import ChannelEntry, ServiceEntry
from daebus_console.engine.listeners import Listener
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.dialect import Announced
from daebus_console.engine.message.exchange import DAEBUS, Exchange, Flag, Kind, State

MOST = 10_000
"""Services that are remembered, and as many channels."""
SILENT_FOR = 60.0
"""Seconds without a heartbeat after which a node or worker of another framework is taken to be gone."""
FORGOTTEN_AFTER = 300.0
"""Seconds after which a channel is left out that nobody is subscribed to and nothing passes on."""
_MOST_ASKED = 4
_MOST_MET = 50
# Members of an enum are slow to look up, and these are wanted for every exchange.
_REQUEST, _ONE_WAY, _BROADCAST = Kind.REQUEST, Kind.ONE_WAY, Kind.BROADCAST
_OK, _CONTROL = State.OK, Flag.CONTROL

Asked = tuple[str | None, str | None]
"""A service and one of its actions."""


class Directory:
    """The services and channels known, by name."""

    def __init__(self) -> None:
        self.services: dict[str, ServiceEntry] = {}
        self.channels: dict[str, ChannelEntry] = {}
        self.by_pattern: list[Listener] | None = []
        """Who is subscribed to patterns, this console left out; None where that is not known."""
        self._alikes = Alikes()
        self.reply_channels = 0
        """How many reply channels were subscribed to at the last poll."""
        self.pattern_subscribers = 0
        """NUMPAT at the last poll: unique patterns, whose subscribers NUMSUB does not count."""
        self.polled: float | None = None
        self.counted = True
        """Whether the broker lets us count subscribers; else 1 stands for one or more."""
        self.listened: set[str] = set()
        self.framework: set[str] = set()
        """The names of the services on this framework that were ever here."""
        self._beyond: set[int] = set()
        self._idle: list[str] = []
        """Where there is no more room: the services that make some for one that is there, the first of them last."""

    @property
    def forgotten(self) -> int:
        """Channels and services that were met and are left out for want of room; MOST stands for that or more."""
        return len(self._beyond)

    def alike(self) -> list[AlikeEntry]:
        """Channels that are one entry together, since their names differ in an id only."""
        return self._alikes.listed()

    def subscribers_of(self, channel: str) -> int | None:
        """How many subscribed to a channel at the last poll; None where that is not known."""
        if self.polled is None or not self.counted:
            return None
        service, entry = self.services.get(channel), self.channels.get(channel)
        if service is not None:
            return service.everybody
        return entry.subscribers if entry is not None else None

    def others_of(self, service: str) -> int:
        """How many more are subscribed to the channel of a service than can be asked, as far as is known."""
        entry = self.services.get(service)
        return entry.others if entry is not None else 0

    def _listening(self, channel: str) -> int:
        """How many instances of other services are known to listen to the channel of that service."""
        if channel not in self.listened:
            return 0
        others = (one for one in self.services.values() if one.name != channel and one.gone is None)
        return sum(one.listeners_on(channel) for one in others)

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
        told = (wire.service_of_control(channel) for channel, count in subscribers.items() if count)
        names = {name for name in told if name is not None}
        replies = 0
        self._alikes.begin_poll(len(subscribers))
        for channel, count in subscribers.items():
            if not count:
                continue
            controlled = wire.service_of_control(channel)
            if controlled is not None:
                self._can_be_asked(controlled, count, now)
            elif channel in names:
                continue
            elif wire.is_reply_channel(channel):
                replies += 1
            elif channel in self.services and channel not in self.listened:
                certain = complete or wire.CONTROL_PREFIX + channel in subscribers
                self._cannot_be_asked(self.services[channel], count, certain=certain)
            else:
                self._is_heard(channel, count, now)
        if complete:
            self.reply_channels = replies
            self._alikes.end_poll(now)
        self._mark_gone(now, subscribers, complete)
        for service in map(self.services.get, names & subscribers.keys()):
            if service is not None:
                service.count_beside(subscribers[service.name] - service.subscribers, self._listening(service.name))
        self._forget_the_gone(now)
        return self._to_ask(now) if listening else set()

    def _can_be_asked(self, name: str, count: int, now: float) -> None:
        """So many instances of a service have a control channel."""
        service = self._service(name, now, here=True)
        if service is not None and (not service.framework or service.subscribers != count or service.gone):
            service.framework, service.dialect = True, DAEBUS
            service.subscribers, service.gone = count, None
            self.framework.add(name)
            service.asked = 0

    def _cannot_be_asked(self, service: ServiceEntry, count: int, *, certain: bool) -> None:
        """So many are subscribed to the channel of a service, and none of them has a control channel, if it is certain:
        whoever took the place of one that could be asked.
        """
        service.subscribers, service.gone = count, None
        service.count_beside(0, 0)
        if certain:
            service.framework = False
            service.instances.clear()

    def _is_heard(self, channel: str, count: int, now: float) -> None:
        """So many are subscribed to a channel that is no service's."""
        entry = self._channel(channel, now, self._alikes.pattern(channel))
        if isinstance(entry, AlikeEntry):
            entry.counted += 1
            entry.heard, entry.gone = now, None
        elif entry is not None:
            entry.subscribers, entry.gone, entry.heard = count, None, now

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
            return controlled in self.services or len(self.services) < MOST or bool(self._idle)
        if name in self.services or name in self.channels:
            return True
        return not self._alikes.stands_for(name) and len(self.channels) < MOST

    def known(self) -> list[str]:
        """The channels of all there is an entry for."""
        controls = (wire.CONTROL_PREFIX + name for name in self.services)
        return [*controls, *self.services, *self.channels]

    def _mark_gone(self, now: float, subscribers: Mapping[str, int], complete: bool) -> None:
        for name, service in self.services.items():
            if service.heard:
                # A node has channels of other names: that it is silent is all that tells.
                if service.gone is None and now - service.heard > SILENT_FOR:
                    service.subscribers, service.gone = 0, now
                continue
            control = wire.CONTROL_PREFIX + name
            if not complete and (control if service.framework else name) not in subscribers:
                continue
            here = subscribers.get(control, 0) or subscribers.get(name, 0)
            if not here and service.gone is None and (service.subscribers or service.framework):
                service.subscribers, service.gone = 0, now
                service.count_beside(0, 0)
                service.instances.clear()
        for name, channel in self.channels.items():
            if not complete and name not in subscribers:
                continue
            if not subscribers.get(name, 0) and channel.subscribers:
                channel.subscribers, channel.gone = 0, now
        idle = [one for one in self.services.values() if one.is_idle] if len(self.services) >= MOST else []
        self._idle = [one.name for one in sorted(idle, key=lambda one: one.idle_since, reverse=True)]

    def _forget_the_gone(self, now: float) -> None:
        """Leave out channels that nobody has anything to do with any more."""
        before = now - FORGOTTEN_AFTER
        for name in [
            name
            for name, one in self.channels.items()
            if one.heard < before and not one.subscribers and not one.listeners
        ]:
            del self.channels[name]
        self._alikes.forget(before)

    def stepped(self, seconds: float) -> None:
        """The clock went that far at once."""
        for service in self.services.values():
            service.asked_at += seconds
            service.heard += seconds if service.heard else 0.0
            for instance in service.instances.values():
                instance.heard += seconds
        for channel in self.channels.values():
            channel.heard += seconds
        self._alikes.stepped(seconds)

    def info(self, now: float, payload: Mapping[str, Any]) -> None:
        """Take one instance's answer to `info`. Anything in it may be missing or of another type than it should be."""
        name = payload.get("service")
        if not isinstance(name, str) or not name:
            return
        service = self._service(name, now, here=True)
        if service is None:
            return
        self.framework.add(name)
        others = service.told(now, payload)
        listens = payload.get("listens")
        for channel in listens if isinstance(listens, list) else ():
            if isinstance(channel, str):
                self.listened.add(channel)
                served = self.services.get(channel)
                if served is not None:
                    served.count_beside(served.others + served.listening, self._listening(channel))
                listened = self._channel(channel, now, None)
                if isinstance(listened, ChannelEntry):
                    listened.listeners.add(name)
        # In a capture nobody knows who was there at a time.
        if others and self.polled is not None:
            self._settle(service)

    def _settle(self, service: ServiceEntry) -> None:
        """Its instances are others than before, and so may be their actions, and what they listen to."""
        service.settle()
        listens = service.names("listens")
        for channel in self.channels.values():
            if service.name in channel.listeners and channel.name not in listens:
                channel.listeners.discard(service.name)

    # From the traffic ------------------------------------------------------------------------------------------

    def asked(self, at: float, requests: Mapping[Asked, Sequence[Exchange]]) -> None:
        """Take requests that were opened until `at`, in one second, by whom was asked and for what."""
        for (target, action), exchanges in requests.items():
            if target is None:
                continue
            service = self.services.get(target)
            if service is None:
                service = self._service(target, exchanges[0].opened.at)
                if service is None:
                    continue
                service.dialect = exchanges[0].dialect
            service.rate.add(at, len(exchanges))
            name = action or ""
            entry = service.actions.get(name) or service.action(name)
            if entry is not None:
                entry.requests += len(exchanges)
                entry.last_seen = exchanges[-1].asking.data

    def saw(self, exchanges: Sequence[Exchange]) -> None:
        """Take other exchanges that have just been opened, within one second."""
        asked: defaultdict[Asked, list[Exchange]] = defaultdict(list)
        cast: defaultdict[str, list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            kind, target = exchange.kind, exchange.target
            if target is None or exchange.flags & _CONTROL:
                continue
            if kind is _REQUEST or kind is _ONE_WAY:
                asked[target, exchange.action].append(exchange)
            elif kind is _BROADCAST:
                cast[target].append(exchange)
        if asked:
            self.asked(exchanges[-1].opened.at, asked)
        for name, some in cast.items():
            at = some[-1].opened.at
            channel = self.channels.get(name) or self._channel(name, at, pattern_of(name))
            if channel is not None:
                channel.rate.add(at, len(some))
                channel.heard = at

    def announced(self, at: float, told: Announced, dialect: str) -> None:
        """Take what a program of another framework told of itself."""
        service = self._service(told.service, at, here=True)
        if service is None or service.framework:
            return
        service.announced(at, told, dialect)

    def answered(self, answers: Mapping[Asked, Sequence[Exchange]]) -> None:
        """Take requests that were answered: an instance that has not told of itself may have taken another's place."""
        for (target, _action), exchanges in answers.items():
            service, instance = self.services.get(target or ""), exchanges[-1].instance
            if service is None or instance is None or instance in service.instances or instance in service.met:
                continue
            if service.instances and service.gone is None:
                remember(service.met, instance, None, _MOST_MET)
                service.asked = 0

    def settled(self, exchanges: Sequence[Exchange]) -> None:
        """Take requests that have just been answered or have run out of time."""
        for exchange in exchanges:
            if exchange.state is _OK or exchange.flags & _CONTROL:
                continue
            service = self.services.get(exchange.target or "")
            if service is not None:
                service.failed(exchange)

    def _service(self, name: str, now: float, *, here: bool = False) -> ServiceEntry | None:
        """The entry of a service, made when it is new; None where there is no room.

        One that is known to be `here` takes that of one that is not.
        """
        entry = self.services.get(name)
        if entry is None:
            if len(self.services) >= MOST and not (here and self._make_room()):
                self._forget(name)
                return None
            entry = self.services[name] = ServiceEntry(name, now)
            # What was taken for a mere channel has turned out to be a service.
            known = self.channels.pop(name, None)
            if known is not None:
                entry.subscribers, entry.rate = known.subscribers, known.rate
        return entry

    def _make_room(self) -> bool:
        """Leave out a service that is not there, for one that is; False where all are."""
        while self._idle:
            name = self._idle.pop()
            entry = self.services.get(name)
            if entry is not None and entry.is_idle:
                del self.services[name]
                self.framework.discard(name)
                self._forget(name)
                return True
        return False

    def _channel(self, name: str, now: float, pattern: Pattern | None) -> ChannelEntry | AlikeEntry | None:
        entry = self.channels.get(name)
        if entry is None:
            alike = self._alike_of(name, now, pattern) if pattern is not None and name not in self.listened else None
            if alike is not None:
                return alike
            if len(self.channels) >= MOST:
                self._forget(name)
                return None
            entry = self.channels[name] = ChannelEntry(name, heard=now)
        return entry

    def _alike_of(self, name: str, now: float, pattern: Pattern) -> AlikeEntry | None:
        """The entry for all channels of such names, once there are too many of them for one each."""
        entry = self._alikes.of(pattern, now)
        if entry is None:
            return None
        if entry.add(name, now):
            for one in entry.single or ():
                known = self.channels.get(one)
                if known is not None and not known.listeners:
                    entry.rate.take(self.channels.pop(one).rate)
            entry.single = None
        return entry if entry.single is None else None

    def _forget(self, name: str) -> None:
        # Only what tells names apart: they may be long, and there is no end to them.
        if len(self._beyond) < MOST:
            self._beyond.add(hash(name))
