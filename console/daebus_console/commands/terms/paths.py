"""Paths into JSON: `user.name`, `items[0].id`, `tags[]`. Pure.

A step is a name (str), a place in a list (int) or Append. A backslash takes the sign after it as part of a name. Where
a list stands, a name of digits is a place in it, as in filters and conditions: `items.0.id`.
"""

from __future__ import annotations

import enum
import json
import re
from typing import Any

from daebus_console.engine import jsontext

LARGEST_INDEX = 9_999
"""The largest place in a list that may be set; a list is filled with null up to it."""


class _Append(enum.Enum):
    APPEND = "[]"


Append = _Append.APPEND
"""The step that adds to the end of a list."""
Step = str | int | _Append
Path = tuple[Step, ...]
_DIGITS = re.compile(r"[0-9]{1,4}")


class PathError(ValueError):
    """A path is malformed, at `column`, or does not fit the value it is to go into."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column


def parse_path(text: str) -> Path:
    """The steps of a path. Raises PathError."""
    steps: list[Step] = []
    name: list[str] = []
    named = False
    position = 0
    while position < len(text):
        sign = text[position]
        if sign == ".":
            if named:
                steps.append(_name(name, text, position))
            elif not steps or position == 0 or text[position - 1] != "]":
                raise PathError("expected a name before this dot", position)
            name, named = [], True
        elif sign == "[":
            if named or name:
                steps.append(_name(name, text, position))
            elif not steps:
                raise PathError("a payload is an object: expected a name before [", position)
            step, position = _bracket(text, position)
            steps.append(step)
            name, named = [], False
        else:
            if sign == "\\" and position + 1 < len(text):
                position += 1
            if not named and steps:
                raise PathError("expected . or [ after ]", position)
            name.append(text[position])
            named = True
        position += 1
    if named or not steps:
        steps.append(_name(name, text, len(text)))
    return tuple(steps)


def _name(signs: list[str], text: str, position: int) -> str:
    if not signs:
        missing = "a name before the =" if not text else "a name here (write \\. for a dot in a name)"
        raise PathError(f"expected {missing}", min(position, max(len(text) - 1, 0)))
    return "".join(signs)


def _bracket(text: str, start: int) -> tuple[Step, int]:
    end = text.find("]", start)
    if end < 0:
        raise PathError("this [ is never closed", start)
    inside = text[start + 1 : end]
    if not inside:
        return Append, end
    if inside.isascii() and inside.isdigit():
        index = int(inside) if len(inside) < 10 else LARGEST_INDEX + 1
        if index > LARGEST_INDEX:
            raise PathError(f"a place in a list may be at most {LARGEST_INDEX}", start + 1)
        return index, end
    if inside[0] in "-+":
        raise PathError("expected a place from 0 on, [] to append, or a name", start + 1)
    return inside, end


def show_path(path: Path) -> str:
    """A path as it is written."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, str):
            escaped = "".join(f"\\{sign}" if sign in ".[]=\\" else sign for sign in step)
            parts.append(f".{escaped}" if parts else escaped)
        else:
            parts.append("[]" if step is Append else f"[{step}]")
    return "".join(parts)


def place(text: str, path: Path, written: str) -> str:
    """The JSON text with `written` at `path`, and all else of it as it was; objects and lists on the way are made.

    Of members of one name the last is meant, which is the one that counts. Raises PathError where another value stands.
    """
    position = _start(text)
    for index, named in enumerate(path):
        step = _meant(named, text.startswith("[", position))
        _check(text, position, path, index, step)
        spans = jsontext.children(text, position)
        span = _child(spans, step)
        if index == len(path) - 1 or span is None or _is_null(text, span):
            made = _made(path[index + 1 :], written)
            if span is not None:
                return jsontext.replaced(text, [(span.start, span.end, made)])
            return _added(text, position, spans, step, made)
        position = span.start
    raise AssertionError("a path has a step")


def _added(text: str, position: int, spans: list[jsontext.Span], step: Step, made: str) -> str:
    if isinstance(step, str):
        name = json.dumps(step) + jsontext.colon_of(text, spans)
        return jsontext.appended(text, position, spans, name + made)
    if isinstance(step, int):
        for _missing in range(len(spans), step):
            text = jsontext.appended(text, position, jsontext.children(text, position), "null")
        spans = jsontext.children(text, position)
    return jsontext.appended(text, position, spans, made)


def _made(path: Path, written: str) -> str:
    """The text with the objects and lists around it that the path names."""
    for step in reversed(path):
        if isinstance(step, str):
            written = f"{{{json.dumps(step)}:{written}}}"
        else:
            before = "null," * step if isinstance(step, int) else ""
            written = f"[{before}{written}]"
    return written


def _is_null(text: str, span: jsontext.Span) -> bool:
    return text.startswith("null", span.start)


def take_away(text: str, path: Path) -> str:
    """The JSON text without what stands at `path`: of members of one name, without all of them.

    Raises PathError where there is nothing.
    """
    *before, last = path
    position = find(text, tuple(before))[0]
    spans = jsontext.children(text, position) if text[position : position + 1] in ("{", "[") else []
    last = _meant(last, text.startswith("[", position))
    gone = {index for index, span in enumerate(spans) if span.key == last}
    if not gone:
        raise _missing(text, position, path, len(before))
    return jsontext.without(text, spans, gone)


def find(text: str, path: Path) -> tuple[int, int]:
    """From where to where in the JSON text the value at `path` stands. Raises PathError, which says how far it goes."""
    position, end = _start(text), len(text)
    for index, step in enumerate(path):
        spans = jsontext.children(text, position) if text[position : position + 1] in ("{", "[") else []
        span = _child(spans, _meant(step, text.startswith("[", position)))
        if span is None:
            raise _missing(text, position, path, index)
        position, end = span.start, span.end
    return position, end


def _start(text: str) -> int:
    return len(text) - len(text.lstrip(jsontext.BLANKS))


def _missing(text: str, position: int, path: Path, index: int) -> PathError:
    named = text[position : position + 1] == "{"
    names = list(dict.fromkeys(str(span.key) for span in jsontext.children(text, position))) if named else []
    known = f" (it has: {', '.join(names[:8])})" if names else ""
    before = show_path(path[:index]) if index else "it"
    return PathError(f"there is no {show_path(path[index : index + 1])} in {before}{known}")


def dig(value: Any, path: Path) -> Any:
    """What stands at `path` in a value. Raises PathError, which says how far it goes."""
    here = value
    for index, named in enumerate(path):
        step = _meant(named, isinstance(here, list))
        in_object = isinstance(step, str) and isinstance(here, dict) and step in here
        if in_object or (isinstance(step, int) and isinstance(here, list) and step < len(here)):
            here = here[step]
        else:
            known = f" (it has: {', '.join(list(here)[:8])})" if isinstance(here, dict) and here else ""
            before = show_path(path[:index]) if index else "it"
            raise PathError(f"there is no {show_path(path[index : index + 1])} in {before}{known}")
    return here


def _meant(step: Step, in_list: bool) -> Step:
    """What a step is where a list stands, or something else: there a name of digits is a place."""
    return int(step) if in_list and isinstance(step, str) and _DIGITS.fullmatch(step) else step


def _check(text: str, position: int, path: Path, index: int, step: Step) -> None:
    named = isinstance(step, str)
    if not text.startswith("{" if named else "[", position):
        noun = "an object" if named else "a list"
        raise PathError(f"{show_path(path[:index])} is not {noun}, so {show_path(path)} cannot be set in it")


def _child(spans: list[jsontext.Span], step: Step) -> jsontext.Span | None:
    return next((span for span in reversed(spans) if span.key == step), None)
