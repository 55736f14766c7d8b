"""What others are told of an exception: without the passwords of the URLs that it names."""

from __future__ import annotations

import traceback

from daebus.errors import said_by
from daebus.masking import without_passwords


def said(error: BaseException) -> str:
    """What it says, whatever its own code does; empty where it says nothing, or fails to."""
    return without_passwords(said_by(error))


def trace_of(error: BaseException, limit: int | None = None) -> str | None:
    """Its traceback, of so many frames as `traceback.format_exception` takes it; None where that cannot be had."""
    try:
        return without_passwords("".join(traceback.format_exception(error, limit=limit)))
    except BaseException:  # noqa: BLE001 - the code of the exception itself may run, and raise
        return None
