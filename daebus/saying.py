"""What others are told: of an exception, without the passwords of the URLs that it names; and what there is."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

from daebus.errors import said_by
from daebus.masking import without_passwords

_LISTED = 20


def listed(names: Iterable[str]) -> str:
    """What one can choose from, in order; of many the first, and how many more there are."""
    found = sorted(names)
    more = len(found) - _LISTED
    return f"{', '.join(found[:_LISTED]) or 'none'}{f', and {more} more' if more > 0 else ''}"


def said(error: BaseException) -> str:
    """What it says, whatever its own code does; empty where it says nothing, or fails to."""
    return without_passwords(said_by(error))


def trace_of(error: BaseException, limit: int | None = None) -> str | None:
    """Its traceback, of so many frames as `traceback.format_exception` takes it; None where that cannot be had."""
    try:
        return without_passwords("".join(traceback.format_exception(error, limit=limit)))
    except BaseException:  # noqa: BLE001 - the code of the exception itself may run, and raise
        return None
