"""What one instance tells of its rules and of what it holds. Pure; whatever comes is read as far as it makes sense."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from daebus_console.engine.holding.rule import DELAY, Rule, of_told

USUAL_PATIENCE = 5.0
"""Seconds that callers of 0.0.31 wait for an answer where they are told nothing else; their requests do not say."""


@dataclass(frozen=True)
class Placed:
    """A rule as it stands in an instance: whose it is, and how often it was hit."""

    owner: str
    rule: Rule
    hits: int = 0


@dataclass(frozen=True)
class Hold:
    """A message that one instance holds.

    `hold` is its id there; `name` the action, or the channel of an event; `id` and `parent` are those of the message.
    `since` and `until` are times of the keeper's clock: until when it is held at most (None: the instance does not
    say); `asker` when whoever asked gives up, if its clock goes on (None: nobody is known to wait); with `waits` it is
    told to wait on, unless it has gone (`deserted`) or Redis was away meanwhile, which ends calls (`doubtful`);
    `guessed` that it does not say how long it waits, and is taken to wait as callers of 0.0.31 do.
    `payload` is what it carries, `whole` where all of that was told; `length` are its bytes. `target` is the service
    that a call is for; `ok` tells that an answer is no error; `part` which part of an answer it is, if it is not the
    final one, and `behind` how many of the same answer wait for it; `one_way` that nobody waits for an answer of what
    leaves; `delayed` that it is not held but delayed. `held_by` is the rule itself, where it was told.
    """

    service: str
    instance: str
    hold: str
    place: str
    name: str
    owner: str
    rule: str
    since: float
    until: float | None = None
    asker: float | None = None
    waits: bool = False
    guessed: bool = False
    deserted: bool = False
    doubtful: bool = False
    sender: str | None = None
    id: str | None = None
    parent: str | None = None
    payload: Any = None
    whole: bool = False
    target: str | None = None
    ok: bool = True
    length: int = 0
    delayed: bool = False
    part: int | None = None
    behind: int = 0
    one_way: bool = False
    held_by: Rule | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all other holds."""
        return self.service, self.instance, self.hold

    @property
    def message(self) -> tuple[str, ...]:
        """The same for holds of one message at one place: each instance has its own copy of what is not shared."""
        if self.id is None:
            return self.key
        return self.service, self.place, self.name, self.id, str(self.part or "")


@dataclass(frozen=True)
class Report:
    """An instance at one moment (`at`, the keeper's clock).

    `passed` messages a rule would have held went by for want of room. `suspended` names who has suspended it; `count`
    is how many it holds, of which not all may have had room in `holds`. `owners` are those of whom all rules are told,
    `cut` those whose rules had no room.
    """

    service: str
    instance: str
    at: float
    rules: tuple[Placed, ...] = ()
    holds: tuple[Hold, ...] = ()
    passed: int = 0
    suspended: tuple[str, ...] = ()
    count: int = 0
    owners: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()

    def after(self, before: Report) -> Report:
        """The same, with what was known of its holds before: since when they are held, and a rule that has gone."""
        known = {hold.key: hold for hold in before.holds}
        holds = (
            hold
            if (old := known.get(hold.key)) is None
            else replace(hold, since=old.since, held_by=hold.held_by or old.held_by)
            for hold in self.holds
        )
        return replace(self, holds=tuple(holds))

    def asked(self, gone: Callable[[Hold], bool], doubtful: Callable[[Hold], bool]) -> Report:
        """The same, where of what is held these tell that whoever asked for it has gone, or may have given up."""
        return replace(
            self,
            holds=tuple(replace(hold, deserted=gone(hold), doubtful=doubtful(hold)) for hold in self.holds),
        )

    def without(self, gone: Collection[tuple[str, str, str]]) -> Report:
        """The same without those holds, by their keys."""
        left = tuple(hold for hold in self.holds if hold.key not in gone)
        return replace(self, holds=left, count=self.count - len(self.holds) + len(left))


def read_report(service: str, instance: str, told: Mapping[str, Any], at: float) -> Report:
    """The report that an answer to `held` is."""
    leases, suspended = (
        [one for one in _list(told.get(name)) if isinstance(one, Mapping)] for name in ("rules", "suspended")
    )
    rules = tuple(placed for lease in leases for placed in read_rules(_owner(lease), lease.get("rules")))
    return Report(
        service,
        instance,
        at,
        rules,
        tuple(_holds(service, instance, told.get("held"), at, {(one.owner, one.rule.id): one.rule for one in rules})),
        int(_seconds(told.get("passed")) or 0),
        tuple(map(_owner, suspended)),
        int(_seconds(told.get("count")) or 0),
        tuple(_owner(lease) for lease in leases if not lease.get("cut")),
        tuple(_owner(lease) for lease in leases if lease.get("cut")),
    )


def _owner(told: Mapping[str, Any]) -> str:
    return str(told.get("owner", "?"))


def read_rules(owner: str, told: Any) -> Iterator[Placed]:
    """The rules of somebody as an instance tells them."""
    for one in _list(told):
        rule = of_told(one)
        if rule is not None:
            hits = one.get("hits")
            yield Placed(owner, rule, hits if isinstance(hits, int) else 0)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _holds(service: str, instance: str, told: Any, at: float, rules: Mapping[tuple[str, str], Rule]) -> Iterator[Hold]:
    for one in _list(told):
        if not isinstance(one, Mapping) or not isinstance(one.get("hold"), str):
            continue
        ends = _seconds(one.get("ends"))
        since = at - (_seconds(one.get("held")) or 0.0)
        asker, waits, guessed = _asker(one.get("asker"), at, since)
        yield Hold(
            service=service,
            instance=instance,
            hold=one["hold"],
            place=str(one.get("place", "request")),
            name=str(one.get("action") or one.get("channel") or ""),
            owner=_owner(one),
            rule=str(one.get("rule", "")),
            since=since,
            until=None if ends is None else at + ends,
            asker=asker,
            waits=waits,
            guessed=guessed,
            sender=_text(one.get("from")),
            id=_text(one.get("id")),
            parent=_text(one.get("parent")),
            payload=one.get("payload"),
            whole="payload" in one and one.get("cut") is not True,
            target=_text(one.get("service")),
            ok=one.get("ok") is not False,
            length=int(_seconds(one.get("length")) or 0),
            delayed=one.get("deed") == DELAY,
            part=None if (part := _seconds(one.get("part"))) is None else int(part),
            behind=int(_seconds(one.get("behind")) or 0),
            one_way=one.get("one_way") is True,
            held_by=rules.get((_owner(one), str(one.get("rule", "")))),
        )


def _asker(told: Any, at: float, since: float) -> tuple[float | None, bool, bool]:
    """When whoever asked gives up, whether it is told to wait on, and whether the first is guessed."""
    if not isinstance(told, Mapping):
        return None, False, False
    if told.get("notified") is True:
        return None, True, False
    left = _seconds(told.get("left"))
    return (since + USUAL_PATIENCE, False, True) if left is None else (at + left, False, False)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _seconds(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None
