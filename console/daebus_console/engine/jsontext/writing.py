"""From values to JSON text: numbers with their digits, all members, NaN as NaN. Pure."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from daebus_console.engine.jsontext.numbers import Number, exact
from daebus_console.engine.jsontext.reading import Array, Object, pairs_of

_quoted_ascii = json.JSONEncoder(ensure_ascii=True).encode
_quoted = json.JSONEncoder(ensure_ascii=False).encode
_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)


def dumps(value: Any, *, indent: int | None = None, ascii_only: bool = False, verbatim: bool = False) -> str:
    """The value as JSON, laid out as the standard library does. Raises RecursionError.

    verbatim: an object or list that knows its text is written with the tokens of that text, on one line with the text
    itself; what is in ASCII is all else.
    """
    return "".join(pieces(value, indent=indent, ascii_only=ascii_only, verbatim=verbatim))


def text_of(value: Any) -> str:
    """The text that the value was read from; of any other one in ASCII. Raises RecursionError."""
    if isinstance(value, Object | Array) and value.text is not None:
        return value.text
    return dumps(value, ascii_only=True)


_Level = tuple[Iterator[Any], bool, str]
"""What is left of a container, whether it is an object, and how it ends."""


def pieces(
    value: Any,
    *,
    indent: int | None = None,
    ascii_only: bool = False,
    verbatim: bool = False,
) -> Iterator[str]:
    """What `dumps` gives, in pieces: for whoever needs the beginning only."""
    quoted = _quoted_ascii if ascii_only else _quoted
    comma = ", " if indent is None else ","
    levels: list[_Level] = []
    deepest = sys.getrecursionlimit()
    before = ""
    while True:
        inside = _inside(value)
        if verbatim and isinstance(value, Object | Array) and value.text is not None:
            yield before + _laid_out(value.text, indent, len(levels))
        elif inside is None:
            yield before + _scalar(value, quoted)
        else:
            ends = "{}" if isinstance(value, dict) else "[]"
            if not value:
                yield before + ends
            else:
                if len(levels) >= deepest:
                    raise RecursionError("nested too deeply to be written")
                yield before + ends[0]
                levels.append((inside, ends == "{}", ends[1]))
                before = _line(indent, len(levels))
                value, name = _next(levels[-1])
                if name is not None:
                    before += _name(name, quoted) + ": "
                continue
        while levels:
            found = next(levels[-1][0], _END)
            if found is not _END:
                before = comma + _line(indent, len(levels))
                if levels[-1][1]:
                    name, value = found
                    before += _name(name, quoted) + ": "
                else:
                    value = found
                break
            yield _line(indent, len(levels) - 1) + levels.pop()[2]
        else:
            return


_END: Any = object()


def _next(level: _Level) -> tuple[Any, Any]:
    """The first value of a container that is not empty, and its name in an object."""
    found = next(level[0])
    return (found[1], found[0]) if level[1] else (found, None)


def _inside(value: Any) -> Iterator[Any] | None:
    if isinstance(value, dict):
        return iter(pairs_of(value))
    return iter(value) if isinstance(value, list | tuple) else None


def _line(indent: int | None, level: int) -> str:
    return "" if indent is None else "\n" + " " * (indent * level)


def _name(name: Any, quoted: Callable[[Any], str]) -> str:
    return quoted(name if isinstance(name, str) else str(name))


_WORDS = {True: "true", False: "false", None: "null"}


def _scalar(value: Any, quoted: Callable[[Any], str]) -> str:
    if value is None or value.__class__ is bool:
        return _WORDS[value]
    if value.__class__ is int:
        return str(value)
    return value.literal if isinstance(value, Number) else quoted(value)


# Texts as they came ----------------------------------------------------------------------------------------------


def unbroken(text: str) -> str:
    """A JSON text on one line: a line end in it stands between tokens only, where a blank says the same."""
    return text.replace("\n", " ").replace("\r", " ")


def _laid_out(text: str, indent: int | None, level: int) -> str:
    if indent is None:
        return unbroken(text)
    return formatted(text, indent).replace("\n", _line(indent, level))


def escaped(text: str) -> str:
    """A JSON text in ASCII: all else in it as escapes, which say the same."""
    return text if text.isascii() else _BEYOND_ASCII.sub(lambda found: _quoted_ascii(found[0])[1:-1], text)


def one_line(text: str) -> str:
    """The tokens of a JSON text, just as they are, on one line with a blank behind each comma and colon."""
    laid_out = _by_msgspec(text, 0)
    return _laid_out(text, None, 0) if laid_out is None else laid_out


def formatted(text: str, indent: int) -> str:
    """The tokens of a JSON text, just as they are, over indented lines."""
    laid_out = _by_msgspec(text, indent)
    return "".join(_formatted(text, indent)) if laid_out is None else laid_out


def _by_msgspec(text: str, indent: int) -> str | None:
    """The same, fast; None for what msgspec refuses, such as NaN. Imported here: the help needs none of it."""
    import msgspec

    try:
        return msgspec.json.format(text, indent=indent)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def _formatted(text: str, indent: int) -> Iterator[str]:
    level = 0
    opened = False
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token in ("}", "]"):
            level -= 1
            yield token if opened else _line(indent, level) + token
            opened = False
            continue
        if opened:
            yield _line(indent, level)
            opened = False
        if token in ("{", "["):
            level += 1
            opened = True
            yield token
        elif token == ",":
            yield "," + _line(indent, level)
        else:
            yield ": " if token == ":" else token


# Texts to compare ------------------------------------------------------------------------------------------------


def canonical(value: Any) -> str:
    """A text that is the same for the same value, however it was written. Raises RecursionError."""
    parts: list[str] = []
    _canonical(value, parts.append)
    return "".join(parts)


def _canonical(value: Any, put: Callable[[str], None]) -> None:
    if isinstance(value, dict):
        put("{")
        # Sorting keeps members of one name in their order.
        for name, inner in sorted(pairs_of(value), key=lambda pair: pair[0]):
            put(_quoted_ascii(name) + ":")
            _canonical(inner, put)
            put(",")
        put("}")
    elif isinstance(value, list):
        put("[")
        for inner in value:
            _canonical(inner, put)
            put(",")
        put("]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        put(canonical_number(value))
    else:
        put(_quoted_ascii(value))


def canonical_number(value: Any) -> str:
    """A text that is the same for the same number."""
    if value.__class__ is int and -10 < value < 10:
        return str(value)
    number = exact(value)
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return str(number)
    text = "".join(map(str, digits))
    kept = text.strip("0")
    if not kept:
        return "0"
    exponent += len(text) - len(text.rstrip("0"))
    shown = f"{kept}e{exponent}" if exponent or len(kept) > 1 else kept
    return f"-{shown}" if sign else shown
