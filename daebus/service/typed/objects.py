"""Converting JSON objects: those with fields, those with names of any kind, those told apart by a tag."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from daebus.errors import class_of, said_by
from daebus.saying import listed
from daebus.wire.writing import DIGITS

from .leaves import bare, fits_length, shown, wanted_of
from .wrongs import Convert, Wrongs, kind


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object: as it is called on the wire, and by what is made of the object."""

    name: str
    attribute: str
    convert: Convert
    required: bool


def object_of(
    fields: list[Field],
    made: Callable[..., Any],
    *,
    strict: bool = True,
    rest: Convert | None = None,
    given: Collection[str] = (),
    tag: tuple[str, Any] | None = None,
    beyond: Callable[[], Collection[str]] = frozenset,
) -> Convert:
    """What makes an object of its fields.

    What is not known is wrong where it is `strict`, unless it is among what is `beyond`; `rest` converts it and takes
    it, but for what is `given` already.
    """
    steps = [(field.name, field.attribute, field.convert) for field in fields]
    known = {field.name for field in fields}
    needed = [field.name for field in fields if field.required]
    unknown = f"is not known; known: {listed(known)}"
    if tag is not None:
        known.add(tag[0])

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if not isinstance(value, dict):
            wrongs.add(f"must be an object, not {kind(value)}")
            return None
        before = since = wrongs.count
        values: dict[str, Any] = {}
        for name, attribute, reads in steps:
            if name in value:
                values[attribute] = reads(value[name], wrongs)
                if wrongs.count != since:
                    wrongs.within(name, since)
                    since = wrongs.count
        found = len(values)
        if found != len(steps):
            for name in needed:
                if name not in value:
                    wrongs.add("is missing", name)
        if found != len(value):
            if tag is not None and value.get(tag[0], tag[1]) != tag[1]:
                wrongs.add(f"must be {tag[1]!r}", tag[0])
            if strict or rest is not None:
                _others(value, known, given, unknown, rest, beyond, values, wrongs)
        return None if wrongs.count != before else values if made is dict else _construct(made, values, wrongs)

    return convert


def _others(
    value: Mapping[str, Any],
    known: set[str],
    given: Collection[str],
    unknown: str,
    rest: Convert | None,
    beyond: Callable[[], Collection[str]],
    values: dict[str, Any],
    wrongs: Wrongs,
) -> None:
    """Take what is not among the known fields into `values`, or note that it is not known."""
    for name in value:
        if name in known:
            continue
        if rest is None or name in given:
            if name not in beyond():
                wrongs.add(unknown, name)
            continue
        since = wrongs.count
        values[name] = rest(value[name], wrongs)
        wrongs.within(name, since)


def _construct(made: Callable[..., Any], values: dict[str, Any], wrongs: Wrongs) -> Any:
    """The object; what its own code refuses is wrong with it."""
    try:
        return made(**values)
    except (ValueError, TypeError) as error:
        wrongs.add(f"is refused: {said_by(error) or class_of(error)}")
        return None


def mapping(node: Any, key: Convert, item: Convert) -> Convert:
    wants = wanted_of(node)
    key_wants = wanted_of(bare(node.key_type))

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if not isinstance(value, dict):
            wrongs.add(f"must be {wants}, not {kind(value)}")
            return None
        if not fits_length(node, value):
            wrongs.add(f"must be {wants}, and has {len(value)}")
        found = {}
        for name, one in value.items():
            since = wrongs.count
            named = _key(name, key)
            if named is _NO_KEY:
                wrongs.add(f"is a name that must be {key_wants}")
            found[named] = item(one, wrongs)
            if wrongs.count != since:
                wrongs.within(name, since)
        return found

    return convert


_NO_KEY = object()
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)


def _key(name: str, key: Convert) -> Any:
    """What a name in an object stands for: it is a text, which may stand for a whole number."""
    asked = Wrongs()
    found = key(name, asked)
    if asked.count and _WHOLE.fullmatch(name) and len(name) <= DIGITS:
        asked = Wrongs()
        found = key(int(name), asked)
    return _NO_KEY if asked.count else found


def by_tag(where: str, tagged: dict[Any, Convert]) -> Convert:
    """One of several objects, told apart by a field."""
    wants = shown(tagged)

    def convert(value: Any, wrongs: Wrongs) -> Any:
        tag = value.get(where)
        reads = tagged.get(tag) if type(tag) in (str, int) else None
        if reads is None:
            wrongs.add(f"must be {wants}" if where in value else "is missing", where)
            return None
        return reads(value, wrongs)

    return convert
