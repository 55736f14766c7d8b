"""What a request has to do with a key that its handler did not find. Pure."""

from __future__ import annotations

import ast

from daebus_console.engine.filter.writing import field
from daebus_console.engine.findings import payloads
from daebus_console.engine.findings.words import near, quoted
from daebus_console.engine.message.exchange import Exchange
from daebus_console.text import clean

_LONGEST_NAME = 60


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
        meant = near(key, (name for name in payload if len(name) <= _LONGEST_NAME))
        if meant is not None:
            has = f"#{exchange.number} has the field {quoted(meant)}, and none that is called {quoted(key)}"
            return has, f"write {quoted(key)} where {quoted(meant)} is sent"
    for name, value in payload.items():
        if type(value) is type(key) and value == key:
            return f"the key that is missing is {clean(field((name,)))} of #{exchange.number}", ""
    return "", ""
