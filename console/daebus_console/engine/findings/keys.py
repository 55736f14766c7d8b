"""What a message has to do with a name that is looked for in it, and not found. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from daebus_console.engine.filter.writing import field
from daebus_console.engine.findings import payloads
from daebus_console.engine.findings.words import near, quoted
from daebus_console.engine.message.exchange import Exchange
from daebus_console.text import clean

_LONGEST_NAME = 60


class Slip(NamedTuple):
    """A field that is there by a name much like the one that is looked for."""

    meant: str
    has: str
    lacks: str
    advice: str

    @property
    def because(self) -> str:
        """What the message has, and what it lacks."""
        return f"{self.has}, {self.lacks}"


def slip(name: str, fields: Iterable[str], number: int) -> Slip | None:
    """The field of the message #`number` that was to be called so, where there is hardly a doubt; else None."""
    meant = near(name, (one for one in fields if len(one) <= _LONGEST_NAME))
    if meant is None:
        return None
    return Slip(
        meant,
        f"#{number} has the field {quoted(meant)}",
        f"and none that is called {quoted(name)}",
        f"write {quoted(name)} where {quoted(meant)} is sent",
    )


def missing_key(kind: str, error: str, exchange: Exchange) -> tuple[str, str]:
    """What the request has to do with a key that was not found, and what to write where that is a slip; else empty."""
    payload = payloads.value(exchange.opened.data)
    if kind != "KeyError" or not isinstance(payload, dict):
        return "", ""
    try:
        key = ast.literal_eval(error)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return "", ""
    if isinstance(key, str) and key not in payload and len(key) <= _LONGEST_NAME:
        found = slip(key, payload, exchange.number)
        if found is not None:
            return found.because, found.advice
    for name, value in payload.items():
        if type(value) is type(key) and value == key:
            return f"the key that is missing is {clean(field((name,)))} of #{exchange.number}", ""
    return "", ""
