"""Masking in differences: a value is masked also where a redacted key stands in its path. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from daebus_console.engine.diff.exchange import Answer, answer_of, read_payload
from daebus_console.engine.diff.values import Change, member
from daebus_console.engine.hiding.pairs import in_list, in_object
from daebus_console.engine.hiding.redact import MASK, Redactor
from daebus_console.engine.message.exchange import Exchange


def masked(change: Change, redact: Redactor) -> Change:
    """The difference without the values of redacted keys; that they differ is still told."""
    if any(redact.names(name) for name in names_in(change.path)) or _within(change.path, redact.places):
        return change._replace(
            before=None if change.before is None else MASK, after=None if change.after is None else MASK
        )
    return change._replace(before=redact.mask(change.before), after=redact.mask(change.after))


def of_exchanges(redact: Redactor, *exchanges: Exchange) -> Redactor:
    """What masks the differences between these exchanges, wherever in them a secret stands."""
    if not redact:
        return redact
    roots: list[tuple[str, Any]] = []
    for exchange in exchanges:
        if exchange.request is not None:
            roots.append(("request.payload", read_payload(exchange.request.data, whole=exchange.request.whole)))
        roots += _roots(answer_of(exchange))
    return redact.at(_beside(roots, redact))


def of_answers(redact: Redactor, *answers: Answer) -> Redactor:
    """The same for answers."""
    return redact.at(_beside([root for answer in answers for root in _roots(answer)], redact)) if redact else redact


def of_payloads(redact: Redactor, roots: Iterable[tuple[str, Any]]) -> Redactor:
    """The same for whatever stands at these paths."""
    return redact.at(_beside(roots, redact)) if redact else redact


def _roots(answer: Answer) -> list[tuple[str, Any]]:
    streamed = [(f"stream[{index}].payload", payload) for index, payload in enumerate(answer.stream)]
    return [*streamed, ("response.payload", answer.payload)]


def _beside(roots: Iterable[tuple[str, Any]], redact: Redactor) -> Iterator[str]:
    """The paths of values that stand beside the name of a key."""
    todo = list(roots)
    while todo:
        path, value = todo.pop()
        if isinstance(value, dict):
            members = list(value.items())
            hidden = in_object(members, redact.names)
            todo += ((member(path, key), inner) for key, inner in members)
            yield from (member(path, members[index][0]) for index in hidden)
        elif isinstance(value, list):
            todo += ((f"{path}[{index}]", inner) for index, inner in enumerate(value))
            yield from (f"{path}[{index}]" for index in in_list(value, redact.names))


def _within(path: str, places: frozenset[str]) -> bool:
    return bool(places) and (
        path in places or any(path[:index] in places for index, sign in enumerate(path) if sign in ".[")
    )


def names_in(path: str) -> list[str]:
    """The names of members in a path."""
    names: list[str] = []
    name: list[str] = []
    position = 0
    while position < len(path):
        sign = path[position]
        if sign == "\\" and position + 1 < len(path):
            position += 1
            name.append(path[position])
        elif sign in ".[":
            names.append("".join(name))
            name = []
            if sign == "[":
                position = max(position, path.find("]", position))
        else:
            name.append(sign)
        position += 1
    return [one for one in [*names, "".join(name)] if one]
