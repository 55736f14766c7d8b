"""The customer who keeps ordering: shows every kind of exchange, and the same ones for the same seed."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.demo.demo import Demo
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.session import Session
from tests.integration_demo.support import Tap
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

ORDERS = 9
FAST = 60.0


def answer_to(request: dict[str, Any], tap: Tap) -> dict[str, Any]:
    """The final response to a request, once it is there."""
    answer = eventually(lambda: tap.answer(request))
    assert answer is not None
    return answer


def a_run(seed: str, url: str) -> dict[str, Any]:
    """What a seeded customer asked for in a run, and how it ended."""
    with Tap(url) as tap, Demo(url, seed=seed, rate=FAST):
        eventually(lambda: len(tap.requests("gateway", "place_order")) > ORDERS, within=60, what="orders")
        orders = tap.requests("gateway", "place_order")[:ORDERS]
        answers = [answer_to(request, tap) for request in orders]
        eventually(lambda: len(tap.requests("gateway", "apply_coupon")) >= 2, within=60, what="coupons")
        return {
            "orders": [request["payload"] for request in orders],
            "outcomes": [(answer["status"], answer["payload"].get("order_id")) for answer in answers],
            "coupons": [request["payload"] for request in tap.requests("gateway", "apply_coupon")[:2]],
        }


def test_the_same_seed_does_the_same_and_another_does_not(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYMENT_FAILURE_RATE", "0.3")
    first, second, other = (a_run(seed, own_redis.url) for seed in ("one", "one", "two"))
    assert first == second
    assert other["orders"] != first["orders"]
    assert {status for status, _order in first["outcomes"]} == {"success", "error"}


def test_the_customer_shows_every_kind_of_exchange(own_redis: RedisServer) -> None:
    with (
        Session(own_redis.url) as session,
        Tap(own_redis.url) as tap,
        Demo(own_redis.url, seed="4", rate=FAST) as demo,
    ):

        def seen() -> bool:
            assert tap.requests("users", "create_user"), "sign-up"
            assert tap.requests("stock", "check"), "a look at the shelves"
            assert tap.requests("notifier", "send_email"), "one-way"
            assert tap.on("orders"), "broadcast"
            refused = [tap.answer(coupon) for coupon in tap.requests("gateway", "apply_coupon")]
            assert refused, "unknown action"
            assert refused[0] is not None
            assert refused[0]["payload"]["code"] == "unknown_action"
            parts = [body for _where, body in list(tap.messages) if body.get("final") is False]
            assert parts, "progress"
            impatient = [body for body in tap.requests("payment", "refund") if body.get("timeout", 9) < 1]
            assert impatient, "a refund with too little time"
            return True

        eventually(seen, within=60)
        tokens = {order["payload"]["card"]["token"] for order in tap.requests("gateway", "place_order")}
        assert all(token.startswith("tok_fake_") for token in tokens)
        assert demo.casualties() == []
        with session.lock:
            session.findings.finish()
            found = list(session.findings.book)
        # What goes wrong there on purpose is told to who asked: no fault, and no warning.
        assert [finding for finding in found if finding.severity > Severity.INFO] == []
        assert "unknown-action" in {finding.rule for finding in found}
