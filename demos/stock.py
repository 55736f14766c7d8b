"""What the demo shop has on its shelves. Says on the channel `stock_changed` whenever that changes.

Run alone:  REDIS_URL=redis://localhost:6379/0 python demos/stock.py
Ask it:     daebus-console request stock check 'skus:=["tea-01"]'
"""

from __future__ import annotations

import threading
from typing import Any

from daebus import Daebus, broadcast, logger, request, response

app = Daebus(__name__)

ARTICLES: dict[str, dict[str, Any]] = {
    "tea-01": {"title": "抹茶 (matcha), 80 g", "price_cents": 1890, "level": 40},
    "cof-02": {"title": "Kávé, dark roast, 1 kg", "price_cents": 2450, "level": 60},
    "mue-03": {"title": "Müsli mit Nüssen, 500 g", "price_cents": 590, "level": 80},
    "cre-04": {"title": "Crème brûlée, 4 pieces", "price_cents": 1120, "level": 24},
    "mug-05": {"title": "Mug “Good morning ☀”", "price_cents": 1400, "level": 30},
}
REORDER_BELOW = 8
DELIVERY = 40

reservations: dict[str, list[dict[str, Any]]] = {}
shelves = threading.Lock()


def announce(sku: str, change: int, reason: str) -> None:
    """Tell whoever listens that the level of one article is another now."""
    level = ARTICLES[sku]["level"]
    broadcast.send("stock_changed", {"sku": sku, "level": level, "change": change, "reason": reason})


def move(sku: str, change: int, reason: str) -> None:
    """Put `change` pieces on the shelf (or take them off), and order a delivery where few are left."""
    ARTICLES[sku]["level"] += change
    announce(sku, change, reason)
    if ARTICLES[sku]["level"] < REORDER_BELOW:
        logger.info("few left of %s: a delivery of %d arrives", sku, DELIVERY)
        ARTICLES[sku]["level"] += DELIVERY
        announce(sku, DELIVERY, "delivery")


@app.action("check")
def check() -> Any:
    """Levels and prices of the articles in `skus` (all without it)."""
    skus = request.payload.get("skus") or sorted(ARTICLES)
    unknown = [sku for sku in skus if sku not in ARTICLES]
    if unknown:
        return response.error(f"No such article: {', '.join(map(str, unknown))}")
    return response.send({"articles": {sku: ARTICLES[sku] for sku in skus}})


@app.action("reserve")
def reserve() -> Any:
    """Set `items` (each a `sku` and a `quantity`) aside for `order_id`: all of them, or none."""
    order_id, items = request.payload["order_id"], request.payload["items"]
    with shelves:
        for item in items:
            article = ARTICLES.get(item["sku"])
            if article is None:
                return response.error(f"No such article: {item['sku']}")
            if article["level"] < item["quantity"]:
                return response.error(f"Only {article['level']} left of {article['title']}, not {item['quantity']}")
        for item in items:
            move(item["sku"], -item["quantity"], "reserved")
        reservations[order_id] = items
    total = sum(ARTICLES[item["sku"]]["price_cents"] * item["quantity"] for item in items)
    return response.send({"order_id": order_id, "total_cents": total, "currency": "EUR"})


@app.action("release")
def release() -> Any:
    """Put what was set aside for `order_id` back on the shelves."""
    with shelves:
        items = reservations.pop(request.payload["order_id"], [])
        for item in items:
            move(item["sku"], item["quantity"], "released")
    return response.send({"released": len(items)})


if __name__ == "__main__":
    app.run(service="stock")
