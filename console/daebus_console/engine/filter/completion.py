"""What may be typed next in a filter: keys, their values, and names that are known from the bus. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from daebus_console import naming
from daebus_console.engine.directory import Directory
from daebus_console.engine.filter.keys import KEYS, Key, key_of
from daebus_console.engine.filter.lexer import FilterError, key_end

Known = Mapping[str, Iterable[str]]
"""Names to offer, by kind: service, channel, target, action, path (without `payload.`), code."""


class Completion(NamedTuple):
    """One offer: `text` replaces what stands between `start` and the cursor; `meta` says what it is."""

    text: str
    start: int
    meta: str


def completions(text: str, cursor: int, known: Known) -> list[Completion]:
    """What fits at the cursor, best first: what begins with the typed, then what contains it."""
    before = text[:cursor]
    start = _term_start(before)
    if start is None:
        return []
    if before.startswith("-", start):
        start += 1
    try:
        colon = key_end(before, start)
    except FilterError:
        return []
    if colon is None:
        return _ranked(before[start:], start, _keys(before[start:], known))
    key = key_of(before[start:colon])
    if key is None:
        return []
    start = _value_start(before, colon + 1)
    return _ranked(before[start:].lstrip("\"'"), start, _values(key, known))


def quote(value: str) -> str:
    """The value as it must be written in a filter to mean exactly itself."""
    # Names are shown with their backslashes escaped already.
    escaped = "".join(f"\\{sign}" if sign in '*"' else sign for sign in naming.shown(value))
    plain = value and not any(sign.isspace() or sign in ",:'\"" for sign in value) and value[0] not in "-#<>"
    return escaped if plain and ".." not in value else f'"{escaped}"'


def known_names(directory: Directory) -> dict[str, list[str]]:
    """The names that a directory holds, for `completions`."""
    services = sorted(directory.services)
    channels = sorted(directory.channels)
    actions = {action for service in directory.services.values() for action in service.actions}
    return {
        "service": services,
        "channel": sorted({*services, *channels}),
        "target": sorted({*services, *channels}),
        "action": sorted(actions),
    }


def _keys(typed: str, known: Known) -> Iterator[tuple[str, str]]:
    for key in KEYS:
        yield ("payload." if key.name == "payload" else f"{key.name}:"), key.help
    if typed.startswith("payload."):
        for path in known.get("path", ()):
            yield f"payload.{path}:", "a field of a payload"


def _values(key: Key, known: Known) -> Iterator[tuple[str, str]]:
    seen = set()
    for name in known.get(key.source, ()) if key.source else ():
        if name not in seen:
            seen.add(name)
            yield quote(name), key.source or ""
    for value in key.values:
        if value not in seen:
            yield value, key.name


def _ranked(typed: str, start: int, offers: Iterable[tuple[str, str]]) -> list[Completion]:
    folded = typed.casefold()
    first, second = [], []
    for text, meta in offers:
        plain = text.strip("\"'").casefold()
        if plain == folded and text.casefold() == folded:
            continue
        if plain.startswith(folded):
            first.append(Completion(text, start, meta))
        elif folded in plain:
            second.append(Completion(text, start, meta))
    return first + second


def _term_start(before: str) -> int | None:
    """Where the term begins that the cursor is in; None within a quoted word."""
    start, position, quote_sign = 0, 0, ""
    fresh = True
    while position < len(before):
        sign = before[position]
        if quote_sign:
            if sign == "\\":
                position += 1
            elif sign == quote_sign:
                quote_sign = ""
        elif sign.isspace():
            start = position + 1
        elif sign in "\"'" and (fresh or before[position - 1] in ".[,:"):
            quote_sign = sign
        elif sign == "\\":
            position += 1
        fresh = sign.isspace() or (fresh and sign == "-")
        position += 1
    return None if before[start:].lstrip("-").startswith(('"', "'")) else min(start, len(before))


def _value_start(before: str, start: int) -> int:
    """Where the alternative begins that the cursor is in."""
    position, quote_sign = start, ""
    while position < len(before):
        sign = before[position]
        if sign == "\\":
            position += 1
        elif quote_sign:
            quote_sign = "" if sign == quote_sign else quote_sign
        elif sign in "\"'" and position == start:
            quote_sign = sign
        elif sign == ",":
            start = position + 1
        position += 1
    return start
