"""Mails of the demo shop: listens to `orders` and `stock_changed`, and takes one-way `send_email` messages.

Run alone:  REDIS_URL=redis://localhost:6379/0 python demos/notifier.py
Ask it:     daebus-console send notifier send_email to=ann@example.com subject=Hello
            daebus-console request notifier outbox
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from story import plant_in

from daebus import Daebus, logger, request, response

app = Daebus(__name__)

sent: deque[dict[str, Any]] = deque(maxlen=100)
seen: Counter[str] = Counter()


@app.action("send_email")
def send_email() -> None:
    """Send a mail `to` somebody with a `subject` (here: remember it). One-way, so nobody waits for an answer."""
    mail = request.payload
    sent.append({"to": mail.get("to"), "subject": mail.get("subject")})
    logger.info("mail to %s: %s", mail.get("to"), mail.get("subject"))


@app.action("outbox")
def outbox() -> Any:
    """The last mails sent (at most 100), newest first, and how many events were heard on which channel."""
    return response.send({"mails": list(reversed(sent)), "heard": dict(seen)})


@app.listen("orders")
def on_order(event: dict[str, Any]) -> None:
    """Every order that was placed or cancelled."""
    seen["orders"] += 1
    logger.info("order %s: %s", event.get("order_id"), event.get("type"))


@app.listen("stock_changed")
def on_stock_changed(event: dict[str, Any]) -> None:
    """Every change of a shelf; deliveries are worth a line."""
    seen["stock_changed"] += 1
    if event.get("reason") == "delivery":
        logger.info("delivery: %s is at %s again", event.get("sku"), event.get("level"))


if __name__ == "__main__":
    plant_in(app, "notifier")
    app.run(service="notifier")
