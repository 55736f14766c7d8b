"""The shop's services answer, stream and broadcast as a believable shop does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from daebus import DaebusCaller, RequestFailed, RequestTimeout
from daebus_console.demo.demo import Demo
from tests.integration_demo.support import Tap
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("demo_shop")

CARD = {"brand": "Examplecard", "token": "tok_fake_1"}


@pytest.fixture(scope="module")
def shop() -> Iterator[Demo]:
    """All services, nobody ordering, no card declined."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAYMENT_FAILURE_RATE", "0")
        patch.setenv("DEMO_HEARTBEAT", "0.2")
        with Demo(client=False, seed="7") as demo:
            yield demo


@pytest.fixture
def ask(shop: Demo) -> Iterator[Any]:
    """ask(service, action, payload) -> the answer's payload."""
    callers: dict[str, DaebusCaller] = {}

    def ask(service: str, action: str, payload: dict[str, Any] | None = None, **options: Any) -> Any:
        if service not in callers:
            callers[service] = DaebusCaller(service, redis_url=shop.url)
        return callers[service].send_request(action, payload or {}, **options)

    yield ask
    for caller in callers.values():
        caller.close()


def order(sku: str = "mue-03", quantity: int = 2, user: str = "u-1") -> dict[str, Any]:
    return {"user_id": user, "items": [{"sku": sku, "quantity": quantity}], "card": CARD}


def test_an_order_goes_through_users_stock_and_payment(shop: Demo, ask: Any) -> None:
    with Tap(shop.url) as tap:
        answer = ask("gateway", "place_order", order())
        assert answer["total_cents"] == 2 * 590
        assert answer["ship_to"] == {"city": "Göteborg", "country": "SE"}

        # What the tap hears is read beside: an answer may be here before.
        [placed] = eventually(lambda: tap.requests("gateway", "place_order"))
        nested = [("users", "get_user"), ("stock", "reserve"), ("payment", "charge")]
        for service, action in nested:
            [call] = eventually(lambda service=service, action=action: tap.requests(service, action))  # type: ignore[misc]  # of this turn
            assert call["parent_id"] == placed["request_id"]
            assert call["service"] == "gateway"
        [event] = eventually(lambda: tap.on("orders"))
        assert (event["type"], event["order_id"]) == ("order_placed", answer["order_id"])
        [mail] = eventually(lambda: tap.requests("notifier", "send_email"))
        assert "reply_to" not in mail
        assert eventually(lambda: tap.on("stock_changed"))[0]["change"] == -2


def test_the_notifier_sends_the_mail_and_hears_the_events(ask: Any) -> None:
    order_id = ask("gateway", "place_order", order(user="u-3"))["order_id"]

    def mailed() -> bool:
        outbox = ask("notifier", "outbox")
        subjects = [mail["subject"] for mail in outbox["mails"] if mail["to"] == "lilei@example.com"]
        return f"Your order {order_id}, 李雷" in subjects and outbox["heard"]["orders"] >= 1

    eventually(mailed)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (order(user="u-404"), "No user 'u-404'"),
        (order(sku="nothing"), "No such article: nothing"),
        (order(sku="mug-05", quantity=500), "left of Mug"),
        ({"user_id": "u-1", "items": []}, "at least one item"),
    ],
)
def test_an_order_that_cannot_be_is_refused(ask: Any, payload: dict[str, Any], text: str) -> None:
    with pytest.raises(RequestFailed, match=text):
        ask("gateway", "place_order", payload)


def test_shelves_are_filled_again_before_they_are_empty(shop: Demo, ask: Any) -> None:
    with Tap(shop.url) as tap:
        for _order in range(6):
            ask("stock", "reserve", {"order_id": "test", "items": [{"sku": "tea-01", "quantity": 7}]})
        deliveries = eventually(lambda: [event for event in tap.on("stock_changed") if event["reason"] == "delivery"])
        assert deliveries[0]["sku"] == "tea-01"
    assert ask("stock", "check", {"skus": ["tea-01"]})["articles"]["tea-01"]["level"] >= 8


def test_a_cancelled_order_puts_the_goods_back_and_can_be_cancelled_once(ask: Any) -> None:
    order_id = ask("gateway", "place_order", order(sku="cof-02"))["order_id"]
    before = ask("stock", "check", {"skus": ["cof-02"]})["articles"]["cof-02"]["level"]
    assert ask("gateway", "cancel_order", {"order_id": order_id}, timeout=15)["refunded"] is True
    assert ask("stock", "check", {"skus": ["cof-02"]})["articles"]["cof-02"]["level"] == before + 2
    with pytest.raises(RequestFailed, match="to cancel"):
        ask("gateway", "cancel_order", {"order_id": order_id})


def test_a_refund_outlasts_an_impatient_caller(ask: Any) -> None:
    with pytest.raises(RequestTimeout):
        ask("payment", "refund", {"order_id": "o-1"}, timeout=0.3)


def test_a_report_streams_its_progress(shop: Demo, ask: Any) -> None:
    ask("gateway", "place_order", order(sku="cre-04", quantity=3))
    with DaebusCaller("reports", redis_url=shop.url) as reports:
        parts = list(reports.stream_request("sales_report", {"top": 10}, timeout=15))
    assert [part["progress"] for part in parts] == [0, 25, 50, 75, 100]
    assert parts[-1]["revenue_cents"] >= 3 * 1120
    assert "cre-04" in [article["sku"] for article in parts[-1]["best_sellers"]]


def test_reports_send_heartbeats(shop: Demo) -> None:
    with Tap(shop.url) as tap:
        beats = eventually(lambda: tap.on("monitoring"))
    assert beats[0]["type"] == "heartbeat"
    assert beats[0]["service"] == "reports"


def test_users_can_be_found_and_made(ask: Any) -> None:
    made = ask("users", "create_user", {"name": "小红", "email": "xh@example.com", "tags": ["test"]})
    assert ask("users", "get_user", {"id": made["id"]}) == made
    assert ask("users", "list_users", {"tag": "test"})["total"] == 1
    with pytest.raises(RequestFailed, match="name and an email"):
        ask("users", "create_user", {"name": "Nobody"})


def test_an_action_that_is_not_there_is_told_at_once(ask: Any) -> None:
    with pytest.raises(RequestFailed) as caught:
        ask("gateway", "apply_coupon", {"code": "SPRING-2"})
    assert caught.value.code == "unknown_action"
