"""Payments of the demo shop: a charge that is declined now and then, and a refund that takes its time.

They wait for the bank, so they are async: any number of them at once, and no thread each.

Run alone:  REDIS_URL=redis://localhost:6379/0 PAYMENT_FAILURE_RATE=0.5 python demos/payment.py
Ask it:     daebus-console request payment charge order_id=o-1 amount_cents:=1200

PAYMENT_FAILURE_RATE (0 to 1) is the share of charges declined; DEMO_SEED makes the same ones fail each time.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

from story import plant_in

from daebus import Daebus, request, response

app = Daebus(__name__)

SEED = os.environ.get("DEMO_SEED") or os.urandom(8).hex()
FAILURE_RATE = float(os.environ.get("PAYMENT_FAILURE_RATE", "0.1"))


class CardDeclined(Exception):
    """The bank said no."""


def chance(order_id: str) -> random.Random:
    """Dice of one order: what happens to it does not depend on what is being paid beside it."""
    return random.Random(f"{SEED}/{order_id}")


@app.action("charge")
async def charge() -> Any:
    """Take `amount_cents` for `order_id`. Raises CardDeclined, which the caller gets as an error."""
    order_id, amount = str(request.payload["order_id"]), request.payload["amount_cents"]
    dice = chance(order_id)
    await asyncio.sleep(dice.uniform(0.01, 0.08))  # the bank thinks
    if dice.random() < FAILURE_RATE:
        raise CardDeclined(f"The card was declined for order {order_id}")
    return response.send(
        {
            "transaction": f"tx-{dice.randrange(16**8):08x}",
            "order_id": order_id,
            "amount_cents": amount,
            "fee_cents": round(amount * 0.014) + 25,
        }
    )


@app.action("refund")
async def refund() -> Any:
    """Give the money of `order_id` back. Slow: two to three seconds, as banks are."""
    order_id = str(request.payload["order_id"])
    await asyncio.sleep(chance(order_id).uniform(2.0, 3.0))
    return response.send({"order_id": order_id, "refunded": True})


if __name__ == "__main__":
    plant_in(app, "payment")
    app.run(service="payment")
