"""How much goes into the clipboard of a terminal. Pure."""

from __future__ import annotations

from daebus_console.render import size

MOST = 750_000
"""Bytes. As a terminal is told them they are a megabyte; what is longer tmux, for one, leaves out without a word."""


def too_long(text: str) -> str | None:
    """What to say of a text that a terminal may not take; None of one that it takes."""
    length = len(text.encode("utf-8", "backslashreplace"))
    return f"{size(length)} is more than a terminal takes into its clipboard" if length > MOST else None
