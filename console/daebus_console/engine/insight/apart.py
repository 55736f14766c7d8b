"""A filter for each group of failures that selects its members alone: written, and tried on what there is. Pure.

Which one does is not told by looking at it: the text of one error is often part of that of another, upper and lower
case are the same to filters, and a term about a payload also looks at what was asked. So filters are tried, the most
telling first, and the numbers of the members are the last of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from daebus_console.engine.filter import language as filters
from daebus_console.engine.filter import writing
from daebus_console.engine.insight.group import TOO_LATE, Group, Key
from daebus_console.engine.message.exchange import Exchange, Kind, State

_MOST_BESIDE = 8
"""Groups beside one that its filter excludes, at the most."""

_Place = tuple[Kind, State, str, str]


def tell_apart(
    groups: Sequence[Group], members: Mapping[int, Group | None], each: Callable[[], Iterable[Exchange]]
) -> None:
    """Give each group the first of its filters that selects its members alone, among what `each()` gives.

    `members` are the groups of exchanges by their numbers, None for those without one; of any other number is what was
    not looked at. Where no filter does, and the members are too many to be named, `exact` is False.
    """
    places: dict[_Place, list[Group]] = defaultdict(list)
    for group in groups:
        places[_place_of(group.key)].append(group)
    left = {group: _filters(group, places[_place_of(group.key)]) for group in groups}
    first = {group: next(left[group]) for group in groups}
    tried = dict(first)
    while tried:
        wrong = _wrong(tried, members, each)
        for group, text in tried.items():
            if group not in wrong:
                group.filter = text
        tried = {}
        for group in wrong:
            another = next(left[group], None)
            if another is not None:
                tried[group] = another
            else:
                group.exact = group.all_numbers is not None
                group.filter = first[group] if group.all_numbers is None else writing.numbers(group.all_numbers)


def _wrong(
    tried: Mapping[Group, str], members: Mapping[int, Group | None], each: Callable[[], Iterable[Exchange]]
) -> set[Group]:
    """The groups whose filters let another exchange through, or hold one of theirs back."""
    places: dict[_Place, list[tuple[Group, Callable[[Exchange], bool]]]] = defaultdict(list)
    for group, text in tried.items():
        places[_place_of(group.key)].append((group, filters.parse(text).accepts))
    wrong: set[Group] = set()
    for exchange in each():
        target, action = exchange.target or "", exchange.action if exchange.kind is Kind.REQUEST else ""
        here = places.get((exchange.kind, exchange.state, target.casefold(), (action or "").casefold()))
        mine = members.get(exchange.number)
        # Others have failed since they were looked at, and belong to none.
        if here is None or (mine is None and not _went_well(exchange)):
            continue
        for group, accepts in here:
            if group not in wrong and accepts(exchange) is not (group is mine):
                wrong.add(group)
    return wrong


def _went_well(exchange: Exchange) -> bool:
    """Whether it stands where failures do, and is none: an answer to an unseen question is an orphan, good or bad."""
    return exchange.kind is Kind.RESPONSE and exchange.answer is not None and not exchange.answer.error


def _place_of(key: Key) -> _Place:
    """What the terms without a payload select alike."""
    action = key.action if key.kind is Kind.REQUEST else ""
    return key.kind, key.state, key.target.casefold(), (action or "").casefold()


def _filters(group: Group, beside: Sequence[Group]) -> Iterator[str]:
    """Filters for a group, the most telling first; `beside` are those that the plainest of them selects as well."""
    base = _base(group)
    others = [other for other in beside if other is not group]
    few = len(others) <= _MOST_BESIDE
    excluded = " ".join(dict.fromkeys(term for other in others if (term := _unlike(other, group))))
    if not group.path:
        yield base
        paths = sorted({writing.field(other.path) for other in others if other.path})
        if few and paths:
            yield " ".join([base, *(f"-{path}:*" for path in paths)])
        if few and excluded:
            yield f"{base} {excluded}"
        return
    field = f"{base} {writing.field(group.path)}"
    by_text, by_values = _by_text(group), _by_values(group)
    for texts in (by_text, by_values) if _is_literal(group) else (by_values, by_text):
        if texts:
            yield f"{field}:{texts}"
    if few and excluded:
        yield f"{field}:{by_text} {excluded}"


def _base(group: Group) -> str:
    key = group.key
    terms = [f"kind:{key.kind.value}", f"status:{key.state.value}", f"to:{writing.literal(key.target)}"]
    if key.kind is Kind.REQUEST:
        terms.append(f"action:{writing.literal(key.action or '')}")
        if key.state is State.ERROR:
            terms.append(f"code:{writing.literal(key.code or '')}")
    if key.state is State.TIMEOUT:
        terms.append("is:late" if key.template == TOO_LATE else "-is:late")
    if key.type is not None:
        terms.append(f"payload.type:{writing.quoted([key.type])}")
    return " ".join(terms)


def _unlike(other: Group, group: Group) -> str | None:
    """A term that keeps the members of another group out; None where there is none."""
    if other.key.type is not None and other.key.type != group.key.type:
        return f"-payload.type:{writing.quoted([other.key.type])}"
    texts = _by_text(other) if _is_literal(other) else _by_values(other)
    return f"-{writing.field(other.path)}:{texts}" if other.path and texts else None


def _is_literal(group: Group) -> bool:
    """Whether each of its texts has something in it that is the same for all."""
    return all(any(pieces) for pieces in group.patterns)


def _by_text(group: Group) -> str:
    return ",".join(sorted(map(writing.quoted, group.patterns)))


def _by_values(group: Group) -> str:
    """All of its texts; nothing where they are too many."""
    return ",".join(sorted(writing.quoted([text]) for text in group.values or ()))
