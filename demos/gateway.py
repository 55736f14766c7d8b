"""The front door of the demo shop: takes orders, and calls users, stock and payment to carry them out.

Run alone:  REDIS_URL=redis://localhost:6379/0 python demos/gateway.py   (with the other services beside it)
Ask it:     daebus-console request gateway place_order user_id=u-1 'items:=[{"sku": "tea-01", "quantity": 2}]'
"""

from __future__ import annotations

import itertools
import time
from typing import Any

from story import plant_in

from daebus import Daebus, DaebusCaller, RequestFailed, broadcast, logger, request, response

app = Daebus(__name__)

# Callers connect on first use: it does no harm to make them before Redis is up.
users = DaebusCaller("users")
stock = DaebusCaller("stock")
payment = DaebusCaller("payment")
notifier = DaebusCaller("notifier")

order_numbers = itertools.count(1001)


def publish_order(kind: str, order: dict[str, Any]) -> None:
    """Tell everybody on the channel `orders` what became of one."""
    broadcast.send("orders", {"type": kind, "at": time.time(), **order})


@app.action("place_order")
def place_order() -> Any:
    """Order `items` (each a `sku` and a `quantity`) for `user_id`, paid with `card`."""
    wanted = request.payload
    if not wanted.get("items"):
        return response.error("An order needs at least one item")
    order_id = f"o-{next(order_numbers)}"
    try:
        user = users.send_request("get_user", {"id": wanted.get("user_id")})
        reserved = stock.send_request("reserve", {"order_id": order_id, "items": wanted["items"]})
    except RequestFailed as error:
        return response.error(error)
    try:
        paid = payment.send_request(
            "charge",
            {"order_id": order_id, "amount_cents": reserved["total_cents"], "card": wanted.get("card")},
        )
    except RequestFailed as error:
        logger.warning("order %s not paid: %s", order_id, error)
        stock.send_request("release", {"order_id": order_id})
        return response.error(error)

    order = {
        "order_id": order_id,
        "user_id": user["id"],
        "items": wanted["items"],
        "total_cents": reserved["total_cents"],
    }
    publish_order("order_placed", order)
    notifier.send_message(
        "send_email",
        {"to": user["email"], "subject": f"Your order {order_id}, {user['name']}", "template": "order_placed"},
    )
    return response.send({**order, "ship_to": user["address"], "transaction": paid["transaction"]})


@app.action("cancel_order")
def cancel_order() -> Any:
    """Take `order_id` back: the goods to the shelves, the money to the customer (which takes seconds)."""
    order_id = request.payload["order_id"]
    released = stock.send_request("release", {"order_id": order_id})
    if not released["released"]:
        return response.error(f"No order {order_id} to cancel")
    refunded = payment.send_request("refund", {"order_id": order_id}, timeout=10)
    publish_order("order_cancelled", {"order_id": order_id})
    return response.send({"order_id": order_id, **refunded})


if __name__ == "__main__":
    plant_in(app, "gateway")
    app.run(service="gateway")
