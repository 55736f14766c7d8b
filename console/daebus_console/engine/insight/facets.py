"""What can be compared of an exchange: where it came from, what came before it, and the values of what it asked. Pure.

Its outcome is no facet, since that is what others are compared by. Places in lists are all one, and so are keys that
are data, so that what is told of one order can be told of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from daebus_console.engine import payloads
from daebus_console.engine.filter.payload import Path
from daebus_console.engine.insight.masking import looks_like_data
from daebus_console.engine.insight.shape import type_of
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Kind

MOST_PLACES = 400
"""Places of one payload that are looked at."""
_MOST_LEVELS = 16
LONGEST = 100
"""Signs of a text that are looked at."""
_MOST_SOURCES, _MOST_IDS = 10_000, 100_000

FROM, INSTANCE, BEFORE, WITHIN, SIZE = "from", "instance", "before it", "within", "size"
VALUE, TYPE, LENGTH, THERE = "value", "type", "length", "there"


Redact = Callable[[bytes], bytes]


class Facet(NamedTuple):
    """What is compared: one of the words above, and the path of a field for VALUE, TYPE, LENGTH and THERE."""

    kind: str
    path: Path = ()


class Passing:
    """What a sender did before, and in what: handed all exchanges in the order in which they passed."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}
        self._calls: dict[str, str] = {}

    def __call__(self, exchange: Exchange) -> tuple[str | None, str | None]:
        """Take note of an exchange; returns what its sender sent before it, and in what it was sent (None: unknown)."""
        before = parent = None
        if exchange.source is not None:
            called = name_of(exchange)
            before = self._before.get(exchange.source)
            if len(self._before) >= _MOST_SOURCES:
                self._before.clear()
            self._before[exchange.source] = called
        if exchange.parent_id is not None:
            parent = self._calls.get(exchange.parent_id)
        if exchange.request_id is not None and exchange.kind is Kind.REQUEST:
            if len(self._calls) >= _MOST_IDS:
                self._calls.clear()
            self._calls[exchange.request_id] = name_of(exchange)
        return before, parent


def name_of(exchange: Exchange) -> str:
    """What was asked of whom: `users.get_user`, or the name of the channel."""
    return f"{exchange.target}.{exchange.action}" if exchange.action is not None else exchange.target or ""


def facets(
    exchange: Exchange, before: str | None, parent: str | None, redact: Redact | None = None
) -> Iterator[tuple[Facet, Any]]:
    """The facets of an exchange and their values, each once; `before` and `parent` are what Passing tells.

    `redact` is what may be shown of a message's bytes.
    """
    for kind, value in ((FROM, exchange.source), (INSTANCE, exchange.instance), (BEFORE, before), (WITHIN, parent)):
        if value is not None:
            yield Facet(kind), value
    data = exchange.asking.data
    size = len(data)
    # In steps of two, so that few values stand for all.
    yield Facet(SIZE), 1 << (size.bit_length() - 1) if size else 0
    try:
        payload = payloads.plain_payload_of(data, redact, whole=exchange.asking.whole)
    except wire.Unreadable:
        yield Facet(TYPE), "unreadable"
        return
    yield from _fields(payload)


def _fields(payload: Any) -> Iterator[tuple[Facet, Any]]:
    pending: list[tuple[Path, Any]] = [((), payload)]
    seen: set[tuple[Facet, Any, type]] = set()
    left = MOST_PLACES
    while pending and left > 0:
        path, value = pending.pop()
        left -= 1
        name = type_of(value)
        if name == "object" and len(path) < _MOST_LEVELS:
            pending += _below(path, value, left)
        elif name == "array" and len(path) < _MOST_LEVELS:
            pending += [((*path, None), item) for item in islice(value, left)]
        for found in _at(path, name, value):
            # In Python 1, 1.0 and True are the same.
            key = (*found, found[1].__class__)
            if key not in seen:
                seen.add(key)
                yield found


def _at(path: Path, name: str, value: Any) -> Iterator[tuple[Facet, Any]]:
    """What there is to compare at one place of a payload."""
    if path:
        yield Facet(THERE, path), True
    yield Facet(TYPE, path), "number" if name == "integer" else name
    if name == "array":
        yield Facet(LENGTH, path), len(value)
    elif isinstance(value, str):
        yield Facet(VALUE, path), value[:LONGEST]
    elif name not in ("object", "null"):
        yield Facet(VALUE, path), value


def _below(path: Path, value: dict[str, Any], most: int) -> Iterator[tuple[Path, Any]]:
    for key, item in islice(value.items(), most):
        yield (*path, None if key in _DATA else key), item


class _Data(dict[str, bool]):
    """Which keys are data, remembered: names come again and again."""

    def __contains__(self, key: object) -> bool:
        return self[str(key)]

    def __missing__(self, key: str) -> bool:
        if len(self) >= _MOST_IDS:
            self.clear()
        found = self[key] = looks_like_data(key)
        return found


_DATA = _Data()
