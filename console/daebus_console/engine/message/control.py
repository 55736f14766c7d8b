"""What the console asks the instances of a service over its control channel, and who may answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Flag

NAME = "daebus-console"
"""Who asks, as services see it."""
WITHIN = 5.0
"""Seconds after which an answer is of no use any more."""


def control_request(action: str, reply_to: str, request_id: str, payload: Mapping[str, Any] | None = None) -> bytes:
    """A request for the control channel of a service; each instance answers on `reply_to`.

    Of what in the payload knows its text, that is what is sent.
    """
    asked = {"action": action, "payload": dict(payload or {}), "reply_to": reply_to, "request_id": request_id}
    return jsontext.dumps({**asked, "service": NAME, "timeout": WITHIN}, ascii_only=True).encode()


def speaks_for(data: bytes, service: str | None) -> bool:
    """Whether an answer on the control channel of that service tells of it: it may name no other."""
    try:
        named = wire.read(data).service
    except wire.Unreadable:
        return False
    return all(name is None or name == service for name in (named, wire.told_in(data).get("service")))


def is_release(exchange: Exchange) -> bool:
    """Whether somebody asked a service to let go what it holds."""
    return bool(exchange.flags & Flag.CONTROL) and exchange.action == "release"
