"""What the console asks the instances of a service over its control channel. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daebus_console.engine import jsontext

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
