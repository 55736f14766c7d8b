"""ITEMS: a payload written as words. Pure; files and references are fetched through `Sources` when it is built.

    name=Ann  age:=29  tags:=["a"]     text, and any JSON value
    user.name=Ann  tags[]=x  items[0].id:=1     members, appending to a list, a place in a list
    note=@file.txt  rows:=@file.json   the text, or the JSON value, of a file
    id:=$last.user.id  id:=#123.id     out of what was answered before
    {"a": 1}  @file.json  -            a whole object (the last from standard input); other items are then set in it
A backslash takes the dot, bracket, colon or equals sign after it as part of a key, and a first @ as part of a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from daebus_console.commands.errors import CommandError
from daebus_console.commands.terms.paths import Append, Path, PathError, parse_path, place, show_path
from daebus_console.commands.terms.words import Word
from daebus_console.engine import jsontext

EXPECTED = 'name=text, age:=29, user.name=Ann, one JSON object {"a": 1}, @file.json or -'
_REFERENCE = re.compile(r"(?:\$[A-Za-z_]\w*|#\d+)(?:[.\[].*)?", re.DOTALL)


class Sources(Protocol):
    """Where values come from that do not stand in the command. Each raises SourceError with a text for the user."""

    def text(self, path: str) -> str:
        """The text of a file."""

    def stdin(self) -> str:
        """All of standard input."""

    def reference(self, name: str, path: Path) -> Any:
        """What `$last`, `$name` or `#123` stands for, and the part of it at `path`."""


class SourceError(Exception):
    """A file, standard input or a reference gives no value; the text says why."""


@dataclass(frozen=True)
class Text:
    """The text itself."""

    value: str


@dataclass(frozen=True)
class Json:
    """The JSON value itself, and the text that said it, where it was typed."""

    value: Any
    text: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class File:
    """A file's text, or with `json` the value in it; `-` is standard input."""

    path: str
    json: bool


@dataclass(frozen=True)
class Reference:
    """Something seen before: `$last`, `$name` or `#123`, and the path in it."""

    name: str
    path: Path


Source = Text | Json | File | Reference


@dataclass(frozen=True)
class Item:
    """One item: where its value goes in the payload (nowhere: it is all of the payload), and where it comes from."""

    path: Path
    source: Source
    word: Word = field(compare=False, repr=False)


@dataclass(frozen=True)
class Items:
    """The items of a command, in order. Without any, the payload is an empty object."""

    items: tuple[Item, ...] = ()

    def build(self, sources: Sources) -> dict[str, Any]:
        """The payload, which knows its text: of JSON just what was typed, or stands in the file.

        Raises CommandError, pointing at the item that cannot be had or does not fit.
        """
        return assemble([(item, *fetch_text(item, sources)) for item in self.items])


def parse_value(word: Word, column: int = 0) -> Item:
    """The value that a word says by itself: quoted it is text, else a reference, a file, JSON, or after all text.

    Raises CommandError where it begins like JSON and is none.
    """
    return Item((), _value_source(word, column), word)


def _value_source(word: Word, column: int) -> Source:
    value = word.text[column:]
    if word.quoted:
        return Text(value)
    if _REFERENCE.fullmatch(value):
        return _reference(word, column)
    if value.startswith("@"):
        return _file(word, column + 1, json=True)
    if value[:1] in ("{", "["):
        return _json(word, column)
    try:
        return Json(jsontext.loads_strict(value), value)
    except ValueError:
        return Text(value)


def fetch(item: Item, sources: Sources) -> Any:
    """The value of one item. Raises CommandError, pointing at it, where it cannot be had."""
    return fetch_text(item, sources)[0]


def fetch_text(item: Item, sources: Sources) -> tuple[Any, str]:
    """The same, and its JSON text."""
    source = item.source
    if isinstance(source, Text):
        return source.value, json.dumps(source.value)
    if isinstance(source, Json):
        return source.value, _text_of(source)
    try:
        if isinstance(source, Reference):
            value = sources.reference(source.name, source.path)
            return value, jsontext.text_of(value)
        text = sources.stdin() if source.path == "-" else sources.text(source.path)
    except SourceError as error:
        raise item.word.error(str(error)) from None
    except RecursionError:
        raise item.word.error("this is nested too deeply to be sent") from None
    if source.json:
        return _parse_file(item, source, text), text.strip(jsontext.BLANKS)
    return text, json.dumps(text)


def _text_of(source: Json) -> str:
    return jsontext.text_of(source.value) if source.text is None else source.text.strip(jsontext.BLANKS)


def parse_items(words: Sequence[Word]) -> Items:
    """The items that those words say. Raises CommandError at the first that is none or does not fit with the others."""
    items = [_parse(word) for word in words]
    for item in items[1:]:
        if not item.path:
            raise item.word.error("a whole object must be the first item; others are then set in it")
    _rehearse(items)
    return Items(tuple(items))


def _rehearse(items: Sequence[Item]) -> None:
    """Put together what is known already: members of texts and names given twice are found before anything is read."""
    unknown = {item.path for item in items if isinstance(item.source, File | Reference)}
    if () in unknown:
        items = items[1:]
    known: list[tuple[Item, Any, str]] = []
    for item in items:
        beginnings = (item.path[:length] for length in range(1, len(item.path)))
        if () not in unknown and not any(beginning in unknown for beginning in beginnings):
            source = item.source
            value = source.value if isinstance(source, Text | Json) else None
            known.append((item, value, _text_of(source) if isinstance(source, Json) else json.dumps(value)))
    assemble(known)


def assemble(values: Sequence[tuple[Item, Any, str]]) -> dict[str, Any]:
    """Put values, each with its text, in their places. Raises CommandError at an item that does not fit."""
    text = "{}"
    seen: dict[Path, Item] = {}
    for item, value, written in values:
        if not item.path:
            if not isinstance(value, dict):
                raise item.word.error(f"a payload is a JSON object, and this is {_kind(value)}")
            text = written
            continue
        if item.path in seen and Append not in item.path:
            raise item.word.error(f"{show_path(item.path)} is set twice")
        seen[item.path] = item
        try:
            text = place(text, item.path, written)
        except PathError as error:
            raise item.word.error(str(error)) from None
    payload: dict[str, Any] = jsontext.loads(text)
    return payload


def _parse(word: Word) -> Item:
    text = word.text
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise word.error("this is not UTF-8 text")
    if text == "-" and not word.quoted:
        return Item((), File("-", json=True), word)
    if text.lstrip(jsontext.BLANKS).startswith("{"):
        return Item((), _json(word, 0), word)
    if text.startswith("@"):
        return Item((), _file(word, 1, json=True), word)
    equals = find_equals(text)
    if equals is None:
        raise word.error(f"this is no item: expected {EXPECTED}", suggestion=_guess(text))
    raw = equals > 0 and text[equals - 1] == ":" and not _is_escaped(text, equals - 1)
    end = equals - 1 if raw else equals
    try:
        path = parse_path(text[:end])
    except PathError as error:
        raise word.error(str(error), error.column, 1) from None
    return Item(path, _raw_source(word, equals + 1) if raw else _text_source(word, equals + 1), word)


def find_equals(text: str) -> int | None:
    """The place of the first equals sign that no backslash stands before."""
    position = 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == "=":
            return position
        position += 1
    return None


def _is_escaped(text: str, position: int) -> bool:
    before = text[:position]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _text_source(word: Word, column: int) -> Source:
    value = word.text[column:]
    if value.startswith("@"):
        return _file(word, column + 1, json=False)
    return Text(value[1:] if value.startswith("\\@") else value)


def _raw_source(word: Word, column: int) -> Source:
    value = word.text[column:]
    if value.startswith("@"):
        return _file(word, column + 1, json=True)
    if _REFERENCE.fullmatch(value):
        return _reference(word, column)
    return _json(word, column)


def _file(word: Word, column: int, *, json: bool) -> File:
    path = word.text[column:]
    if not path:
        raise word.error("expected the name of a file after @", max(column - 1, 0), 1)
    return File(path, json)


def _reference(word: Word, column: int) -> Reference:
    value = word.text[column:]
    found = re.match(r"[$#]\w+", value)
    name = found[0] if found else value
    rest = value[len(name) :]
    try:
        # The path is written as behind a name; a member's dot comes first.
        path = parse_path("_" + rest)[1:] if rest else ()
    except PathError as error:
        raise word.error(str(error), column + len(name) - 1 + error.column, 1) from None
    if Append in path:
        raise word.error("[] appends; to read, name a place such as [0]", column)
    return Reference(name, path)


def _json(word: Word, column: int) -> Json:
    text = word.text[column:]
    if not text.strip():
        key = word.text[: column - 2]
        raise word.error(
            f"expected a JSON value after :=, such as {key}:=29 or {key}:=true; for text write {key}=…",
            max(column - 2, 0),
            2,
        )
    try:
        return Json(jsontext.loads_strict(text), text)
    except RecursionError:
        raise word.error("this JSON is nested too deeply", column) from None
    except json.JSONDecodeError as error:
        raise _json_error(word, column, error) from None
    except ValueError as error:
        raise word.error(f"this is no JSON: {error}", column) from None


def _json_error(word: Word, column: int, error: json.JSONDecodeError) -> CommandError:
    text = word.text[column:]
    key = word.text[: max(column - 2, 0)]
    suggestion = None
    if key and error.pos == 0 and text[0] not in "{[":
        suggestion = f"{key}={text}" if len(text) <= 40 else f"{key}=…"
    where = "at its end" if error.pos >= len(text) else f"at {text[error.pos : error.pos + 12]!r}"
    reason = error.msg[:1].lower() + error.msg[1:]
    return word.error(f"this is no JSON: {reason} {where}", column + error.pos, 1, suggestion=suggestion)


def _guess(text: str) -> str | None:
    name, colon, value = text.partition(":")
    return f"{name}={value}" if colon and name and value and not value.startswith("/") else None


def _kind(value: Any) -> str:
    names = {bool: "true or false", list: "a list", str: "text", int: "a number", float: "a number", type(None): "null"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "something else")


def _parse_file(item: Item, source: File, text: str) -> Any:
    where = "standard input" if source.path == "-" else source.path
    if not text.strip():
        raise item.word.error(f"{where} is empty: expected JSON")
    try:
        return jsontext.loads_strict(text)
    except RecursionError:
        raise item.word.error(f"{where} is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise item.word.error(f"{where} is no JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        raise item.word.error(f"{where} is no JSON: {error}") from None
