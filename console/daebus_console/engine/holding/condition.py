"""Conditions of a rule on a payload: `payload.id=17`, `payload.name~A*`, `payload.coupon`. Pure."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

OPERATORS = ("!=", "=", "<", ">", "~")
EXISTS = "exists"
FORMS = "payload.id=17, payload.amount>100, payload.name~A*, or payload.coupon for one that is there"
_SPLIT = re.compile(r"!=|=|<|>|~")
_PREFIX = "payload."
_LONGEST = 1000
Value = str | int | float | bool | None


class ConditionError(ValueError):
    """What stands there is no condition; `column` is where in it the trouble is."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True)
class Condition:
    """One condition: the value at `path` (as `user.items[0].id`) compared with `value` by `operator`."""

    path: str
    operator: str
    value: Value = None

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return _PREFIX + self.path
        return f"{_PREFIX}{self.path}{self.operator}{written(self.value, self.operator)}"

    @property
    def wire(self) -> list[Any]:
        """As it goes to a service."""
        return [self.path, self.operator, True if self.operator == EXISTS else self.value]


def read_condition(text: str, *, quoted: bool = False) -> Condition:
    """The condition that a text says; a `quoted` value is text whatever it looks like. Raises ConditionError."""
    if len(text) > _LONGEST:
        raise ConditionError(f"a condition has at most {_LONGEST:,} characters")
    found = _SPLIT.search(text)
    path = text[: found.start()] if found else text
    bare = path.removeprefix(_PREFIX).strip()
    if not bare or bare == "payload" or any(sign.isspace() for sign in bare):
        raise ConditionError(f"expected a condition on the payload: {FORMS}")
    if found is None:
        if not path.startswith(_PREFIX):
            raise ConditionError(f"expected a condition on the payload: {FORMS}")
        return Condition(bare, EXISTS)
    word = text[found.end() :]
    value: Value = word if quoted or found[0] == "~" else _value(word)
    if found[0] in "<>" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ConditionError(f"{found[0]} compares numbers, and {word or 'nothing'} is none", found.end())
    if found[0] == "~" and not word:
        raise ConditionError("expected a pattern after ~, such as A*", found.end())
    return Condition(bare, found[0], value)


def of_wire(told: Any) -> Condition | None:
    """The condition that a service tells of; None where it is none that can be understood."""
    if not isinstance(told, list | tuple) or len(told) not in (2, 3) or not isinstance(told[0], str):
        return None
    operator = told[1]
    if operator == EXISTS:
        return Condition(told[0], EXISTS)
    if operator not in OPERATORS or len(told) != 3 or not isinstance(told[2], str | int | float | bool | None):
        return None
    return Condition(told[0], operator, told[2])


def written(value: Value, operator: str = "=") -> str:
    """A value as it is typed: text bare, unless it would be taken for something else."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = operator == "~" or not isinstance(_value(value), str) or value == ""
    return value if operator == "~" or not plain else json.dumps(value, ensure_ascii=False)


def _value(word: str) -> Value:
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        return word
    if isinstance(value, float) and not math.isfinite(value):
        return word
    return value if isinstance(value, str | int | float | bool | None) else word


def matches(condition: Condition, payload: Any) -> bool:
    """Whether a payload fulfils it, as a service would find."""
    found, here = dig(payload, condition.path)
    if condition.operator == EXISTS:
        return found
    if not found:
        return condition.operator == "!="
    return _compared(here, condition.operator, condition.value)


def _compared(here: Any, operator: str, value: Value) -> bool:
    if operator in ("=", "!="):
        same = here == value and isinstance(here, bool) == isinstance(value, bool)
        return same == (operator == "=")
    if operator == "~":
        text = here if isinstance(here, str) else json.dumps(here)
        return fnmatchcase(text, str(value))
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (here, value))
    return numbers and (here < value if operator == "<" else here > value)


def dig(payload: Any, path: str) -> tuple[bool, Any]:
    """Whether there is something at that path, and what."""
    here = payload
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(here, dict) and step in here:
            here = here[step]
        elif isinstance(here, list) and step.isascii() and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        else:
            return False, None
    return True, here


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
