"""A shop's traffic by hand, always the same and at the same times: what golden screens are drawn from."""

from __future__ import annotations

import calendar
import json
from typing import Any

from daebus_console.engine.session import Session
from tests.console.tui.support import fed

NOON = float(calendar.timegm((2026, 3, 4, 12, 0, 0)))
"""Epoch seconds at which the clock of the scene stands (in UTC)."""


def scene() -> Session:
    """Orders through three services: answered, failed, streaming, waiting, late, and what nobody can read."""
    session = fed(NOON)

    def say(ago: float, channel: str, message: Any) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        session.on_batch(NOON - ago, [(channel, data)])

    def ask(ago: float, number: str, source: str, target: str, action: str, payload: Any, **more: Any) -> None:
        message = {"action": action, "payload": payload, "request_id": number, "service": source}
        say(ago, target, {**message, "reply_to": f"caller:{source}", **more})

    def tell(ago: float, number: str, source: str, payload: Any, status: str = "success", **more: Any) -> None:
        say(ago, f"caller:{source}", {"status": status, "payload": payload, "request_id": number, **more})

    for order in range(6):
        ago = 40.0 - order * 5
        ask(ago, f"o{order}", "gateway", "users", "get_user", {"id": order})
        tell(ago - 0.012, f"o{order}", "gateway", {"name": "Ann", "id": order, "tags": ["new", "vip"]})
        ask(
            ago - 0.02,
            f"p{order}",
            "gateway",
            "payment",
            "charge",
            {"order": order, "cents": 1250},
            parent_id=f"o{order}",
        )
        if order % 3 == 2:
            tell(ago - 0.4, f"p{order}", "gateway", {"error": "card refused", "code": "refused"}, "error")
        else:
            tell(ago - 0.09 - order / 100, f"p{order}", "gateway", {"paid": True})
        say(ago - 1, "orders", {"event": "placed", "order": order})
    ask(8.0, "r1", "gateway", "reports", "render", {"month": "2026-02"})
    for part in (20, 60):
        tell(8.0 - part / 20, "r1", "gateway", {"percent": part, "of": "all"}, final=False)
    say(4.0, "orders.responses", b'{"status": \xff no json')
    ask(2.0, "u9", "gateway", "users", "get_user", {"id": 9})
    session.on_down(NOON - 1.5, "Connection refused")
    session.on_up(NOON - 1.0)
    ask(0.5, "u10", "gateway", "users", "get_user", {"id": 10})
    tell(0.45, "u10", "gateway", {"name": "Bob", "id": 10, "tags": []})
    return session
