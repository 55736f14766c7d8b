"""What the instances of services told of themselves, and when: from answers to `info`. Pure and bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from daebus_console.engine.figures.told import Figures, figures

_DATABASE = re.compile(r"rediss?://[^/?#]*/?([0-9]{0,9})$")
MOST = 2_000
"""Services that are remembered."""
_MOST_INSTANCES = 200
_MOST_ACTIONS = 2_000
_FORGET = 60.0
_ONE_ROUND = 1.0
_SLOW = 5.0
"""Seconds within which one that is there answers, be it ever so slow."""


class Instance:
    """One instance: what it told last, and before that. `first` and `last` are epoch seconds of its answers."""

    def __init__(self, name: str, at: float) -> None:
        self.name = name
        self.first = self.last = at
        self.answers = 0
        self.version = ""
        self.actions: frozenset[str] = frozenset()
        self.coroutines: frozenset[str] = frozenset()
        """Those of them that are async."""
        self.shared = False
        """Whether it shares the work with the others."""
        self._loop: tuple[int, int] = 0, 0
        self.database: str | None = None
        """The number of the database of its Redis, None where it does not tell."""
        self.figures = Figures()
        self.before: Figures | None = None
        self.counts: Mapping[str, Any] = {}
        self.counted: Mapping[str, Any] = {}
        """The counts of the answer before the last."""

    def take(self, at: float, info: Mapping[str, Any]) -> None:
        """It has told this."""
        self.answers += 1
        self.last = at
        version = info.get("version")
        self.version = version if isinstance(version, str) else ""
        listed = info.get("actions")
        actions = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
        names = [one.get("name") for one in actions]
        self.actions = frozenset([name for name in names if isinstance(name, str)][:_MOST_ACTIONS])
        self.shared = info.get("shared") is True
        self.database = _database(info.get("redis"))
        loop = [one.get("name") for one in actions if one.get("async") is True]
        self.coroutines = frozenset([name for name in loop if isinstance(name, str)][:_MOST_ACTIONS])
        room = info.get("async")
        busy, most = (room.get("busy"), room.get("max")) if isinstance(room, Mapping) else (0, 0)
        self._loop = (busy, most) if isinstance(busy, int) and isinstance(most, int) else (0, 0)
        self.before = self.figures if self.answers > 1 else None
        self.figures = figures(info, at)
        counts = info.get("counts")
        self.counted, self.counts = self.counts, counts if isinstance(counts, Mapping) else {}

    @property
    def began(self) -> float | None:
        """When it began, by its own clock; None where it does not tell, or that is seen to be ahead of ours."""
        up = self.figures.up
        return None if up is None or self.last - up > self.first else self.last - up

    def has_loop_room(self, least: int) -> bool:
        """Whether its event loop may run so many handlers at once, and was asked to run no more than half of that."""
        busy, most = self._loop
        return most >= least and busy <= most / 2

    def rise(self, name: str) -> int:
        """By how much that count rose between the last two answers."""
        after, before = self.counts.get(name), self.counted.get(name)
        if not isinstance(after, int) or not isinstance(before, int):
            return 0
        return max(0, after - before)


class Instances:
    """The instances by service."""

    def __init__(self) -> None:
        self._services: dict[str, dict[str, Instance]] = {}
        self._rounds: dict[str, tuple[float, float]] = {}
        """When the first answers came to the last question but one that a service was asked, and to the last."""
        self._actions: dict[str, frozenset[str]] = {}
        """What `actions` has worked out since a service told something: it is asked for every request."""
        self._coroutines: dict[str, frozenset[str]] = {}
        """The same of `coroutines`."""
        self.heard = 0.0
        """When anybody told anything the last time."""

    def take(self, at: float, info: Mapping[str, Any]) -> tuple[str, Instance] | None:
        """Take an answer to `info`; returns whose it is, None where it does not say."""
        service, name = info.get("service"), info.get("instance")
        if not isinstance(service, str) or not service or not isinstance(name, str):
            return None
        found = self._services.get(service)
        if found is None:
            if len(self._services) >= MOST:
                return None
            found = self._services[service] = {}
        instance = found.get(name)
        if instance is None:
            if len(found) >= _MOST_INSTANCES:
                del found[min(found, key=lambda one: found[one].last)]
            instance = found[name] = Instance(name, at)
        instance.take(at, info)
        self.heard = max(self.heard, at)
        self._actions.pop(service, None)
        self._coroutines.pop(service, None)
        _before, now = self._rounds.get(service, (0.0, 0.0))
        if at - now > _ONE_ROUND:
            self._rounds[service] = now, at
        for gone in [one.name for one in found.values() if at - one.last > _FORGET]:
            del found[gone]
        return service, instance

    def of(self, service: str | None) -> list[Instance]:
        """The instances of a service that told of themselves lately."""
        return list(self._services.get(service or "", {}).values())

    def names(self) -> list[str]:
        """The services that told of themselves."""
        return list(self._services)

    def here(self, service: str | None) -> list[Instance]:
        """Those of them that have not been replaced: each told something since the newest of them first did.

        Or just before, for they all answer the same question, one after the other. Nor has one said nothing to the last
        question but one, which others answered.
        """
        found = self.of(service)
        newest = max((one.first for one in found), default=0.0)
        before, now = self._rounds.get(service or "", (0.0, 0.0))
        since = max(newest - _ONE_ROUND, min(before, now - _SLOW))
        return [one for one in found if one.last >= since]

    def actions(self, service: str | None) -> frozenset[str] | None:
        """All actions that any instance has which has not been replaced; None where none told."""
        return _together(self._actions, service or "", self.here, _actions_of)

    def coroutines(self, service: str) -> frozenset[str]:
        """The actions that any instance runs on its event loop, as far as they told lately."""
        return _together(self._coroutines, service, self.of, _coroutines_of) or frozenset()

    def last(self, service: str | None) -> float:
        """When an instance of the service told of itself the last time; 0 for never."""
        return max((one.last for one in self.of(service)), default=0.0)

    def workers(self, service: str | None) -> int | None:
        """How many workers its instances have together; None where one does not tell."""
        told = [one.figures.workers for one in self.here(service)]
        known = [count for count in told if count is not None]
        return sum(known) if known and len(known) == len(told) else None

    def stepped(self) -> None:
        """The clock stepped: what was told before it belongs to another time."""
        self._services.clear()
        self._rounds.clear()
        self._actions.clear()
        self._coroutines.clear()


def _database(redis: Any) -> str | None:
    at = redis.get("at") if isinstance(redis, Mapping) else None
    found = _DATABASE.match(at) if isinstance(at, str) else None
    return None if found is None else str(int(found[1] or 0))


def are_strangers(some: Iterable[Instance], others: Iterable[Instance]) -> bool:
    """Whether these have no action in common with those: they are other programs, which a name was given to as well."""
    theirs = _actions_of(others)
    return bool(theirs) and theirs.isdisjoint(_actions_of(some))


def _actions_of(some: Iterable[Instance]) -> frozenset[str]:
    return frozenset[str]().union(*(one.actions for one in some))


def _coroutines_of(some: Iterable[Instance]) -> frozenset[str]:
    return frozenset[str]().union(*(one.coroutines for one in some))


def _together(
    known: dict[str, frozenset[str]],
    service: str,
    those: Callable[[str], list[Instance]],
    names: Callable[[Iterable[Instance]], frozenset[str]],
) -> frozenset[str] | None:
    """The names that those instances of a service have, as `known` or worked out; None where there are none of them."""
    if service not in known:
        found = those(service)
        if not found:
            return None
        known[service] = names(found)
    return known[service]
