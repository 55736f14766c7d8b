"""What records tell: the fields of each kind, the JSON object that an entry of the ring stands for, which are wanted.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from daebus.wire.encoder import kept_encoder

from .ring import Entry, Ring

_RUN = ("elapsed", "outcome", "type", "error", "traceback", "payload", "frames")
FIELDS: dict[str, tuple[str, ...]] = {
    "handled": ("id", "action", "from", "queued", *_RUN),
    "heard": ("id", "channel", "digest", "length", "listener", *_RUN),
    "ran": ("id", "what", "name", *_RUN),
    "called": ("id", "service", "action", "parent", "elapsed", "outcome"),
    "published": ("channel", "digest", "length", "parent"),
    "refused": ("id", "action", "code", "queued", "channel", "digest", "length", "listener"),
    "logged": ("level", "logger", "text", "id", "error"),
}
"""The fields of a record of each kind, after `seq`, `at` and `kind`. One without a value is left out."""
KINDS = tuple(FIELDS)
_SECONDS = ("queued", "elapsed")
_OUTCOME = {kind: 3 + fields.index("outcome") for kind, fields in FIELDS.items() if "outcome" in fields}
"""Where in an entry the outcome stands."""
_encode = kept_encoder(allow_nan=True)
ANSWER = 256 * 1024
"""Bytes of records in one answer."""
_BARE = ("traceback", "frames", "payload", "text", "error")
"""What a record that is too large is told without."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: those of `kinds` (None: all) that are about `id` (None: any)."""

    kinds: Collection[str] | None = None
    id: Any = None

    def has(self, entry: Entry) -> bool:
        """Whether an entry is one of them: its own id counts, and that of what it was done for."""
        kind = entry[2]
        if self.kinds is not None and kind not in self.kinds:
            return False
        if self.id is None:
            return True
        values = dict(zip(FIELDS[kind], entry[3:], strict=False))
        return _is(values.get("id"), self.id) or _is(values.get("parent"), self.id)


def _is(found: Any, wanted: Any) -> bool:
    # To Python, 1 and True are equal.
    return bool(found == wanted) and isinstance(found, bool) is isinstance(wanted, bool)


def told(seq: int, entry: Entry) -> dict[str, Any]:
    """The record that an entry stands for."""
    kind = entry[2]
    record = {"seq": seq, "at": round(entry[1], 6), "kind": kind}
    for field, value in zip(FIELDS[kind], entry[3:], strict=False):
        if value is None:
            continue
        if value.__class__ is float and field in _SECONDS:
            value = round(value, 6)
        elif field == "digest":
            value = f"{value:08x}"
        record[field] = value
    return record


def fitted(record: dict[str, Any], limit: int) -> tuple[dict[str, Any], bytes]:
    """The record, and the same as JSON of at most so many bytes; if too large, without what makes it so, and `cut`."""
    data = _encode(record).encode()
    if len(data) <= limit:
        return record, data
    bare = {field: value for field, value in record.items() if field not in _BARE}
    return fitted({**bare, "cut": True}, max(limit, len(data)))


def is_failure(entry: Entry) -> bool:
    """Whether an entry is of something that went wrong."""
    kind = entry[2]
    if kind == "refused":
        return True
    if kind == "logged":
        return entry[3] in ("ERROR", "CRITICAL")
    place = _OUTCOME.get(kind)
    return place is not None and entry[place] not in ("ok", "deferred")


@dataclass(frozen=True, slots=True)
class Found:
    """The records that were asked for, what to go on from, how many had fallen out, and whether there are more."""

    records: list[dict[str, Any]]
    seq: int
    lost: int
    more: bool


def found_in(ring: Ring, wanted: Wanted, after: int | None, limit: int | None, size: int = ANSWER) -> Found:
    """The records that are wanted, oldest first, as many as may be (`limit`) and fit into so many bytes.

    They are the first ones after the number `after`, for whoever goes on from there; without it the newest. `seq` is
    the last number that has been looked at: what to go on from.
    """
    first, entries = ring.since(after or 0)
    lost = max(0, first - (after or 0) - 1)
    newest = first + len(entries) - 1
    numbered: Iterable[tuple[int, Entry]] = enumerate(entries, first)
    if after is None:
        numbered = zip(range(newest, first - 1, -1), reversed(entries), strict=True)
    taken, reached = _taken((each for each in numbered if wanted.has(each[1])), limit, size)
    if after is None:
        taken.reverse()
    seq = newest if reached is None or after is None else reached - 1
    return Found(taken, seq, lost, reached is not None)


def _taken(
    numbered: Iterable[tuple[int, Entry]], limit: int | None, size: int
) -> tuple[list[dict[str, Any]], int | None]:
    """As many as fit, and the number of the first that does not."""
    records: list[dict[str, Any]] = []
    left = size
    for seq, entry in numbered:
        if limit is not None and len(records) >= limit:
            return records, seq
        record, data = fitted(told(seq, entry), size)
        left -= len(data) + 1
        if left < 0 and records:
            return records, seq
        records.append(record)
    return records, None
