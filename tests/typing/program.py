"""A program with all that the framework offers; `make check` has mypy look at it as strictly as it can."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from daebus import (
    AsyncDaebusCaller,
    Blueprint,
    Daebus,
    DaebusCaller,
    Misfit,
    Receipt,
    Retry,
    broadcast,
    logger,
    request,
    response,
)

app = Daebus("shop", max_async=50)
items = Blueprint("items")


@dataclass
class Item:
    sku: str
    price: Decimal
    kind: Literal["new", "used"] = "new"


@app.action("plain")
def plain() -> dict[str, Any]:
    logger.info("plain %s", request.payload)
    return {"ok": True}


@items.action("get")
def get(sku: str, count: int = 1) -> list[Item]:
    return [Item(sku, Decimal("1.10"))] * count


@app.action("find")
def find(sku: str) -> Item | Receipt:
    if sku != "a":
        return response.error("no such item", code="unknown")
    return Item(sku, Decimal("1.10"))


@app.action("slow")
async def slow(seconds: float) -> dict[str, float]:
    await asyncio.sleep(seconds)
    async with AsyncDaebusCaller("other") as caller:
        await caller.send_message("note", {"slept": seconds})
    received = await response.send({"half": True}, final=False)
    return {"slept": seconds, "received": received}


@app.action("stream")
async def stream(n: int) -> AsyncIterator[dict[str, int]]:
    for i in range(n):
        yield {"i": i}


@app.action("count")
def count() -> Iterator[dict[str, int]]:
    yield {"i": 1}


@app.action("later")
def later() -> None:
    handle = response.defer(within=5)
    threading.Thread(target=lambda: handle.send({"done": True})).start()


@app.before_request
def authorized() -> dict[str, Any] | None:
    return None


@app.after_request
def stamped(answer: Any) -> dict[str, Any] | None:
    return {**answer, "stamp": 1} if isinstance(answer, dict) else None


@app.teardown_request
async def done(error: BaseException | None) -> None:
    logger.debug("done %s", error)


@app.errorhandler(Misfit)
def misfit(error: Misfit) -> dict[str, Any]:
    return {"fields": error.fields}


@app.errorhandler(KeyError)
def missing(error: KeyError) -> dict[str, Any]:
    return {"missing": str(error)}


@app.listen("orders")
async def heard(order: dict[str, Any]) -> None:
    broadcast.send("audit", {"order": order})


@app.background("tidy", 60)
def tidy() -> None: ...


@app.before_event
def before(payload: dict[str, Any]) -> None: ...


@app.json_default
def default(value: object) -> str:
    return str(value)


app.register_blueprint(items)


class Shop(Daebus):
    """An app with something of its own."""

    def opened(self) -> bool:
        return self.running


class Prices(DaebusCaller):
    """What is asked of the shop, as methods."""

    def price(self, sku: str) -> Decimal:
        return Decimal(self.send_request("get", {"sku": sku})[0]["price"])


class AsyncPrices(AsyncDaebusCaller):
    async def price(self, sku: str) -> Decimal:
        return Decimal((await self.send_request("get", {"sku": sku}))[0]["price"])


async def extended() -> None:
    with Shop("shop").register_blueprint(items).start() as shop, Prices("shop") as prices:
        print(shop.opened(), prices.price("a"))
        async with AsyncPrices("shop") as others:
            print(await others.price("a"))


def ask() -> None:
    with DaebusCaller("shop", retry=Retry(attempts=2)) as caller:
        print(caller.actions.get(sku="a"), caller.actions(timeout=2).get(sku="b"))
        print(caller.send_request("plain", {}, idempotent=True))
        for outcome in caller.map("get", [{"sku": "a"}], in_flight=2):
            print(outcome.ok, outcome.result())


if __name__ == "__main__":
    app.run("shop")
