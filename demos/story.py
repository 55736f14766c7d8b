"""The story of the demo shop: four bugs that come and go, for whoever learns to find them with the console.

`daebus-console demo --story` has them planted. Without it DEMO_STORY is not set, and the shop has none of them.

DEMO_STORY is when the story begins, in epoch seconds. Each bug has a chapter of DEMO_CHAPTER seconds (60): it is there
for three quarters of it, then comes a pause. After the last bug comes the first again.
"""

from __future__ import annotations

import itertools
import os
import time
from typing import Any

from daebus import Daebus, DaebusCaller, RequestFailed, logger, request

BEGINS = float(os.environ["DEMO_STORY"]) if os.environ.get("DEMO_STORY") else None
CHAPTER_SECONDS = float(os.environ.get("DEMO_CHAPTER", "60"))
CHAPTERS = ("no card", "same again", "text for a number", "misspelled")
SHARE = 0.75

stock = DaebusCaller("stock")
payment = DaebusCaller("payment")
notifier = DaebusCaller("notifier")
orders = itertools.count(1)

CARDS = {"u-1": "gold", "u-2": "silver", "u-4": "silver"}
SHELVES = ("tea", "coffee", "müsli", "desserts", "mugs")


def is_time_for(chapter: str) -> bool:
    """Whether the bug of that chapter is there just now."""
    if BEGINS is None:
        return False
    chapters = (time.time() - BEGINS) / CHAPTER_SECONDS
    return CHAPTERS[int(chapters) % len(CHAPTERS)] == chapter and chapters % 1 < SHARE


def plant_in(app: Daebus, service: str) -> None:
    """Give that service of the shop its part of the bugs; nothing without DEMO_STORY."""
    if BEGINS is not None:
        PARTS[service](app)


def in_notifier(app: Daebus) -> None:
    """Chapter 1 is here, and what chapter 4 means and does not call."""
    app.listen("orders")(count_points)
    app.action("send_receipt")(send_receipt)


def in_payment(app: Daebus) -> None:
    """Where chapter 3 comes to light."""
    app.action("take_tip")(take_tip)


def in_gateway(app: Daebus) -> None:
    """Chapters 2, 3 and 4, before each order is carried out."""
    app.before_request(before_an_order)


def count_points(order: dict[str, Any]) -> None:
    """Chapter 1, `no card`: a listener that raises for some customers. Nobody waits for it, so nobody is told."""
    if is_time_for("no card") and order.get("type") == "order_placed":
        card = CARDS[order["user_id"]]  # the bug: not every customer has one
        logger.info("points for a %s card", card)


def before_an_order() -> None:
    """What the gateway does in the other chapters."""
    if request.action != "place_order":
        return
    if is_time_for("same again"):
        look_at_each_shelf()
    if is_time_for("text for a number"):
        tip_the_driver()
    if is_time_for("misspelled"):
        mail_a_receipt()


def look_at_each_shelf() -> None:
    """Chapter 2, `same again`: five equal calls in a row."""
    for _shelf in SHELVES:
        stock.send_request("check", {})  # the bug: this is every shelf already


def tip_the_driver() -> None:
    """Chapter 3, `text for a number`: in every seventh order, and what comes of it is kept from the customer."""
    tip: Any = "250" if next(orders) % 7 == 0 else 250  # the first bug: a text
    try:
        payment.send_request("take_tip", {"amount_cents": tip})
    except RequestFailed:
        pass  # the second bug: the order is said to be well


def take_tip() -> dict[str, int]:
    """What payment makes of a tip: its fee."""
    amount = request.payload["amount_cents"]
    return {"fee_cents": round(amount * 0.014)}


def mail_a_receipt() -> None:
    """Chapter 4, `misspelled`: a one-way message to an action that is called otherwise."""
    notifier.send_message("send_recipt", {"user_id": request.payload.get("user_id")})  # the bug: its name


def send_receipt() -> None:
    """Mail a receipt (here: none). Nobody calls it, for the slip in chapter 4."""


PARTS = {"notifier": in_notifier, "payment": in_payment, "gateway": in_gateway}
