"""The shape of JSON values, learned from those that were seen: fields, types, ranges, examples. Pure.

Nothing is assumed: each part of a shape knows how many values it rests on. Keys that are data (ids, dates, numbers) are
recognised and folded into one, so that a mapping by user is not taken for an object of thousands of fields. Memory is
bounded whatever comes: so many parts, fields, levels and examples, and `cut` where there were more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

from daebus_console.engine.insight.masking import looks_like_data, mask

MOST_PARTS = 4_000
"""Parts of one shape, over all levels."""
MOST_FIELDS = 64
"""Fields of one object; one with more keys than that is a mapping."""
MOST_LEVELS = 32
MOST_VALUES = 12
"""Different values that are counted one by one."""
_MOST_KEYS, _MOST_ITEMS = 1_000, 100
"""What is looked at of one object and of one list."""
_LONGEST_EXAMPLE = 60
_FEWEST_KEYS = 3
_FEWEST_ALIKE = 4

_FORMAT = re.compile(
    r"(?P<number>[+-]?(?:0|[1-9]\d{0,17})(?:\.\d{1,18})?)"
    r"|(?P<uuid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"|(?P<date_time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)"
    r"|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
    r"|(?P<uri>[a-z][a-z0-9+.-]{1,20}://\S{1,200})",
    re.ASCII,
)
_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def type_of(value: Any) -> str:
    """The name that JSON Schema has for the type of a value."""
    return _NAMES.get(type(value)) or next(name for kind, name in _NAMES.items() if isinstance(value, kind))


def format_of(text: str) -> str | None:
    """What a text is the text of: `number`, `uuid`, `date-time`, `date`, `email` or `uri`; None for any other."""
    found = _FORMAT.fullmatch(text) if 0 < len(text) < 400 else None
    return None if found is None or found.lastgroup is None else found.lastgroup.replace("_", "-")


class Shape:
    """What was seen at one place.

    `count` values of these `types`; `low` and `high` are the least and greatest number, `shortest` and `longest` the
    lengths of texts, `fewest` and `most` those of lists; `values` counts the first different values, of which there
    were `more`. `fields` are those of objects, `folded` what stands under keys that are data, of which `keys` are
    examples; `items` is what stands in lists. `hidden` tells that values here are secrets, `cut` that not all was kept.
    """

    __slots__ = (
        "count", "cut", "fewest", "fields", "folded", "formats", "hidden", "high", "items", "keys", "longest", "low",
        "more", "most", "room", "shortest", "types", "values",
    )  # fmt: skip

    def __init__(self, room: list[int] | None = None) -> None:
        self.room = room if room is not None else [MOST_PARTS]
        self.room[0] -= 1
        self.count = 0
        self.types: dict[str, int] = {}
        self.formats: dict[str, int] = {}
        self.low: float = math.inf
        self.high: float = -math.inf
        self.shortest, self.longest = -1, -1
        self.fewest, self.most = -1, -1
        self.values: dict[tuple[str, Any], int] = {}
        self.more = self.hidden = self.cut = False
        self.fields: dict[str, Shape] = {}
        self.folded: Shape | None = None
        self.keys: list[str] = []
        self.items: Shape | None = None

    @property
    def objects(self) -> int:
        """How many objects there were."""
        return self.types.get("object", 0)

    def see(self, value: Any, shown: Any, level: int = 0) -> None:
        """Learn from a value; `shown` is the same with its secrets masked, or the same object."""
        name = _NAMES.get(value.__class__) or type_of(value)
        self.count += 1
        self.types[name] = self.types.get(name, 0) + 1
        if shown is not value and (type(shown) is not type(value) or not isinstance(value, dict | list)):
            # Where it is masked, what it is is known, and nothing of what it says.
            self.hidden = self.hidden or shown != value
            if self.hidden:
                return
        if name == "object":
            self._see_object(value, shown, level)
        elif name == "array":
            self._see_list(value, shown, level)
        elif not self.hidden:
            self._see_scalar(name, value)

    def _see_scalar(self, name: str, value: Any) -> None:
        if name == "string":
            length = len(value)
            self.shortest = length if self.shortest < 0 else min(self.shortest, length)
            self.longest = max(self.longest, length)
            kind = format_of(value)
            if kind is not None:
                self.formats[kind] = self.formats.get(kind, 0) + 1
            if length > _LONGEST_EXAMPLE:
                value = value[:_LONGEST_EXAMPLE] + "…"
        elif name == "integer" or (name == "number" and math.isfinite(value)):
            if value < self.low:
                self.low = value
            if value > self.high:
                self.high = value
        elif name == "number":
            value = str(value)
        elif name == "null":
            return
        self._count_value((name, value), 1)

    def _count_value(self, key: tuple[str, Any], count: int) -> None:
        known = self.values.get(key)
        if known is not None:
            self.values[key] = known + count
        elif len(self.values) < MOST_VALUES:
            self.values[key] = count
        else:
            self.more = True

    def _see_list(self, value: list[Any], shown: Any, level: int) -> None:
        length = len(value)
        self.fewest = length if self.fewest < 0 else min(self.fewest, length)
        self.most = max(self.most, length)
        if not value:
            return
        if self.items is None:
            self.items = self._part(level)
        if self.items is None or length > _MOST_ITEMS:
            self.cut = True
        if self.items is not None:
            for item, masked in zip(islice(value, _MOST_ITEMS), shown, strict=False):
                self.items.see(item, masked, level + 1)

    def _see_object(self, value: dict[str, Any], shown: Any, level: int) -> None:
        if len(value) > _MOST_KEYS:
            self.cut = True
        for key, item in islice(value.items(), _MOST_KEYS):
            field = self.folded or self.fields.get(key) or self._new_field(key, level)
            if field is None:
                continue
            if field is self.folded:
                self._keep_key(key)
            field.see(item, item if shown is value else shown.get(key), level + 1)

    def _new_field(self, key: str, level: int) -> Shape | None:
        field = self._part(level)
        if field is None:
            self.cut = True
            return None
        self.fields[key] = field
        if len(self.fields) > MOST_FIELDS or _are_data(self.fields):
            self._fold()
            return self.folded
        return field

    def _part(self, level: int) -> Shape | None:
        return Shape(self.room) if self.room[0] > 0 and level < MOST_LEVELS else None

    def _fold(self) -> None:
        """Take the keys for data: what stands under them becomes one part."""
        fields, self.fields = self.fields, {}
        first: Shape | None = None
        for key, field in fields.items():
            self._keep_key(key)
            if first is None:
                first = self.folded = field
            else:
                first.take(field)

    def _keep_key(self, key: str) -> None:
        if len(self.keys) < _FEWEST_ALIKE and key not in self.keys:
            self.keys.append(key[:_LONGEST_EXAMPLE])

    def take(self, other: Shape) -> None:
        """Take all that another part of the same shape has learned, which is gone then."""
        self.room[0] += 1
        self.count += other.count
        for mine, its in ((self.types, other.types), (self.formats, other.formats)):
            for name, count in its.items():
                mine[name] = mine.get(name, 0) + count
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.shortest = min((one for one in (self.shortest, other.shortest) if one >= 0), default=-1)
        self.fewest = min((one for one in (self.fewest, other.fewest) if one >= 0), default=-1)
        self.longest, self.most = max(self.longest, other.longest), max(self.most, other.most)
        self.more, self.hidden, self.cut = self.more or other.more, self.hidden or other.hidden, self.cut or other.cut
        for value, count in other.values.items():
            self._count_value(value, count)
        if other.items is not None:
            self.items = _joined(self.items, other.items)
        self._take_fields(other)

    def _take_fields(self, other: Shape) -> None:
        if other.folded is not None and self.folded is None:
            self._fold()
            self.folded = _joined(self.folded, other.folded)
        elif other.folded is not None:
            self.folded = _joined(self.folded, other.folded)
        for key in other.keys:
            self._keep_key(key)
        for key, field in other.fields.items():
            if self.folded is not None:
                self._keep_key(key)
                self.folded.take(field)
            else:
                self.fields[key] = _joined(self.fields.get(key), field)
        if self.folded is None and (len(self.fields) > MOST_FIELDS or _are_data(self.fields)):
            self._fold()


def _joined(one: Shape | None, other: Shape) -> Shape:
    if one is None:
        return other
    one.take(other)
    return one


def _are_data(keys: Iterable[str]) -> bool:
    """Whether the keys of an object are data: if all look so, or if they are one name with many numbers."""
    names = list(keys)
    newest = names[-1] if names else ""
    if newest.isalpha() or len(names) < _FEWEST_KEYS:
        return False
    if all(map(looks_like_data, names)):
        return True
    if len(names) < _FEWEST_ALIKE:
        return False
    template = mask(newest).template
    return template != newest and all(mask(name).template == template for name in names)
