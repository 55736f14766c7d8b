"""What the demo shop has on its shelves. Says on the channel `stock_changed` whenever that changes.

Its handlers are typed: what they take stands in their signatures, and `daebus-console describe stock` shows it.

Run alone:  REDIS_URL=redis://localhost:6379/0 python demos/stock.py
Ask it:     daebus-console request stock check 'skus:=["tea-01"]'
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from daebus import Daebus, broadcast, logger, response

app = Daebus(__name__)


@dataclass
class Line:
    """So many pieces of an article."""

    sku: str
    quantity: int


@dataclass
class Reservation:
    """What was set aside, and what it costs."""

    order_id: str
    total_cents: int
    currency: str = "EUR"


ARTICLES: dict[str, dict[str, Any]] = {
    "tea-01": {"title": "抹茶 (matcha), 80 g", "price_cents": 1890, "level": 40},
    "cof-02": {"title": "Kávé, dark roast, 1 kg", "price_cents": 2450, "level": 60},
    "mue-03": {"title": "Müsli mit Nüssen, 500 g", "price_cents": 590, "level": 80},
    "cre-04": {"title": "Crème brûlée, 4 pieces", "price_cents": 1120, "level": 24},
    "mug-05": {"title": "Mug “Good morning ☀”", "price_cents": 1400, "level": 30},
}
REORDER_BELOW = 8
DELIVERY = 40

reservations: dict[str, list[Line]] = {}
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
def check(skus: list[str] | None = None) -> Any:
    """Levels and prices of the articles in `skus` (all without it)."""
    wanted = skus or sorted(ARTICLES)
    unknown = [sku for sku in wanted if sku not in ARTICLES]
    if unknown:
        return response.error(f"No such article: {', '.join(unknown)}")
    return response.send({"articles": {sku: ARTICLES[sku] for sku in wanted}})


@app.action("reserve")
def reserve(order_id: str, items: list[Line]) -> Reservation | None:
    """Set `items` aside for `order_id`: all of them, or none."""
    with shelves:
        for item in items:
            article = ARTICLES.get(item.sku)
            if article is None:
                response.error(f"No such article: {item.sku}")
                return None
            if article["level"] < item.quantity:
                response.error(f"Only {article['level']} left of {article['title']}, not {item.quantity}")
                return None
        for item in items:
            move(item.sku, -item.quantity, "reserved")
        reservations[order_id] = items
    return Reservation(order_id, sum(ARTICLES[item.sku]["price_cents"] * item.quantity for item in items))


@app.action("release")
def release(order_id: str) -> dict[str, int]:
    """Put what was set aside for `order_id` back on the shelves."""
    with shelves:
        items = reservations.pop(order_id, [])
        for item in items:
            move(item.sku, item.quantity, "released")
    return {"released": len(items)}


if __name__ == "__main__":
    app.run(service="stock")
