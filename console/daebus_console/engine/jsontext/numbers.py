"""Numbers as JSON has them: any count of digits, compared as decimals. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

_EXPONENT_MARKS = ("e-", "E-")


class Number(float):
    """A number of which int and float do not give back the text: `19.90`, `1E2`, `-0`, `1e400`, one of many digits.

    As a float it is the nearest one, infinity where it is beyond all; `literal` is its text. Equal to whatever is the
    same number exactly.
    """

    __slots__ = ("literal",)
    literal: str

    def __new__(cls, literal: str) -> Number:
        made = super().__new__(cls, literal)
        made.literal = literal
        return made

    def __repr__(self) -> str:
        return self.literal

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Number) and other.literal == self.literal:
            return True
        return isinstance(other, int | float) and exact(self) == exact(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = float.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return Number, (self.literal,)


def number(literal: str) -> float:
    """The value of a literal with a fraction or an exponent."""
    value = float(literal)
    return value if repr(value) == literal else Number(literal)


def integer(literal: str) -> float:
    """The value of a literal of digits only: an int, but for `-0` and what is too long for one."""
    if literal == "-0":
        return Number(literal)
    try:
        return int(literal)
    except ValueError:
        # The interpreter refuses to turn more than some thousand digits into an int.
        return Number(literal)


def exact(value: float) -> Decimal:
    """The number that was written, as a decimal: a float stands for the shortest text that gives it."""
    if isinstance(value, Number):
        return decimal(value.literal)
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def decimal(literal: str) -> Decimal:
    """The decimal of a literal. One with an exponent of 19 digits and more counts as infinite, or as zero."""
    try:
        return Decimal(literal)
    except InvalidOperation:
        if any(mark in literal for mark in _EXPONENT_MARKS):
            return Decimal(0)
        return Decimal("-Infinity" if literal.startswith("-") else "Infinity")
