"""type-changed: a field that is a number here and a text there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from daebus_console.engine.bounded import Lately
from daebus_console.engine.findings.finding import Finding, Severity
from daebus_console.engine.findings.payloads import value
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, shown
from daebus_console.engine.message.exchange import Exchange, Kind, State

_A_SECOND, _OF_ONE = 60, 20
"""Messages that it learns from in a second, of all and of one action's requests or answers, when they go on."""
_AT_FIRST, _OF_ONE_AT_FIRST = 1_000, 200
"""The same of what comes at once, after that has not been used up."""
_MOST = 500
_MOST_PATHS = 200
_MOST_KEYS = 40
_MOST_ITEMS = 5
_DEEPEST = 4
_KINDS = ("type", "kind", "event")
_ENOUGH_NUMBERS = 5
_ENOUGH = 20
_SHARE = 0.25
_SINCE = 5
"""Messages with another type than all before them: from the first of them on it has changed."""
_KEPT = 3
_MOST_INSTANCES = 20
_OF_EACH = 3
"""Answers of an instance without which it may be chance that it gave no other type."""
_LONGEST = 80


class _Field:
    """One field: how often it had which type, the first exchanges for each, and that in which it had it last."""

    __slots__ = ("counts", "firm", "first", "instances", "last", "told")

    def __init__(self) -> None:
        self.told = False
        self.firm: Finding | None = None
        """What was found, while it says that it has changed for good, or differs by instance."""
        self.counts: dict[str, int] = {}
        self.first: dict[str, list[Exchange]] = {}
        self.last: dict[str, Exchange] = {}
        self.instances: dict[str, dict[str, int]] = {}
        """Of answers, how often each instance gave it each type; with an empty name where that is not told."""

    def alone(self, kind: str, other: str, least: int = _OF_EACH) -> list[str]:
        """The instances that gave it that type and never the other, which others gave; none where some gave both."""
        these, those = self.instances.get(kind, {}), self.instances.get(other, {})
        if "" in these | those or these.keys() & those or max(len(these), len(those)) >= _MOST_INSTANCES:
            return []
        return sorted(these) if min(these.values(), default=0) >= least else []

    def is_split(self, before: str, after: str) -> bool:
        """Whether each of its instances gave it one type alone, several times, and about as many another as others."""
        few = min(self.counts[before], self.counts[after])
        if few <= _SHARE * sum(self.counts.values()):
            return False
        return bool(self.alone(before, after, _SINCE) and self.alone(after, before, _SINCE))


class Place(NamedTuple):
    """Where a payload belongs: requests or answers of an action, or broadcasts on a channel, of one kind of event."""

    service: str
    action: str
    what: str
    event: str


class _Room:
    """Room for so many, `full` at most, that grows by `a_second`: a token bucket. Times are epoch seconds."""

    __slots__ = ("a_second", "at", "full", "left", "refused")

    def __init__(self, a_second: int, full: int, at: float) -> None:
        self.a_second, self.full, self.at = a_second, full, at
        self.left = float(full)
        self.refused = 0
        """How many had no room."""

    def renew(self, now: float) -> int:
        """For how many there is room now."""
        if now > self.at:
            self.left = min(self.full, self.left + (now - self.at) * self.a_second)
        self.at = now
        return int(self.left)


class Found(Rule):
    """Learns the fields of what passes by; at high rates of a part of it."""

    name = "type-changed"
    severity = Severity.WARNING
    title = "a field that changes its type"
    page = """\
A field of one action's payloads (or answers, or of a channel's broadcasts) is a number in most messages and a
text in some: "12.50" where 12.50 is expected. Python adds texts and numbers nowhere, so that somebody's handler
raises.

It is thought so because five messages or more have a number there, and the text reads as a number; or
because twenty or more agree on another type and at most a quarter do not. A field with three types is taken for
one that may be anything, null for a field that is left out, and events with another `type` for other events.

Where five messages or more have another type than all before them, it is told since when.

Where only some instances of a service answer so, three times or more each, they are named: they may run another
version. So are both, where each answers five times or more, always one way, and neither way is seldom.

Look at who sends those (`filter` shows them), and turn the value into a number there."""

    def begin(self) -> None:
        self._fields: Lately[Place, dict[str, _Field]] = Lately(_MOST, dict)
        self._all = _Room(_A_SECOND, _AT_FIRST, 0.0)
        self._rooms: Lately[tuple[str, str, str], _Room] = Lately(
            _MOST, lambda: _Room(_OF_ONE, _OF_ONE_AT_FIRST, self.world.now)
        )

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Learn from requests and one-way messages."""
        for one in exchanges[: self._room((service, action, "request"), len(exchanges))]:
            self._learn(service, action, "request" if one.kind is Kind.REQUEST else "message", one, one.asking.data)

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Learn from answers that are no errors."""
        for one in exchanges[: self._room((service, action, "answer"), len(exchanges))]:
            if one.state is State.OK and one.answer is not None:
                self._learn(service, action, "answer", one, one.answer.data)

    def cast(self, exchange: Exchange) -> None:
        """Learn from a broadcast."""
        channel = exchange.target or ""
        if self._room((channel, "", "broadcast"), 1):
            self._learn(channel, "", "broadcast", exchange, exchange.opened.data)

    def _room(self, of: tuple[str, str, str], wanted: int) -> int:
        """Of how many of those that came it may learn: what comes often must not take the room of what comes seldom."""
        now = self.world.now
        its = self._rooms.use(of, now)
        if its is None:
            return 0
        room = min(wanted, self._all.renew(now), its.renew(now))
        self._all.left -= room
        its.left -= room
        its.refused += wanted - room
        return room

    def _learn(self, service: str, action: str, what: str, exchange: Exchange, data: bytes) -> None:
        payload = value(data, whole=what == "broadcast")
        if not isinstance(payload, dict):
            return
        event = next((found for name in _KINDS if isinstance(found := payload.get(name), str)), "")
        place = Place(service, action, what, event[:50])
        fields = self._fields.use(place, self.world.now)
        if fields is None:
            return
        for path, kind in set(_typed(payload, "", 0)):
            field = fields.get(path)
            if field is None:
                if len(fields) >= _MOST_PATHS:
                    continue
                field = fields[path] = _Field()
            counts = field.counts
            counts[kind] = counts.get(kind, 0) + 1
            field.last[kind] = exchange
            first = field.first.setdefault(kind, [])
            if len(first) < _KEPT:
                first.append(exchange)
            if what == "answer":
                its, instance = field.instances.setdefault(kind, {}), exchange.instance or ""
                if instance in its or len(its) < _MOST_INSTANCES:
                    its[instance] = its.get(instance, 0) + 1
            if len(counts) == 2:
                self._judge(place, path, kind, field, exchange)
            elif field.firm is not None:
                # By a third type it may be anything.
                before, after = list(counts)[:2]
                self._tell_both(place, path, before, after, field)

    def _judge(self, place: Place, path: str, kind: str, field: _Field, exchange: Exchange) -> None:
        kinds = set(field.counts)
        if kinds == {"a text", "a number as text"}:
            return
        enough = _ENOUGH_NUMBERS if kinds == {"a number", "a number as text"} else _ENOUGH
        before, after = sorted(field.counts, key=lambda one: field.first[one][0].number)
        since = field.first[after][0].number
        if field.last[before].number < since and field.counts[before] >= enough and field.counts[after] >= _SINCE:
            self._tell_since(place, path, before, after, field)
        elif sum(field.counts.values()) >= enough and field.is_split(before, after):
            if kind == after or not field.told:
                self._tell_split(place, path, before, after, field)
        elif field.firm is not None:
            self._tell_both(place, path, before, after, field)
        else:
            self._tell_some(place, path, kind, field, exchange, enough)

    def _tell_since(self, place: Place, path: str, before: str, after: str, field: _Field) -> None:
        """It has changed for good, as far as was seen."""
        since = f"#{field.first[after][0].number}"
        field.firm = self._tell(
            place,
            path,
            field,
            before,
            after,
            f"was {before}, and is {after} since {since}",
            f"all {field.counts[before]:,} messages before {since} had {before} there, and all"
            f" {field.counts[after]:,} since then have {after}{self._passed_over(place)}",
            f"see what was started or changed then: let it send {before}, or all who read it take {after}",
        )

    def _tell_both(self, place: Place, path: str, before: str, after: str, field: _Field) -> None:
        """It has not changed for good, nor differs by instance."""
        if field.firm is not None:
            self.book.retell(
                field.firm,
                f"{_which(place, path)} is {before} in some messages and {after} in others",
                f"{field.counts[before]:,} messages had {before} there, and {field.counts[after]:,} had {after}",
                f"see who sends {after} there, and let all send the same",
            )
            field.firm = None

    def _tell_split(self, place: Place, path: str, before: str, after: str, field: _Field) -> None:
        """It is told by which instance answers."""
        these, those = (
            " and ".join(shown(one, text=True) for one in field.alone(kind, other))
            for kind, other in ((before, after), (after, before))
        )
        field.firm = self._tell(
            place,
            path,
            field,
            before,
            after,
            f"is {before} from some instances of {shown(place.service)} and {after} from others",
            f"all {field.counts[before]:,} from {these} had {before} there, and all {field.counts[after]:,} from"
            f" {those} had {after}{self._passed_over(place)}",
            "see which code these run, and let all send the same; their processes are told by"
            f" services {shown(place.service)}",
        )

    def _tell_some(self, place: Place, path: str, kind: str, field: _Field, exchange: Exchange, enough: int) -> None:
        """Some messages differ from most."""
        (one, many), (other, few) = sorted(field.counts.items(), key=lambda pair: -pair[1])
        if many < enough or few > _SHARE * (many + few) or (field.told and kind != other):
            return
        more = self._passed_over(place)
        advice = f"see who sends {other} there, and let it send {one}"
        alone = field.alone(other, one)
        if alone:
            names = ", ".join(shown(each, text=True) for each in alone)
            more = f"; {other} came from {'instance' if len(alone) == 1 else 'instances'} {names} alone{more}"
            advice = f"see which version {names} {'runs' if len(alone) == 1 else 'run'}, and let it send {one}"
        self._tell(
            place,
            path,
            field,
            one,
            other,
            f"is {one} in most messages and {other} in some",
            f"until #{exchange.number}, {many:,} messages had {one} there, and {few:,} had {other}{more}",
            advice,
        )

    def _tell(
        self,
        place: Place,
        path: str,
        field: _Field,
        one: str,
        other: str,
        what: str,
        because: str,
        advice: str,
    ) -> Finding | None:
        mixed = {one, other} == {"a number", "a number as text"}
        # The first that are beside the rule came before there was a rule.
        evidence = [field.last[other]] if field.told else field.first[other]
        finding = self.book.report(
            self.name,
            Severity.WARNING if mixed or one == "a number" else Severity.INFO,
            field.last[other].opened.at,
            [each.number for each in evidence],
            service=place.service,
            action=place.action,
            about=f"{place.what} {path[:_LONGEST]}",
            text=f"{_which(place, path)} {what}",
            because=because,
            advice=advice,
            count=1 if field.told else field.counts[other],
            since=evidence[0].opened.at,
        )
        field.told = True
        return finding

    def _passed_over(self, place: Place) -> str:
        of = place.service, place.action, "request" if place.what == "message" else place.what
        its = self._rooms.use(of, self.world.now)
        return f"; {its.refused:,} were not looked at" if its is not None and its.refused else ""


def _which(place: Place, path: str) -> str:
    return f"the field {shown(path[:_LONGEST], text=True)} in {_whose(place)}"


def _whose(place: Place) -> str:
    return f"{place.what}s {'on' if place.what == 'broadcast' else 'of'} {call(place.service, place.action)}"


def _typed(found: Any, path: str, deep: int) -> Iterator[tuple[str, str]]:
    """The paths in a payload, each with its type. An object of very many members has data for keys."""
    if isinstance(found, dict):
        if path:
            yield path, "an object"
        if deep < _DEEPEST and len(found) <= _MOST_KEYS:
            for key, inner in found.items():
                yield from _typed(inner, f"{path}.{key}" if path else key, deep + 1)
    elif isinstance(found, list):
        yield path, "a list"
        if deep < _DEEPEST:
            for inner in found[:_MOST_ITEMS]:
                yield from _typed(inner, f"{path}[*]", deep + 1)
    elif isinstance(found, bool):
        yield path, "true or false"
    elif isinstance(found, int | float):
        yield path, "a number"
    elif isinstance(found, str):
        yield path, "a number as text" if _is_number(found) else "a text"


def _is_number(text: str) -> bool:
    plain = text.strip().removeprefix("-").replace(".", "", 1).replace(",", "", 1)
    return 0 < len(plain) < 20 and plain.isascii() and plain.isdigit()
