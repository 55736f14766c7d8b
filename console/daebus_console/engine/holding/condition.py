"""Conditions of a rule on a payload: `payload.id=17`, `payload.name~A*`, `payload.coupon`. Pure.

A path is names with dots between them, and places in lists: `payload.items[0].sku`. A name that has more than letters,
digits, _ and - in it is quoted, `payload."card.no"` or `payload["card.no"]`, or has a backslash before such a sign.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from daebus_console.engine.hiding.redact import MASK, Redactor

OPERATORS = ("!=", "=", "<", ">", "~")
EXISTS = "exists"
FORMS = "payload.id=17, payload.amount>100, payload.name~A*, or payload.coupon for one that is there"
_MOST_OFFERED = 12
_EXPECTED = f"expected a condition on the payload: {FORMS}"
_OPERATOR = re.compile(r"\s*(!=|=|<|>|~)")
_BARE = re.compile(r"(?:\\.|(?!!=)[^\s.\[\]=<>~\"\\])*")
_IN_BRACKETS = re.compile(r"[^\]]*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTES = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\\.')
_PLAIN = re.compile(r"[\w-]+")
_PLACE = re.compile(r"[0-9]+")
_QUOTED_NAMES = 'a name with other signs in it is quoted: payload."card.no"=1'
_MORE_SIGNS = re.compile(r"[=<>~]+")
"""What bare text does not begin with: it would be taken for a longer operator, which there is none of."""
_APART = re.compile(r"[\s'\"\\#&]")
"""What ends a word of a command, or is not itself in one."""
_PREFIX = "payload."
_LONGEST = 1000
Value = Any
"""One of JSON."""


class ConditionError(ValueError):
    """What stands there is no condition; `column` is where in it the trouble is."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True)
class Condition:
    """One condition: the value at the path of `names` (a place in a list is one, too) compared with `value`.

    `exists` with the value False is of what is not there: a service tells of it, and nobody can type it.
    """

    names: tuple[str, ...]
    operator: str
    value: Value = None

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return f"{'without ' * (self.value is False)}payload{self.path}"
        return f"payload{self.path}{self.operator}{written(self.value, self.operator)}"

    @property
    def path(self) -> str:
        """Where in the payload, as it is typed behind `payload`: `.items[0].sku`."""
        return "".join(map(_typed, self.names))

    def masked(self, redact: Redactor) -> Condition:
        """The same without what is secret in it: it would say what stands there."""
        named = self.operator != EXISTS and any(map(redact.names, self.names))
        value = MASK if named else redact.mask(self.value)
        return self if value is self.value else replace(self, value=value)

    @property
    def wire(self) -> list[Any]:
        """As it goes to a service."""
        value = self.value is not False if self.operator == EXISTS else self.value
        return [list(self.names), self.operator, value]


def read_condition(text: str, *, quoted: bool = False) -> Condition:
    """The condition that a text says; a `quoted` value is text whatever it looks like. Raises ConditionError."""
    if len(text) > _LONGEST:
        raise ConditionError(f"a condition has at most {_LONGEST:,} characters")
    names, end = read_path(text)
    found = _OPERATOR.match(text, end)
    if found is None:
        _check_end(text, end)
        return Condition(names, EXISTS)
    if text[end - 1] == ":" and text[end - 2] != "\\":
        told = f"a condition compares with {found[1]} alone, and is no item of a payload: no colon"
        raise ConditionError(f"{told}; {_QUOTED_NAMES}", end - 1)
    # Blanks around the operator are nothing of the value; those that are, are quoted with it.
    operator, word = found[1], text[found.end() :] if quoted else text[found.end() :].strip()
    more = None if quoted or operator == "~" else _MORE_SIGNS.match(word)
    if more is not None:
        there = f"there are {', '.join(OPERATORS)}, and a path alone for what exists"
        no = f"there is no operator {operator}{more[0]}: {there}"
        raise ConditionError(f"{no}; a text that begins with {more[0]} is quoted", found.start(1))
    value: Value = word if quoted else _pattern(word) if operator == "~" else _value(word)
    if operator in "<>" and (not isinstance(value, str | int | float) or isinstance(value, bool) or value == ""):
        raise ConditionError(f"{operator} compares numbers or texts, and {word or 'nothing'} is neither", found.end())
    if operator == "~" and not value:
        raise ConditionError("expected a pattern after ~, such as A*", found.end())
    return Condition(names, operator, value)


def value_at(text: str) -> int | None:
    """Where the value begins that a condition compares with; None where there is none. Raises ConditionError."""
    found = _OPERATOR.match(text, read_path(text)[1])
    return None if found is None else found.end()


def read_path(text: str) -> tuple[tuple[str, ...], int]:
    """The names of the path that a condition begins with, and where it ends. Raises ConditionError."""
    begin = position = len(text) - len(text.lstrip())
    if text.startswith((_PREFIX, "payload["), begin):
        position += len("payload")
    names: list[str] = []
    while position < len(text):
        if text[position] == "[":
            name, position = _in_brackets(text, position)
        elif not names and text[position] != ".":
            name, position = _named(text, position)
        elif text[position] == ".":
            name, position = _named(text, position + 1)
        else:
            break
        names.append(name)
    if not names or text[begin:position] == "payload":
        raise ConditionError(_EXPECTED)
    return tuple(names), position


def _named(text: str, begin: int) -> tuple[str, int]:
    if text[begin : begin + 1] in ('"', "'"):
        return _quoted(text, begin)
    found = _BARE.match(text, begin)
    assert found is not None
    if not found[0]:
        raise ConditionError(f"expected a name here; {_QUOTED_NAMES}" if begin > len(_PREFIX) else _EXPECTED, begin)
    _check_one(found[0], begin)
    if text.startswith('"', found.end()):
        raise ConditionError('a name in quotes stands behind a dot, as in payload."a name"', found.end())
    return _ESCAPED.sub(r"\1", found[0]), found.end()


def _quoted(text: str, begin: int) -> tuple[str, int]:
    sign, position = text[begin], begin + 1
    while position < len(text) and text[position] != sign:
        position += 2 if text[position] == "\\" else 1
    if position >= len(text):
        raise ConditionError(f"this {sign} is never closed", begin)
    inside = text[begin + 1 : position]
    if sign == '"':
        try:
            return str(json.loads(text[begin : position + 1])), position + 1
        except ValueError:
            # A backslash before what JSON has no escape for.
            pass
    return _ESCAPED.sub(r"\1", inside), position + 1


def _in_brackets(text: str, begin: int) -> tuple[str, int]:
    if text[begin + 1 : begin + 2] in ('"', "'"):
        name, end = _quoted(text, begin + 1)
    else:
        found = _IN_BRACKETS.match(text, begin + 1)
        assert found is not None
        name, end = found[0], found.end()
        _check_one(name, begin + 1)
    if not text.startswith("]", end):
        raise ConditionError("this [ is never closed", begin)
    if end == begin + 1 or text[begin + 1] in "+-":
        raise ConditionError("in brackets stands an index, or a name: [0], [name]", begin)
    return name, end + 1


def _check_one(name: str, at: int) -> None:
    if name == "*":
        raise ConditionError("a condition looks at one place, and * is none: payload.items[0].sku", at)


def _check_end(text: str, end: int) -> None:
    """Raise ConditionError where a path that is compared with nothing is none alone."""
    path = text[:end].strip()
    if not path.startswith((_PREFIX, "payload[")):
        raise ConditionError(_EXPECTED)
    if text[end:].strip():
        raise ConditionError(f"expected one of {', '.join(OPERATORS)} here; {_QUOTED_NAMES}", end)
    colon = _QUOTES.sub(lambda found: "_" * len(found[0]), text[:end]).find(":")
    if colon >= 0:
        expected = f"expected one of {', '.join(OPERATORS)} here, as in payload.id=17"
        raise ConditionError(f"{expected}; {_QUOTED_NAMES}", colon)


def of_wire(told: Any) -> Condition | None:
    """The condition that a service tells of; None where it is none that can be understood."""
    if not isinstance(told, list | tuple) or len(told) not in (2, 3):
        return None
    path, operator = told[0], told[1]
    names = path.split(".") if isinstance(path, str) else path
    if not isinstance(names, list) or operator not in (*OPERATORS, EXISTS):
        return None
    return Condition(tuple(map(str, names)), operator, told[2] if len(told) == 3 else True)


def written(value: Value, operator: str = "=") -> str:
    """A value as it is typed: text bare, unless it would be taken for something else, or for several words."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    read = _pattern(value) if operator == "~" else _value(value)
    bare = read == value and not _APART.search(value) and (operator == "~" or not _MORE_SIGNS.match(value))
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


def _typed(name: str) -> str:
    if _PLACE.fullmatch(name):
        return f"[{name}]"
    return f".{name}" if _PLAIN.fullmatch(name) else f".{json.dumps(name, ensure_ascii=False)}"


def value_in(payload: Any, names: Iterable[str]) -> Value:
    """What stands there in a payload; None also where there is nothing."""
    found = payload
    for name in names:
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and _PLACE.fullmatch(name) and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def is_number(text: str) -> bool:
    """Whether a text would be a number, were it not quoted."""
    value = _value(text)
    return isinstance(value, int | float) and not isinstance(value, bool)


def offered(payload: Any) -> list[Condition]:
    """Conditions that a payload itself fulfils, one for each of its short values, those of its top first."""
    found: list[Condition] = []
    level: list[tuple[tuple[str, ...], Any]] = [((), payload)]
    while level and len(found) < _MOST_OFFERED:
        below: list[tuple[tuple[str, ...], Any]] = []
        for names, value in level:
            if isinstance(value, dict):
                below += [((*names, name), one) for name, one in value.items() if len(name) <= 60]
            elif isinstance(value, list):
                below += [((*names, str(place)), one) for place, one in enumerate(value[:3])]
            elif names and _short(value) and all(map(str.isprintable, names)):
                found.append(Condition(names, "=", value))
        level = below
    return found[:_MOST_OFFERED]


def _short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 60 and value.isprintable()
    return isinstance(value, int | float | bool)
