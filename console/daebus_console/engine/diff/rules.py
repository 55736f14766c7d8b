"""What does not count as a difference: places to ignore, numbers that are near enough, the order of lists. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from typing import Any

from daebus_console.engine.jsontext import exact

PARTS = ("request", "response", "stream", "calls", "messages", "broadcasts")
"""What a path within an exchange begins with; a rule may leave that out."""

_NAMED = "(request "
_REQUEST = re.compile(r"(?<=\(request )[0-9a-f]{32}(?=\))")
"""The id of a request as the errors of this framework name it."""
_PRECISE = Context(prec=1_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""Digits to which numbers are compared where a tolerance is given: many more than that has."""


class RuleError(ValueError):
    """A rule that cannot be understood; the text says why."""


class Rules:
    """The rules of a comparison.

    ignore: globs over paths, `*` standing for anything and `?` for one sign: `payload.timestamp`, `*.uptime`,
    `payload.items[*].id`. What is ignored is ignored with all that is in it. tolerance: numbers that differ by no more
    are the same; relative: the same as a fraction of the larger. any_order: lists are the same in any order.
    """

    def __init__(
        self,
        ignore: Iterable[str] = (),
        *,
        tolerance: float = 0.0,
        relative: float = 0.0,
        any_order: bool = False,
    ) -> None:
        self.ignore = tuple(dict.fromkeys(rule.strip() for rule in ignore if rule.strip()))
        self.tolerance, self.relative, self.any_order = tolerance, relative, any_order
        if not (tolerance >= 0 and math.isfinite(tolerance) and 0 <= relative < 1):
            raise RuleError("a tolerance is a number from 0 on, or a part below 100%")
        self._tolerance, self._relative = exact(tolerance), exact(relative)
        self._ignored = re.compile("|".join(map(_regex, self.ignore)), re.DOTALL) if self.ignore else None

    def __repr__(self) -> str:
        return f"Rules({self.as_data()!r})"

    def ignores(self, path: str) -> bool:
        """Whether what stands at this path does not count."""
        if self._ignored is None or not path:
            return False
        if self._ignored.fullmatch(path):
            return True
        first, dot, rest = path.partition(".")
        return bool(dot) and first.partition("[")[0] in PARTS and self._ignored.fullmatch(rest) is not None

    def equal(self, a: Any, b: Any) -> bool:
        """Whether two values, not both objects and not both lists, count as the same. NaN is itself; true is not 1.

        Numbers are compared as they were written: 1.10 and 1.1 are the same, and no digit beyond those of a float is
        lost. Which request it was that a text of an error names does not count: each has an id of its own.
        """
        if a is b:
            return True
        if isinstance(a, str) and isinstance(b, str):
            return a == b or (_NAMED in a and _NAMED in b and _REQUEST.sub("", a) == _REQUEST.sub("", b))
        if not (_is_number(a) and _is_number(b)):
            return type(a) is type(b) and not isinstance(a, dict | list) and bool(a == b)
        return (a.__class__ is b.__class__ and bool(a == b)) or self._near(exact(a), exact(b))

    def _near(self, a: Decimal, b: Decimal) -> bool:
        """Whether two numbers, as they were written, are the same or near enough."""
        if a.is_nan() or b.is_nan():
            return a.is_nan() and b.is_nan()
        if a == b:
            return True
        if not (self.tolerance or self.relative) or a.is_infinite() or b.is_infinite():
            return False
        with localcontext(_PRECISE):
            gap = abs(a - b)
            return gap <= self._tolerance or gap <= self._relative * max(abs(a), abs(b))

    def as_data(self) -> dict[str, Any]:
        """The rules as plain data."""
        return {
            "ignore": list(self.ignore),
            "tolerance": self.tolerance,
            "relative": self.relative,
            "any_order": self.any_order,
        }


def parse_rules(ignore: str | None, tolerance: str | None = None, any_order: bool = False) -> Rules:
    """Rules as they are typed: globs with commas between them, a tolerance such as 0.01 or 5%. Raises RuleError."""
    value = (tolerance or "0").strip()
    percent = value.endswith("%")
    try:
        number = float(value.removesuffix("%"))
    except ValueError:
        raise RuleError(
            f"{tolerance!r} is no tolerance: expected a number such as 0.01, or a part such as 5%"
        ) from None
    names = (ignore or "").split(",")
    if percent:
        return Rules(names, relative=number / 100, any_order=any_order)
    return Rules(names, tolerance=number, any_order=any_order)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _regex(rule: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(rule):
        sign = rule[position]
        if sign == "\\" and rule[position + 1 : position + 2] in ("*", "?"):
            position += 1
            parts.append(re.escape(rule[position]))
        else:
            parts.append(".*" if sign == "*" else "." if sign == "?" else re.escape(sign))
        position += 1
    return "".join(parts)
