"""JSON objects out of bytes and text. Tolerant: what cannot be read is said in words, and nothing is raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from daebus.errors import PayloadError

from . import checks
from .nesting import is_too_deep, outline

_OUTLINED = 100_000
"""Characters up to which it is looked who sent what cannot be read."""
_decoder = json.JSONDecoder()
# The type stubs leave it out.
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]


def decode_object(data: bytes | str) -> dict[str, Any] | str:
    """The JSON object in `data`, or in words why there is none."""
    try:
        text = data if isinstance(data, str) else data.decode()
        if is_too_deep(text):
            return "is nested too deeply"
        try:
            value, end = _scan(text, 0)
        except (StopIteration, json.JSONDecodeError):
            end = -1
        if end != len(text):
            # There may be blanks around it, or it is none, of which this tells.
            value = _decoder.decode(text)
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    except RecursionError:
        return "is nested too deeply"
    except json.JSONDecodeError:
        return "is not JSON"
    except ValueError:
        return "has a number of too many digits"
    if isinstance(value, dict):
        return value
    return f"is JSON, but no object ({kind_of(value)})"


def first_level(data: bytes) -> dict[str, Any]:
    """What can be made out of an object that cannot be read as a whole: its own fields, without what is in them."""
    if len(data) > _OUTLINED:
        return {}
    try:
        value = _tolerant.decode(outline(data.decode()))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _short_number(digits: str) -> int | None:
    return int(digits) if len(digits) < 640 else None


_tolerant = json.JSONDecoder(parse_int=_short_number)


def kind_of(value: object) -> str:
    names = {list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false", dict: "an object"}
    return names.get(type(value), "null")


class RawJson(dict[str, Any]):
    """A payload that is sent as the text it is made of: its digits, repeated names, escapes and blanks.

    It is read as the dict that the text says, which it is within another payload, and cannot be changed. Raises
    PayloadError where the text is no JSON object, or none that a service reads.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise PayloadError(f"text must be a str, not {checks.shown(text)}")
        found = decode_object(text)
        if isinstance(found, str):
            raise PayloadError(f"the text {found}")
        if "NaN" in text or "Infinity" in text:
            _refuse_constants(text)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PayloadError(f"the text cannot be written as UTF-8: {error}") from None
        super().__init__(found)
        self.text = text

    def _refuse(self, *_arguments: Any, **_more: Any) -> NoReturn:
        raise TypeError("a RawJson cannot be changed; make a dict of it")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return RawJson, (self.text,)


def _refuse_constants(text: str) -> None:
    def refuse(name: str) -> NoReturn:
        raise PayloadError(f"the text holds {name}, which is no JSON")

    json.loads(text, parse_constant=refuse)
