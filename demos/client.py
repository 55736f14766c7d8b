"""A customer who keeps ordering from the demo shop, and does some things that go wrong. A plain script: no app.

Run alone:  REDIS_URL=redis://localhost:6379/0 python demos/client.py   (with the shop's services running)

DEMO_RATE is the number of orders a second (3); with DEMO_SEED it does the same things in the same order each time.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from daebus import DaebusCaller, DaebusError

RATE = float(os.environ.get("DEMO_RATE", "3"))
SKUS = ["tea-01", "cof-02", "mue-03", "cre-04", "mug-05"]
NOTES = ["", "", "Please ring twice.", "Für Oma 🎁", "deixe na portaria, obrigado", "送货前请打电话"]
PATIENCE_SECONDS = 0.5  # too short for a refund, on purpose

gateway = DaebusCaller("gateway")
stock = DaebusCaller("stock")
users = DaebusCaller("users")
payment = DaebusCaller("payment")
reports = DaebusCaller("reports")

placed: list[str] = []


def an_order(dice: random.Random) -> dict[str, Any]:
    """What a customer puts into the basket: mostly sensible, now and then too much or for nobody."""
    user_id = "u-404" if dice.random() < 0.03 else f"u-{dice.randint(1, 5)}"
    skus = dice.sample(SKUS, dice.randint(1, 3))
    items = [{"sku": sku, "quantity": dice.choice([1, 1, 1, 2, 3])} for sku in skus]
    if dice.random() < 0.03:
        items[0]["quantity"] = 500
    return {
        "user_id": user_id,
        "items": items,
        "card": {"brand": "Examplecard", "token": f"tok_fake_{dice.randrange(10**8):08d}"},
        "note": dice.choice(NOTES),
    }


def place_order(order: dict[str, Any]) -> str:
    answer = gateway.send_request("place_order", order)
    placed.append(answer["order_id"])
    return f"{answer['order_id']} for {answer['total_cents'] / 100:.2f} EUR"


def look_at_shelves() -> str:
    articles = stock.send_request("check", {})["articles"]
    return f"{len(articles)} articles"


def use_a_coupon() -> str:
    """The gateway has no such action (yet): an error."""
    return str(gateway.send_request("apply_coupon", {"code": "SPRING-2"}))


def sign_up(name: str) -> str:
    return str(users.send_request("create_user", {"name": name, "email": "new@example.com", "tags": ["demo"]})["id"])


def follow_a_report() -> str:
    parts = list(reports.stream_request("sales_report", {"top": 3}, timeout=10))
    return f"{len(parts)} parts, {parts[-1]['orders']} orders"


def ask_impatiently(order_id: str) -> str:
    """Ask for a refund and do not wait long enough: a timeout."""
    return str(payment.send_request("refund", {"order_id": order_id}, timeout=PATIENCE_SECONDS))


def cancel(order_id: str) -> str:
    return str(gateway.send_request("cancel_order", {"order_id": order_id}, timeout=8))


def attempt(task: Callable[..., str], *arguments: Any) -> None:
    """Do one thing and print how it went; the next thing does not depend on it."""
    try:
        outcome = task(*arguments)
    except DaebusError as error:
        outcome = f"{type(error).__name__}: {error}"
    print(f"{task.__name__}: {outcome}", flush=True)


def aside(task: Callable[..., str], *arguments: Any) -> None:
    """Do something slow beside the ordering."""
    threading.Thread(target=attempt, args=(task, *arguments), daemon=True).start()


def step(number: int, dice: random.Random) -> None:
    """Place one order, and every few orders do something else as well."""
    attempt(place_order, an_order(dice))
    if number % 5 == 2:
        attempt(look_at_shelves)
    if number % 8 == 4:
        attempt(use_a_coupon)
    if number % 15 == 6:
        aside(follow_a_report)
    if number % 20 == 9 and placed:
        aside(ask_impatiently, dice.choice(placed))
    if number % 30 == 19 and placed:
        aside(cancel, placed.pop(dice.randrange(len(placed))))
    if number % 40 == 29:
        attempt(sign_up, dice.choice(["Åse Bø", "Núria Solé", "小红"]))


def main() -> None:
    dice = random.Random(os.environ.get("DEMO_SEED"))
    number = 0
    while True:
        step(number, dice)
        number += 1
        time.sleep(min(dice.expovariate(RATE), 3 / RATE))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
