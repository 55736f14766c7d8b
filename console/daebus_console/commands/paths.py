"""Paths into JSON: `user.name`, `items[0].id`, `tags[]`. Pure.

A step is a name (str), a place in a list (int) or Append. A backslash takes the sign after it as part of a name.
"""

from __future__ import annotations

import enum
from typing import Any

LARGEST_INDEX = 9_999
"""The largest place in a list that may be set; a list is filled with null up to it."""


class _Append(enum.Enum):
    APPEND = "[]"


Append = _Append.APPEND
"""The step that adds to the end of a list."""
Step = str | int | _Append
Path = tuple[Step, ...]


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


def place(root: dict[str, Any], path: Path, value: Any) -> None:
    """Set `value` at `path`, making the objects and lists on the way. Raises PathError where another value stands."""
    here: Any = root
    for index, step in enumerate(path):
        _check(here, path, index)
        if index == len(path) - 1:
            _put(here, step, value)
            return
        child = _child(here, step)
        if child is None:
            child = {} if isinstance(path[index + 1], str) else []
            _put(here, step, child)
        here = child


def dig(value: Any, path: Path) -> Any:
    """What stands at `path` in a value. Raises PathError, which says how far it goes."""
    here = value
    for index, step in enumerate(path):
        in_object = isinstance(step, str) and isinstance(here, dict) and step in here
        if in_object or (isinstance(step, int) and isinstance(here, list) and step < len(here)):
            here = here[step]
        else:
            known = f" (it has: {', '.join(list(here)[:8])})" if isinstance(here, dict) and here else ""
            before = show_path(path[:index]) if index else "it"
            raise PathError(f"there is no {show_path(path[index : index + 1])} in {before}{known}")
    return here


def _check(here: Any, path: Path, index: int) -> None:
    wanted: type = dict if isinstance(path[index], str) else list
    if not isinstance(here, wanted):
        noun = "an object" if wanted is dict else "a list"
        raise PathError(f"{show_path(path[:index])} is not {noun}, so {show_path(path)} cannot be set in it")


def _child(here: Any, step: Step) -> Any:
    if isinstance(step, str):
        return here.get(step)
    if isinstance(step, int) and step < len(here):
        return here[step]
    return None


def _put(here: Any, step: Step, value: Any) -> None:
    if isinstance(step, str):
        here[step] = value
    elif isinstance(step, int):
        here.extend([None] * (step + 1 - len(here)))
        here[step] = value
    else:
        here.append(value)
