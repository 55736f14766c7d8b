"""What is remembered of much that passes: the latest so many."""

from __future__ import annotations

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def remember(those: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Put it to those; of more than `most` the one goes that came first."""
    those[key] = value
    if len(those) > most:
        del those[next(iter(those))]
