"""A group of failures that are the same mistake, and what is kept of its members. Pure."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from typing import NamedTuple

from daebus_console.engine.insight.masking import Masked
from daebus_console.engine.insight.spread import Spread
from daebus_console.engine.message.exchange import Exchange, Kind, State

NO_ANSWER, TOO_LATE = "no answer in time", "answered too late"

_NEWEST = 5
_MOST_NAMES = 50
_MOST_PATTERNS = 4
_LONGEST_EXAMPLE = 300
_MOST_VALUES, _LONGEST_VALUE = 8, 200
_MOST_NUMBERED = 100


class Key(NamedTuple):
    """What the members of a group have in common. `state` and `kind` are those of their exchanges."""

    kind: Kind
    state: State
    target: str
    service: str
    action: str | None
    code: str | None
    type: str | None
    template: str


class Group:
    """Failures that have a Key in common. `first` and `last` are epoch seconds, `numbers` the newest of them.

    `path` is where in their payloads their texts stand, `patterns` are the texts between what is masked, of which each
    of theirs has some, `values` all their texts and `all_numbers` all their numbers, None where these are too many.
    `filter` is what selects them, once it is told apart from the others; unless it is `exact`, others as well.
    """

    __slots__ = (
        "all_numbers",
        "callers",
        "count",
        "exact",
        "example",
        "filter",
        "first",
        "instances",
        "key",
        "last",
        "numbers",
        "path",
        "patterns",
        "spread",
        "values",
    )

    def __init__(self, key: Key, masked: Masked, path: tuple[str, ...]) -> None:
        self.key, self.path = key, path
        self.patterns = {masked.pieces: None}
        self.values: dict[str, None] | None = {}
        self.all_numbers: array[int] | None = array("Q")
        self.filter, self.exact = "", True
        self.count = 0
        self.first = self.last = 0.0
        self.example = ""
        self.callers: Counter[str] = Counter()
        self.instances: Counter[str] = Counter()
        self.numbers: deque[int] = deque(maxlen=_NEWEST)
        self.spread = Spread()

    @property
    def text(self) -> str:
        """What it says, on one line: the text itself where all of them have the same, else what is the same of it."""
        if self.values is not None and len(self.values) == 1 and self.key.template:
            return " ".join(next(iter(self.values)).split())
        return self.key.template

    def also(self, masked: Masked) -> None:
        """One of them has that text: it may quote otherwise."""
        patterns = self.patterns
        if masked.pieces not in patterns and masked.loose not in patterns:
            patterns[masked.pieces] = None
            if len(patterns) > _MOST_PATTERNS:
                self.patterns = {masked.loose: None}

    def add(self, exchange: Exchange, text: str | None) -> None:
        """Take one more."""
        at = exchange.opened.at
        self.first = min(self.first, at) if self.count else at
        self.last = max(self.last, at) if self.count else at
        self.count += 1
        self.spread.add(at)
        self.numbers.append(exchange.number)
        if self.all_numbers is not None:
            self.all_numbers.append(exchange.number)
            if len(self.all_numbers) > _MOST_NUMBERED:
                self.all_numbers = None
        if self.values is not None and text is not None:
            self.values[text] = None
            if len(self.values) > _MOST_VALUES or len(text) > _LONGEST_VALUE:
                self.values = None
        self.example = (text or "")[:_LONGEST_EXAMPLE]
        for names, name in ((self.callers, exchange.source), (self.instances, exchange.instance)):
            if name is not None and (name in names or len(names) < _MOST_NAMES):
                names[name] += 1
