"""What is known of those on the bus, an entry each: services with actions and instances, and other channels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daebus_console.engine.message.dialect import Announced
from daebus_console.engine.message.exchange import DAEBUS, Exchange, State
from daebus_console.engine.rate import Rate
from daebus_console.engine.runs import Runs

_MOST_ACTIONS = 1_000


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
    dialect: str = DAEBUS
    """The name of the dialect in which it was first asked, or told of itself."""
    heard: float = 0.0
    """When it last told of itself as others than ours do, with a heartbeat say; 0 where it does not."""
    subscribers: int = 0
    others: int = 0
    """How many more are subscribed to its own channel than can be asked: services of 0.0.31, say."""
    listening: int = 0
    """How many are subscribed to it for broadcasts only, as they tell of themselves."""
    gone: float | None = None
    instances: dict[str, Instance] = field(default_factory=dict)
    actions: dict[str, ActionEntry] = field(default_factory=dict)
    runs: Runs = field(default_factory=Runs)
    rate: Rate = field(default_factory=Rate)
    errors: int = 0
    timeouts: int = 0
    asked: int = 0
    """How often it was asked for its `info` since it was last seen to change, and when."""
    asked_at: float = 0.0
    met: dict[str, None] = field(default_factory=dict)
    """Instances that answered before they had told of themselves."""

    @property
    def takers(self) -> int:
        """How many may take its requests."""
        return self.subscribers + self.others

    @property
    def everybody(self) -> int:
        """How many are subscribed to its own channel."""
        return self.takers + self.listening

    def count_beside(self, count: int, listening: int) -> None:
        """So many more are subscribed to its own channel than can be asked, and so many tell that they listen there."""
        self.listening = max(0, min(count, listening))
        self.others = max(0, count) - self.listening

    def action(self, name: str) -> ActionEntry | None:
        """The entry of an action, made when it is new; None where there are too many already."""
        entry = self.actions.get(name)
        if entry is None and len(self.actions) < _MOST_ACTIONS:
            entry = self.actions[name] = ActionEntry(name)
        return entry

    def names(self, what: str) -> set[str]:
        """What those of its instances that are known name as their `actions`, or as what they listen to (`listens`)."""
        told = [one.info.get(what) for one in self.instances.values()]
        each = [item for items in told if isinstance(items, list) for item in items]
        found = (item.get("name") if isinstance(item, Mapping) else item for item in each)
        return {name for name in found if isinstance(name, str)}

    def listeners_on(self, channel: str) -> int:
        """How many of its instances tell that they listen to that channel."""
        told = (one.info.get("listens") for one in self.instances.values())
        return sum(isinstance(one, list) and channel in one for one in told)

    @property
    def is_idle(self) -> bool:
        """Whether it has gone, or nobody is known to serve what was asked."""
        return self.gone is not None or not (self.framework or self.subscribers or self.heard)

    @property
    def idle_since(self) -> tuple[bool, float]:
        """What has gone makes room first."""
        return (self.gone is None, self.first_seen if self.gone is None else self.gone)

    def told(self, now: float, payload: Mapping[str, Any]) -> bool:
        """Take one instance's answer to `info`; returns whether its instances are others than before."""
        self.framework, self.dialect = True, DAEBUS
        key = str(payload.get("instance") or "?")
        known = key in self.instances
        others = not known
        self.instances[key] = Instance(key, payload, now)
        if len(self.instances) > max(self.subscribers, 1):
            # An instance that did not answer the latest round is the one that left.
            stalest = min(self.instances.values(), key=lambda instance: instance.heard)
            if now - stalest.heard > 3:
                del self.instances[stalest.id]
                others = True
        for item in _mappings(payload.get("actions")):
            action = item.get("name")
            entry = self.action(action) if isinstance(action, str) else None
            if entry is not None:
                doc = item.get("doc")
                entry.declared, entry.doc = True, doc if isinstance(doc, str) else ""
                if "description" in item:
                    entry.told = item
                elif not known:
                    # Another instance has come unnoticed, and may take other arguments.
                    self.asked = 0
        return others

    def announced(self, at: float, told: Announced, dialect: str) -> None:
        """Take what a program of another framework told of itself under that name."""
        self.dialect, self.heard = dialect, at
        if told.gone:
            self.gone, self.subscribers = at, 0
            self.instances.clear()
            return
        self.gone, self.subscribers = None, max(1, self.subscribers)
        for name, doc in told.actions.items():
            entry = self.action(name)
            if entry is not None:
                entry.declared, entry.doc = True, doc

    def failed(self, exchange: Exchange) -> None:
        """Count a request that was answered with an error, or has run out of time."""
        entry = self.actions.get(exchange.action or "")
        if exchange.state is State.ERROR:
            self.errors += 1
            if entry is not None:
                entry.errors += 1
        elif exchange.state is State.TIMEOUT and exchange.answer is None:
            self.timeouts += 1
            if entry is not None:
                entry.timeouts += 1

    def settle(self) -> None:
        """No instance has some of its actions any more: those are left out that nobody was seen asking for."""
        named = self.names("actions")
        for action in [one for one in self.actions.values() if one.declared and one.name not in named]:
            action.declared, action.doc, action.told = False, "", None
            if not action.requests:
                del self.actions[action.name]


@dataclass
class ChannelEntry:
    """A channel that is no service's: broadcasts, or nobody knows what. `listeners` are services that declare it."""

    name: str
    subscribers: int = 0
    gone: float | None = None
    listeners: set[str] = field(default_factory=set)
    rate: Rate = field(default_factory=Rate)
    heard: float = 0.0
    """When something last passed on it, or somebody was subscribed."""


def _mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()
