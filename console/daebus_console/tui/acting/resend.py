"""An exchange as the command that would send it again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daebus_console.commands.grammar.template import template
from daebus_console.commands.terms.words import as_name
from daebus_console.engine import jsontext
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.text import clean, clean_json

LONGEST = 100_000
"""Signs of a payload that still make a sensible command line."""


class CannotResend(Exception):
    """There is no command for it; the text says why."""


def _payload_of(exchange: Exchange, redact: Callable[[bytes], bytes] = bytes) -> dict[str, Any]:
    """What the exchange was sent with. Raises CannotResend where it cannot be sent again."""
    message = exchange.request
    if message is None or exchange.kind is Kind.UNREADABLE:
        raise CannotResend("Only a request, a one-way message or a broadcast can be sent again")
    try:
        payload = wire.payload_of(redact(message.data), whole=message.whole)
    except wire.Unreadable as error:
        raise CannotResend(f"It cannot be read: {error}") from None
    if not isinstance(payload, dict):
        raise CannotResend("Its payload is no object")
    return payload


def as_command(exchange: Exchange, redact: Callable[[bytes], bytes] = bytes) -> str:
    """The line for the command pane. Raises CannotResend."""
    payload = _payload_of(exchange, redact)
    items = template(payload)
    if clean(items) != items:
        # What cannot be shown can be written as JSON has it, and only there.
        items = clean_json(jsontext.dumps(payload))
    if payload and not items:
        raise CannotResend("Its payload cannot be typed; keep it in a file and use @file.json")
    if len(items) > LONGEST:
        raise CannotResend(f"Its payload of {len(items):,} characters is too long for a command line; use @file.json")
    verb = {Kind.REQUEST: "request", Kind.ONE_WAY: "send"}.get(exchange.kind, "broadcast")
    names = [exchange.target or ""] + ([exchange.action or ""] if verb != "broadcast" else [])
    typed = [as_name(names[0]), *(as_name(action, action=True) for action in names[1:])]
    return " ".join([verb, *typed, *([items] if items else [])])
