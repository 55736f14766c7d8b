"""How large a message may be, in bytes.

A message that is larger than the output buffer that Redis keeps for a subscriber costs every subscriber of its channel
its connection, and Redis still says that they got it. So whoever sends must not send such a one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from daebus.errors import ConfigurationError, PayloadError

from . import checks

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes of a message, where nothing else is said. With the defaults of Redis 28.0 MiB are the most that arrives."""
VARIABLE = "DAEBUS_MAX_MESSAGE"
"""The environment variable that says something else."""


def resolve_max_message(given: int | None = None, environ: Mapping[str, str] | None = None) -> int:
    """The limit to use: the one given, else the environment's, else MAX_MESSAGE. Raises ConfigurationError."""
    if given is not None:
        return checks.whole(given, "max_message", sys.maxsize)
    text = (os.environ if environ is None else environ).get(VARIABLE)
    if not text:
        return MAX_MESSAGE
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) > 0):
        raise ConfigurationError(f"{VARIABLE} must be a whole number of bytes, at least 1, not {checks.shown(text)}")
    return int(text)


def sized(data: bytes, limit: int) -> bytes:
    """The message as it is. Raises PayloadError where it is too large."""
    if len(data) > limit:
        raise PayloadError(f"the message is too large: {len(data):,} bytes, and max_message is {limit:,}")
    return data
