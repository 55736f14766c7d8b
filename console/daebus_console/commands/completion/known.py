"""What a context knows of the bus, for completion: read from its session, a little at a time, under its lock."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from daebus_console.commands.context import Context
from daebus_console.commands.grammar.template import item
from daebus_console.commands.under_way import under_way
from daebus_console.engine import jsontext
from daebus_console.engine.entries import ActionEntry, ServiceEntry
from daebus_console.engine.hiding.redact import MASK
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Flag, Kind
from daebus_console.engine.schema.described import Whole, described
from daebus_console.engine.schema.shape import default, notes, shape
from daebus_console.render import duration

_LATEST = 50
_MOST_FILES = 200
_LOOK_BACK = 2_000
_MOST_SEEN = 20_000
_LARGEST = 64 * 1024
_MOST_VALUES = 10


class SessionKnown:
    """See `Known`. Values of redacted keys are never offered."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.session = context.session

    def services(self) -> Iterable[tuple[str, str]]:
        """Services that are there, by name, then those that were."""
        with self.session.lock:
            services = list(self.session.directory.services.values())
        services.sort(key=lambda one: (not one.subscribers, one.name))
        return [(one.name, _about_service(one)) for one in services]

    def actions(self, service: str) -> Iterable[tuple[str, str]]:
        """Actions that the service declares, then those seen being asked."""
        with self.session.lock:
            entry = self.session.directory.services.get(service)
            actions = list(entry.actions.values()) if entry is not None else []
        actions.sort(key=lambda one: (not one.declared, one.name))
        return [(one.name, _about_action(one)) for one in actions]

    def channels(self) -> Iterable[tuple[str, str]]:
        """Channels with subscribers, then the others."""
        with self.session.lock:
            channels = list(self.session.directory.channels.values())
        channels.sort(key=lambda one: (not one.subscribers, one.name))
        return [(one.name, f"{one.subscribers} subscriber{'s' * (one.subscribers != 1)}") for one in channels]

    def payload(self, service: str, action: str) -> Any:
        """The payload seen last for an action."""
        with self.session.lock:
            entry = self.session.directory.services.get(service)
            found = entry.actions.get(action) if entry is not None else None
            data = found.last_seen if found is not None else None
        return self._payload(data)

    def fields(self, service: str, action: str) -> Iterable[tuple[str, str]]:
        """The items that the action takes, as far as its service tells: what must be given first."""
        with self.session.lock:
            entry = self.session.directory.services.get(service)
            found = entry.actions.get(action) if entry is not None else None
            told = found.told if found is not None else None
        arguments = described(action, "", told).arguments
        return [] if arguments is None else list(offers(Whole.of(arguments)))

    def message(self, channel: str) -> Any:
        """The object broadcast last on a channel, among the latest messages."""
        with self.session.lock:
            latest = islice(reversed(self.session.journal.exchanges), _LOOK_BACK)
            data = next(
                (one.opened.data for one in latest if one.target == channel and one.kind is Kind.BROADCAST), None
            )
        return self._payload(data)

    def exchanges(self) -> Iterable[tuple[int, str]]:
        """The latest exchanges, but for what is asked on control channels: a debugger asks each service each second."""
        with self.session.lock:
            seen = islice(reversed(self.session.journal.exchanges), _MOST_SEEN)
            latest = list(islice((one for one in seen if not one.flags & Flag.CONTROL), _LATEST))
        return [(one.number, _about_exchange(one)) for one in latest]

    def variables(self) -> Iterable[tuple[str, str]]:
        """The variables of the prompt."""
        last = [("last", "the answer that came last")] if "last" in self.context.variables else []
        return [*last, *((name, "a variable") for name in sorted(self.context.variables) if name != "last")]

    def jobs(self) -> Iterable[tuple[int, str]]:
        """What is under way."""
        return [(job.number, job.line) for job in self.context.jobs.running()]

    def held(self) -> Iterable[tuple[str, str]]:
        """What is held, by its number."""
        keeper = under_way(self.session).keeper
        if keeper is None:
            return []
        from daebus_console.engine.holding.words import stage, where

        with self.session.lock:
            return [(f"H{one.number}", f"{where(one.first)} {stage(one.first)}") for one in keeper.desk.held()]

    def storms(self) -> Iterable[tuple[str, str]]:
        """Those of the project."""
        from daebus_console.files import storms

        return [(name, storms.place_of(name)) for name in storms.names()]

    def files(self, beginning: str) -> Iterable[tuple[str, str]]:
        """Files on disk; hidden ones only where the name begins with a dot."""
        folder, name = os.path.split(beginning)
        try:
            with os.scandir(os.path.expanduser(folder) or ".") as entries:
                found = sorted(islice(_matching(entries, name), _MOST_FILES))
        except OSError:
            return []
        return [(os.path.join(folder, entry), "directory" if entry.endswith("/") else "") for entry in found]

    def filter_offers(self, text: str) -> Iterable[tuple[str, int, str]]:
        """From the filter language's own completion."""
        # Whoever never filters need not wait for the import.
        from daebus_console.engine.filter import completion as filter_completion

        with self.session.lock:
            names = filter_completion.known_names(self.session.directory)
        return filter_completion.completions(text, len(text), names)

    def _payload(self, data: bytes | None) -> Any:
        if data is None or len(data) > _LARGEST:
            return None
        try:
            payload = wire.payload_of(data)
        except wire.Unreadable:
            return None
        return _without_masked(self.context.redact.mask(payload))


def offers(arguments: Whole) -> Iterator[tuple[str, str]]:
    """The beginnings of items, one for each value where only some are allowed, with what is to be said of each."""
    for name, schema, required in sorted(arguments.fields(), key=lambda one: not one[2]):
        value = default(schema)
        said = [
            shape(schema),
            "required" if required else f"default {value}" if value is not None else "",
            notes(schema),
        ]
        meta = ", ".join(text for text in said if text)
        one = schema.resolved()
        values = one.values()
        if values is not None and len(values) <= _MOST_VALUES:
            yield from ((item((name,), each), meta) for each in values)
        else:
            text = item((name,), "")
            yield text if "string" in one.types() or not one.types() else f"{text[:-1]}:=", meta


def _matching(entries: Iterable[os.DirEntry[str]], name: str) -> Iterator[str]:
    for entry in entries:
        if entry.name.startswith(name) and (name.startswith(".") or not entry.name.startswith(".")):
            yield f"{entry.name}/" if entry.is_dir() else entry.name


def _without_masked(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = [(key, _without_masked(inner)) for key, inner in jsontext.pairs_of(value) if inner != MASK]
        return jsontext.made_of(pairs)
    return value


def _about_service(service: ServiceEntry) -> str:
    if not service.subscribers:
        return "gone" if service.gone is not None else "nobody subscribes"
    count = len(service.actions)
    actions = f"{count} action{'s' * (count != 1)}" if count else "actions unknown"
    return actions if service.subscribers == 1 else f"{actions}, {service.subscribers} instances"


def _about_action(action: ActionEntry) -> str:
    if action.doc or action.declared:
        return action.doc or ""
    return "seen being asked " + ("once" if action.requests == 1 else f"{action.requests} times")


def _about_exchange(exchange: Exchange) -> str:
    latency = f" {duration(exchange.latency)}" if exchange.latency is not None else ""
    return f"{exchange.target or ''} {exchange.action or exchange.kind.value} {exchange.state.value}{latency}"
