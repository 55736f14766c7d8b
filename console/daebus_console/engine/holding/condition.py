"""Conditions of a rule on a payload: `payload.id=17`, `payload.name~A*`, `payload.coupon`. Pure.

A name that has a dot or a blank in it stands in double quotes, as in filters: `payload."a.b"=1`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

OPERATORS = ("!=", "=", "<", ">", "~")
EXISTS = "exists"
FORMS = "payload.id=17, payload.amount>100, payload.name~A*, or payload.coupon for one that is there"
_PATH = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|\\.|[^=<>~!\"\\]|!(?!=))*", re.DOTALL)
_OPERATOR = re.compile(r"!=|=|<|>|~")
_NAME = re.compile(r"\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>(?:\\.|[^.\[\"\\])+)", re.DOTALL)
_PLACE = re.compile(r"\[([^\[\]]+)\]")
_BARE = re.compile(r"[^\s.\[\]\"\\=!<>~*]+")
"""A name that stands without quotes."""
_MORE_SIGNS = re.compile(r"[=<>~]+")
"""What bare text does not begin with: it would be taken for a longer operator, which there is none of."""
_ROOT = "payload"
_PREFIX = f"{_ROOT}."
_LONGEST = 1000
_NOT_ANY = "a condition is of one place: there is no * in its path"
Value = Any
"""One of JSON."""


class ConditionError(ValueError):
    """What stands there is no condition; `column` is where in it the trouble is."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True)
class Condition:
    """One condition: the value at `path` (as `user.items[0].id`) compared with `value` by `operator`.

    `exists` with the value False is of what is not there: a service tells of it, and nobody can type it.
    """

    path: str
    operator: str
    value: Value = None

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return f"{'without ' * (self.value is False)}{_PREFIX}{self.path}"
        return f"{_PREFIX}{self.path}{self.operator}{written(self.value, self.operator)}"

    @property
    def wire(self) -> list[Any]:
        """As it goes to a service."""
        return [steps(self.path), self.operator, self.value is not False if self.operator == EXISTS else self.value]


def read_condition(text: str, *, quoted: bool = False) -> Condition:
    """The condition that a text says; a `quoted` value is text whatever it looks like. Raises ConditionError."""
    if len(text) > _LONGEST:
        raise ConditionError(f"a condition has at most {_LONGEST:,} characters")
    end = _end_of_path(text)
    found = _OPERATOR.match(text, end)
    path = text[:end]
    begin = len(_PREFIX) if path.startswith(_PREFIX) else len(_ROOT) if path.startswith(f"{_ROOT}[") else 0
    bare = path[begin:].strip()
    if bare in ("", _ROOT) or (found is None and not begin):
        raise ConditionError(f"expected a condition on the payload: {FORMS}")
    try:
        steps(bare)
    except ConditionError as error:
        raise ConditionError(str(error), begin + error.column) from None
    if found is None:
        return Condition(bare, EXISTS)
    # Blanks around the operator are nothing of the value; those that are, are quoted with it.
    word = text[found.end() :] if quoted else text[found.end() :].strip()
    more = None if quoted or found[0] == "~" else _MORE_SIGNS.match(word)
    if more is not None:
        there = f"there are {', '.join(OPERATORS)}, and a path alone for what exists"
        no = f"there is no operator {found[0]}{more[0]}: {there}"
        raise ConditionError(f"{no}; a text that begins with {more[0]} is quoted", found.start())
    value: Value = word if quoted else _pattern(word) if found[0] == "~" else _value(word)
    if found[0] in "<>" and (not isinstance(value, str | int | float) or isinstance(value, bool) or value == ""):
        raise ConditionError(f"{found[0]} compares numbers or texts, and {word or 'nothing'} is neither", found.end())
    if found[0] == "~" and not value:
        raise ConditionError("expected a pattern after ~, such as A*", found.end())
    return Condition(bare, found[0], value)


def of_wire(told: Any) -> Condition | None:
    """The condition that a service tells of; None where it is none that can be understood."""
    if not isinstance(told, list | tuple) or len(told) not in (2, 3):
        return None
    path, operator = told[0], told[1]
    names = path.split(".") if isinstance(path, str) else path
    if not isinstance(names, list) or not names or operator not in (*OPERATORS, EXISTS):
        return None
    return Condition(".".join(map(_written_name, map(str, names))), operator, told[2] if len(told) == 3 else True)


def _written_name(name: str) -> str:
    """A name as it stands in a path."""
    return name if _BARE.fullmatch(name) else '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def written(value: Value, operator: str = "=") -> str:
    """A value as it is typed: text bare, unless it would be taken for something else."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    read = _pattern(value) if operator == "~" else _value(value)
    bare = read == value == value.strip() and (operator == "~" or not _MORE_SIGNS.match(value))
    return value if bare else json.dumps(value, ensure_ascii=False)


def _value(word: str) -> Value:
    try:
        value = json.loads(word)
        # What is not finite is in no JSON.
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return word
    return value


def _pattern(word: str) -> str:
    """A pattern stands bare, or as a text of JSON where there are blanks at its ends."""
    value = _value(word) if word.startswith('"') else word
    return value if isinstance(value, str) else word


def steps(path: str) -> list[str]:
    """The names and places that a path goes through: `items[0]."a.b"`. Raises ConditionError."""
    found: list[str] = []
    position = 0
    while position < len(path):
        if path[position] == "[":
            step, position = _place(path, position)
        else:
            if found and path[position] != ".":
                raise ConditionError("expected . or [ here", position)
            step, position = _name(path, position + bool(found))
        found.append(step)
    return found


def _place(path: str, position: int) -> tuple[str, int]:
    if path[position + 1 : position + 2] in ('"', "'"):
        raise ConditionError(f'a name in quotes stands behind a dot, as in {_ROOT}."a name"', position)
    found = _PLACE.match(path, position)
    if found is None:
        raise ConditionError("expected a place in a list, such as [0]", position)
    if found[1] == "*":
        raise ConditionError(_NOT_ANY, position)
    return found[1], found.end()


def _name(path: str, position: int) -> tuple[str, int]:
    found = _NAME.match(path, position)
    if found is None:
        raise ConditionError("expected the name of a field here", min(position, len(path) - 1))
    if found["bare"] == "*":
        raise ConditionError(_NOT_ANY, position)
    if found["bare"] is not None and any(sign.isspace() for sign in found["bare"]):
        raise ConditionError(f'a name with blanks stands in quotes, as in {_ROOT}."a name"', position)
    return re.sub(r"\\(.)", r"\1", found["quoted"] if found["bare"] is None else found["bare"]), found.end()


def _end_of_path(text: str) -> int:
    """Where the path ends that a condition begins with. Raises ConditionError."""
    found = _PATH.match(text)
    end = found.end() if found is not None else 0
    if text[end : end + 1] == '"':
        raise ConditionError("this quote is not closed", end)
    if text[end : end + 1] == "\\":
        raise ConditionError("expected a sign behind this backslash", end)
    return end


def offered(payload: Any, most: int = 12) -> list[Condition]:
    """Conditions that a payload itself fulfils, one for each of its short values, those of its top first."""
    found: list[Condition] = []
    level: list[tuple[str, Any]] = [("", payload)]
    while level and len(found) < most:
        below: list[tuple[str, Any]] = []
        for path, value in level:
            if isinstance(value, dict):
                below += [(f"{path}.{name}" if path else name, one) for name, one in value.items() if _plain(name)]
            elif isinstance(value, list):
                below += [(f"{path}[{place}]", one) for place, one in enumerate(value[:3])]
            elif path and _short(value):
                found.append(Condition(path, "=", value))
        level = below
    return found[:most]


def _plain(name: str) -> bool:
    return re.fullmatch(r"[^\s.\[\]=!<>~]{1,60}", name) is not None


def _short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 60 and value.isprintable()
    return isinstance(value, int | float | bool)
