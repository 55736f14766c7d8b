"""What a value of a filter accepts: names, numbers with units, text anywhere in bytes. Pure; knows no exchange."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from daebus_console import naming
from daebus_console.engine.filter.lexer import Value, nearest
from daebus_console.engine.jsontext import exact

_MOST_REMEMBERED = 50_000

Test = Callable[[str], bool]


def glob(pieces: Sequence[str]) -> Test:
    """Whether a text, whole and regardless of case, is these pieces with anything between them."""
    folded = [piece.casefold() for piece in pieces]
    if len(folded) == 1:
        wanted = folded[0]
        return lambda text: text.casefold() == wanted
    if not any(folded):
        return lambda _text: True
    if len(folded) == 2 and not folded[1]:
        return lambda text: text.casefold().startswith(folded[0])
    if len(folded) == 3 and not folded[0] and not folded[2]:
        return lambda text: folded[1] in text.casefold()
    fits = _in_order(folded)
    return lambda text: fits(text.casefold())


def _in_order(pieces: Sequence[str]) -> Test:
    """The pieces one after the other, the first at the start and the last at the end: linear, unlike a regex."""
    first, *middle, last = pieces

    def fits(text: str) -> bool:
        position, end = len(first), len(text) - len(last)
        if position > end or not text.startswith(first) or not text.endswith(last):
            return False
        for piece in middle:
            position = text.find(piece, position, end)
            if position < 0:
                return False
            position += len(piece)
        return True

    return fits


class Names(dict[str | None, bool]):
    """Whether a name is accepted by any of the values, remembered for each name that was asked about.

    Ask with `names[name]`. No name at all is accepted by the empty value (`""`) alone.
    """

    def __init__(self, values: Sequence[Value]) -> None:
        super().__init__()
        self.tests = [glob(value.pieces) for value in values]
        self._absent = any(value.pieces == ("",) for value in values)

    def accepts(self, name: str | None) -> bool:
        """The answer without remembering it: for names that hardly ever come twice."""
        if not name:
            return self._absent
        return any(test(name) for test in self.tests)

    def __missing__(self, name: str | None) -> bool:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        result = self[name] = self.accepts(name)
        return result


def one_of(term_key: str, values: Sequence[Value], known: Sequence[str]) -> frozenset[str]:
    """The known words that the values name, globs included; `-` and `_` are the same. Raises FilterError for none."""
    found: set[str] = set()
    for value in values:
        fits = glob([piece.replace("-", "_") for piece in value.pieces])
        named = {word for word in known if fits(word.replace("-", "_"))}
        if not named:
            choice = ", ".join(known)
            raise value.error(f"{term_key}: {value.text!r} is none of {choice}", nearest(value.text, known))
        found |= named
    return frozenset(found)


# Numbers ------------------------------------------------------------------------------------------------------------

DURATIONS: Mapping[str, float] = {"us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0}
SIZES: Mapping[str, float] = {"b": 1.0, "kb": 1e3, "mb": 1e6}

_NUMBER = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)([^\W\d_]*)")
_COMPARISON = re.compile(r"(>=|<=|>|<)(.*)", re.DOTALL)

Compare = Callable[[float], bool]
_INFINITE = Decimal("Infinity")
_NOWHERE = 2


def comparison(value: Value, units: Mapping[str, float], default: str = "") -> Compare | None:
    """What `>5ms`, `<=1kb` or `2..3s` says, in the base unit; None where the value is no comparison.

    Units are case-insensitive (keys of `units` in small letters); `default` is the one meant where there is none.
    Without any units, numbers are plain. Raises FilterError.
    """
    if value.quoted:
        return None
    compared = _COMPARISON.fullmatch(value.raw)
    if compared is not None:
        sign, text = compared.groups()
        bound = _number(value, text, units, default, f"after {sign}")
        if units:
            near = float(bound)
            return {
                ">": lambda number: number > near,
                ">=": lambda number: number >= near,
                "<": lambda number: number < near,
                "<=": lambda number: number <= near,
            }[sign]
        order, near = _order(bound), float(bound)
        if exact(near) == bound == Decimal(near):
            # As most bounds are: then only what is equal to it as a float needs a second look.
            return {
                ">": lambda number: number > near or (not number < near and order(number) == 1),
                ">=": lambda number: number > near or (not number < near and order(number) in (0, 1)),
                "<": lambda number: number < near or (not number > near and order(number) == -1),
                "<=": lambda number: number < near or (not number > near and order(number) in (-1, 0)),
            }[sign]
        return {
            ">": lambda number: order(number) == 1,
            ">=": lambda number: order(number) in (0, 1),
            "<": lambda number: order(number) == -1,
            "<=": lambda number: order(number) in (-1, 0),
        }[sign]
    low, dots, high = value.raw.partition("..")
    if not dots or not (low or high):
        return None
    return _range(value, low, high, units, default)


def _range(value: Value, low: str, high: str, units: Mapping[str, float], default: str) -> Compare | None:
    if not units and any(end and _NUMBER.fullmatch(end) is None for end in (low, high)):
        # A payload may well hold texts with two dots in them.
        return None
    unit = _NUMBER.fullmatch(high)
    # In 10..50ms the unit is that of both.
    shared = unit[2].lower() if unit is not None and unit[2] else default
    upper = _number(value, high, units, default, "after ..") if high else _INFINITE
    lower = _number(value, low, units, shared, "before ..") if low else -_INFINITE
    if lower > upper:
        raise value.error(f"{value.raw} is empty: it begins above its end")
    if units:
        least, most = float(lower), float(upper)
        return lambda number: least <= number <= most
    above, below = _order(lower), _order(upper)
    return lambda number: above(number) in (0, 1) and below(number) in (-1, 0)


def _order(bound: Decimal) -> Callable[[Any], int]:
    """How a number of a payload stands to the bound, exactly: -1, 0 or 1. Of NaN none of the three."""
    near, whole = float(bound), int(bound) if bound.is_finite() and bound == bound.to_integral_value() else None

    def order(number: Any) -> int:
        if number.__class__ is int and whole is not None:
            return (number > whole) - (number < whole)
        if number > near or number < near:
            # Rounding to the nearest float may make two numbers equal, and never turns their order.
            return 1 if number > near else -1
        if number != number:
            return _NOWHERE
        written = exact(number)
        return (written > bound) - (written < bound)

    return order


def _number(value: Value, text: str, units: Mapping[str, float], default: str, place: str) -> Decimal:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise value.error(f"a number is needed {place}, not {text!r}" if text else f"a number is needed {place}")
    digits, unit = Decimal(found[1]), found[2].lower()
    if not units:
        if unit:
            raise value.error(f"numbers in payloads have no unit: {text!r}")
        return digits
    factor = units.get(unit or default)
    if factor is None:
        known = [name for name in units if name.isascii()]
        raise value.error(f"unknown unit {found[2]!r}; there are {', '.join(known)}")
    return Decimal(float(digits) * factor)


def number_in(text: str) -> Decimal | None:
    """The number that the text is, if it is one."""
    found = _NUMBER.fullmatch(text)
    return Decimal(found[1]) if found is not None and not found[2] else None


# Text anywhere ------------------------------------------------------------------------------------------------------

_ESCAPED = re.compile(r"\\\\|\\/|(?:\\u[0-9a-fA-F]{4})+")
_escapes_ascii = re.compile(rb"\\u00[0-7][0-9a-fA-F]").search
_escapes_slashes = re.compile(rb"\\(?:/|u00[0-7][0-9a-fA-F])").search


def escapes_in(texts: Iterable[str]) -> Callable[[bytes], object]:
    """Finds in bytes a plain sign, such as those of the texts, that stands there as a JSON escape and need not.

    Hardly anybody writes letters so but anybody may; slashes are written as `\\/` by PHP, and looked for where one is
    in the texts.
    """
    return _escapes_slashes if any("/" in text for text in texts) else _escapes_ascii


def contains(value: Value) -> Callable[[bytes], bool]:
    """Whether the text stands anywhere in the bytes, regardless of case, also where JSON writes it with escapes."""
    pieces = [piece for piece in value.pieces if piece]
    if not pieces:
        return lambda _data: True
    searches = [re.compile(_forms_of(piece)).search for piece in pieces]
    first, others = searches[0], searches[1:]
    in_order = glob(["", *pieces, ""])
    escapes = escapes_in(pieces)
    ascii_only = all(piece.isascii() for piece in pieces)
    if ascii_only and not others:
        return lambda data: (
            first(data.lower()) is not None
            or (data.find(b"\\") >= 0 and escapes(data) is not None and in_order(readable(data)))
        )

    def found(data: bytes) -> bool:
        if not ascii_only and data.isascii() and data.find(b"\\") < 0:
            return False
        lower = data.lower()
        match = first(lower)
        if match is not None:
            for search in others:
                match = search(lower, match.end())
                if match is None:
                    break
            else:
                return True
        return data.find(b"\\") >= 0 and escapes(data) is not None and in_order(readable(data))

    return found


def _forms_of(text: str) -> bytes:
    """A regular expression for all the ways in which the text may stand in bytes that have been made lower case."""
    return b"".join(map(_forms_of_sign, text))


def _forms_of_sign(sign: str) -> bytes:
    if sign.isascii():
        forms = {"/", "\\/"} if sign == "/" else {sign.lower(), json.dumps(sign.lower())[1:-1]}
    else:
        same = {sign, sign.lower(), sign.upper(), sign.title(), sign.casefold()}
        forms = same | {json.dumps(one)[1:-1].lower() for one in same}
    escaped = [re.escape(form.encode("utf-8", "surrogatepass").lower()) for form in forms]
    if "\udc80" <= sign <= "\udcff":
        escaped.append(re.escape(naming.to_bytes(sign)))
    return escaped[0] if len(escaped) == 1 else b"(?:" + b"|".join(sorted(escaped)) + b")"


def readable(data: bytes) -> str:
    """The bytes as text, with the \\u and \\/ of JSON resolved and everything else as it is."""
    text = data.decode("utf-8", "replace")
    return _ESCAPED.sub(_resolved, text) if "\\" in text else text


def _resolved(found: re.Match[str]) -> str:
    run = found[0]
    if run[1] != "u":
        return "/" if run == "\\/" else run
    # Whole runs of them, for what lies beyond the first 65,536 signs is written as two.
    return bytes.fromhex(run.replace("\\u", "")).decode("utf-16-be", "replace")
