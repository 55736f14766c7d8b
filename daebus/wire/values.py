"""Values that JSON has no form for, and that people put into payloads all the same: what is written for them. Pure.

Dates and times are written as ISO 8601 has them, a Decimal with all its digits, as a text; models as their fields.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

Default = Callable[[Any], Any]
"""Given a value that JSON has no form for, returns one to write in its place. Raises TypeError where there is none."""


def plain(value: Any) -> Any:
    """What is written for a value of a common type. Raises TypeError for any other."""
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
    return _modelled(value)


def _modelled(value: Any) -> Any:
    """What is written for a Struct of msgspec or a model of pydantic. None is there but where its library is loaded."""
    # One that another thread is just importing may have nothing in it yet.
    struct = getattr(sys.modules.get("msgspec"), "Struct", None)
    if struct is not None and isinstance(value, struct):
        return sys.modules["msgspec"].to_builtins(value, str_keys=True, enc_hook=plain)
    if hasattr(type(value), "__pydantic_validator__") and hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def plain_or(others: Default) -> Default:
    """`plain`, and for what it does not know `others`."""

    def written(value: Any) -> Any:
        try:
            return plain(value)
        except TypeError:
            return others(value)

    return written


def _in_order(members: set[Any] | frozenset[Any]) -> list[Any]:
    """The same set is written the same each time, where its members can be put into an order."""
    try:
        return sorted(members)
    except TypeError:
        return list(members)
