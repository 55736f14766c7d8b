"""Reports of the demo shop: a streaming job that tells its progress, and a heartbeat to `monitoring`.

Run alone:  REDIS_URL=redis://localhost:6379/0 python demos/reports.py
Ask it:     daebus-console request reports sales_report
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from daebus import Daebus, broadcast, direct_logger, request

app = Daebus(__name__)

STAGES = ["reading orders", "grouping by article", "summing up", "drawing charts"]
STAGE_SECONDS = 0.25
HEARTBEAT_SECONDS = float(os.environ.get("DEMO_HEARTBEAT", "2"))

started = time.time()
orders: list[dict[str, Any]] = []


@app.listen("orders")
def on_order(event: dict[str, Any]) -> None:
    """Remember what was sold."""
    if event.get("type") == "order_placed":
        orders.append(event)
        del orders[:-10_000]


@app.action("sales_report")
def sales_report() -> Iterator[dict[str, Any]]:
    """What was sold so far, with a progress message for each stage. `top` says how many best sellers."""
    top = int(request.payload.get("top", 3))
    for number, stage in enumerate(STAGES):
        yield {"progress": 100 * number // len(STAGES), "stage": stage}
        time.sleep(STAGE_SECONDS)
    known = list(orders)
    sold: Counter[str] = Counter()
    for order in known:
        for item in order["items"]:
            sold[item["sku"]] += item["quantity"]
    yield {
        "progress": 100,
        "orders": len(known),
        "revenue_cents": sum(order["total_cents"] for order in known),
        "best_sellers": [{"sku": sku, "quantity": quantity} for sku, quantity in sold.most_common(top)],
    }


@app.background("heartbeat", HEARTBEAT_SECONDS)
def heartbeat() -> None:
    """A sign of life for whoever watches the channel `monitoring`."""
    listeners = broadcast.send(
        "monitoring",
        {
            "type": "heartbeat",
            "service": "reports",
            "uptime": round(time.time() - started, 1),
            "orders_known": len(orders),
        },
    )
    direct_logger.debug("heartbeat heard by %s", listeners)


if __name__ == "__main__":
    app.run(service="reports")
