"""What is held, as a row: who asked, and whether it still waits; and on which rows and names signs of rules stand."""

from __future__ import annotations

import pytest

from daebus_console.engine.holding.desk import Desk, Held
from daebus_console.engine.holding.report import Hold, read_report
from daebus_console.engine.holding.rule import Rule
from daebus_console.tui.rows.holding import Signs, held_row
from daebus_console.tui.rows.lines import text_of
from tests.console.tui.rows.test_rows import exchange


@pytest.mark.parametrize(
    ("sender", "width", "told"),
    [
        ("gateway", 79, "gateway waits on"),
        ("a-gateway-of-a-long-name", 79, "waits on"),
        ("a-gateway-of-a-long-name", 160, "a-gateway-of-a-long-name waits on"),
    ],
)
def test_who_asked_is_told_where_both_have_room(sender: str, width: int, told: str) -> None:
    hold = Hold("payment", "i", "h", "request", "refund", "me", "r", 0.0, 300.0, waits=True, sender=sender)
    row = text_of(held_row(Held(1, [hold]), width, 5.0, {}, "me"))
    assert row.endswith(f"  {told}")
    assert len(row) <= width


@pytest.mark.parametrize(
    ("rule", "on"),
    [
        (Rule("1", action="place"), {"orders.place", "place"}),
        (Rule("1", "answer"), {"orders.place", "place", "ping"}),
        (Rule("1", action="p[il]*"), set()),
        # What is heard, or called, is none of the service's own actions.
        (Rule("1", "event"), {"paid"}),
        (Rule("1", "event", channel="pai?"), {"paid"}),
        (Rule("1", "call"), {"payment.ping", "stock.ping"}),
        (Rule("1", "call", to="pay*"), {"payment.ping"}),
        (Rule("1", "call", action="place"), set()),
    ],
)
def test_signs_stand_where_the_rules_of_a_service_meet_something(rule: Rule, on: set[str]) -> None:
    desk = Desk("me")
    desk.add("orders", rule)
    signs = Signs(desk)

    def asked(service: str, action: str, by: str) -> str:
        told = {"action": action, "payload": {}, "request_id": "1", "reply_to": "caller:1", "service": by}
        return signs.of(exchange((1.0, service, told)))

    found = {f"{to}.ping": asked(to, "ping", "orders") for to in ("payment", "stock")}
    found |= {"orders.place": asked("orders", "place", "web"), "paid": signs.of(exchange((1.0, "paid", {"id": 1})))}
    found |= {action: signs.of_action("orders", action) for action in ("place", "ping")}
    assert {name for name, sign in found.items() if sign} == on
    assert signs.of_service("orders") == "◉"
    assert not signs.of_service("payment")


def test_steps_of_others_leave_no_signs() -> None:
    told = {"owner": "bob", "rules": [{"id": "s", "place": "answer", "message": "7", "hold": True, "once": True}]}
    desk = Desk("me")
    desk.take(read_report("orders", "i", {"held": [], "rules": [told]}, 1.0))
    assert len(desk.known()) == 1
    assert not Signs(desk).of_action("orders", "place")
