"""Values that JSON has no form for, and that people put into payloads all the same: what is written for them. Pure.

Dates and times are written as ISO 8601 has them, a Decimal with all its digits, as a text; models as their fields.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

Default = Callable[[Any], Any]
"""Given a value that JSON has no form for, returns one to write in its place. Raises TypeError where there is none."""


_NONE = object()
"""Stands for the form of what has none."""


def plain(value: Any) -> Any:
    """What is written for a value of a common type. Raises TypeError for any other."""
    found = _form(value, plain)
    if found is _NONE:
        instead = next((f"; {what}" for cls, what in _INSTEAD.items() if isinstance(value, cls)), "")
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable{instead}")
    return found


_IN_BASE64 = "write text: what its decode() gives, or the base64 that a typed handler takes"
_INSTEAD: dict[type, str] = {
    timedelta: "write its total_seconds(), or the text of ISO 8601 that a typed handler takes, such as 'PT90S'",
    bytes: _IN_BASE64,
    bytearray: _IN_BASE64,
}
"""What to do about values that are written in several ways, none of which can be guessed."""


def plain_or(others: Default) -> Default:
    """`plain`, and for what it does not know `others`: also for what is within a model."""

    def written(value: Any) -> Any:
        found = _form(value, written)
        if found is not _NONE:
            return found
        found = others(value)
        if found is value:
            # It would be asked for it again and again.
            raise TypeError(f"json_default returned an object of type {type(value).__name__} as it was given it")
        return found

    return written


def _form(value: Any, within: Default) -> Any:
    """What is written for a value, or _NONE; `within` tells it for what is in a model."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal | PurePath):
        return str(value)
    if isinstance(value, set | frozenset):
        return _in_order(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    # A library is there only where it is loaded; one that another thread is just importing may have nothing in it yet.
    struct = getattr(sys.modules.get("msgspec"), "Struct", None)
    if struct is not None and isinstance(value, struct):
        return sys.modules["msgspec"].to_builtins(value, str_keys=True, enc_hook=within)
    if hasattr(type(value), "__pydantic_validator__") and hasattr(value, "model_dump"):
        more = {"fallback": within} if _takes_fallback(type(value).model_dump) else {}
        return value.model_dump(mode="json", by_alias=True, **more)
    return _NONE


@cache
def _takes_fallback(dump: Callable[..., Any]) -> bool:
    """Whether its release of pydantic (2.10 or later) asks what to write for a value that it does not know."""
    return "fallback" in inspect.signature(dump).parameters


def _in_order(members: set[Any] | frozenset[Any]) -> list[Any]:
    """The same set is written the same each time, where its members can be put into an order."""
    try:
        return sorted(members)
    except TypeError:
        return list(members)
