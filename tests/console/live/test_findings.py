"""A small shop with faults in it, on a real Redis: each is named while it runs, in words for a stranger."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from daebus import Daebus, DaebusError, RequestFailed, RequestTimeout, ServiceUnavailable, request
from daebus.client.caller import DaebusCaller
from daebus_console.engine.findings.finding import Finding
from daebus_console.engine.session import Session
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

FAULTS = {"unknown-action", "equal-calls", "swallowed-error", "type-changed", "nobody-listens", "waits-for-itself"}


class Shop:
    """Services in this process, and callers of them."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.url, self._stack = url, stack
        self._callers: dict[str, DaebusCaller] = {}

    def serve(self, name: str, workers: int = 4, **actions: Any) -> None:
        app = Daebus(name, max_workers=workers)
        for action, handler in actions.items():
            app.action(action)(handler)
        self._stack.enter_context(serving(app, self.url, name))

    def to(self, name: str) -> DaebusCaller:
        if name not in self._callers:
            self._callers[name] = self._stack.enter_context(DaebusCaller(name, redis_url=self.url))
        return self._callers[name]


@pytest.fixture
def shop(own_redis: RedisServer) -> Iterator[Shop]:
    with ExitStack() as stack:
        shop = Shop(own_redis.url, stack)
        orders, both = itertools.count(1), threading.Barrier(2)

        def get_price() -> dict[str, Any]:
            return {"cents": 1250}

        def charge() -> dict[str, Any]:
            return {"total": request.payload["amount"] + 1}

        def buy() -> dict[str, Any]:
            number = next(orders)
            for _ in range(5):
                shop.to("prices").send_request("get_price", {"sku": "tea"})
            try:
                shop.to("billing").send_request("charge", {"amount": "12.50" if number % 7 == 0 else 12.5})
            except RequestFailed:
                pass
            shop.to("mailer").send_message("send_recipt", {"order": number})
            return {"order": number}

        def audit() -> dict[str, Any]:
            # Both workers are held before either asks for a third.
            both.wait(10)
            try:
                shop.to("stock").send_request("check", {}, timeout=0.3)
            except DaebusError as error:
                # What it asked for came in a little later than it was sent, and has run out by then, too.
                both.wait(10)
                threading.Event().wait(0.2)
                return {"failed": str(error)}
            return {}

        shop.serve("prices", get_price=get_price)
        shop.serve("billing", charge=charge)
        shop.serve("mailer", send_receipt=dict)
        shop.serve("gateway", buy=buy)
        shop.serve("stock", 2, audit=audit, check=dict)
        yield shop


def test_each_fault_of_a_shop_is_named(shop: Shop) -> None:
    with Session(shop.url) as session:
        assert session.wait_up(10)
        told = session.findings.world.instances
        assert session.wait_for(lambda: len(told.names()) == 5, 10)
        for _ in range(16):
            shop.to("gateway").send_request("buy", {"basket": ["tea"]})
        audits = [
            threading.Thread(target=shop.to("stock").send_request, args=("audit", {}), kwargs={"timeout": 20})
            for _ in range(2)
        ]
        for audit in audits:
            audit.start()
        for audit in audits:
            audit.join()
        with pytest.raises(ServiceUnavailable):
            shop.to("billin").send_request("charge", {})
        found: dict[str, Finding] = {}

        def all_of_them() -> bool:
            with session.lock:
                session.findings.finish()
                found.update({one.rule: one for one in session.findings.book})
            return set(found) >= FAULTS

        eventually(all_of_them, within=30, what="each fault is named")
        assert session.findings.problem is None
    assert found["unknown-action"].text.startswith("mailer has no action 'send_recipt', but 'send_receipt'")
    assert found["equal-calls"].text.startswith("gateway buy asks prices get_price 5 times for the same")
    assert found["type-changed"].text.startswith("the field amount in requests of billing charge is a number in most")
    assert found["nobody-listens"].text == "requests went to 'billin', and nobody serves it; 'billing' is there"
    assert found["waits-for-itself"].text.startswith("stock waits for itself: stock audit → stock check got no worker")


def test_a_handler_that_hangs_is_named(own_redis: RedisServer) -> None:
    goes_on = threading.Event()

    def parse() -> dict[str, Any]:
        goes_on.wait()
        return {}

    with ExitStack() as stack:
        shop = Shop(own_redis.url, stack)
        shop.serve("documents", parse=parse)
        stack.callback(goes_on.set)
        with Session(own_redis.url) as session:
            session.pulls = True
            assert session.wait_up(10)
            assert session.wait_for(lambda: "documents" in session.findings.world.instances.names(), 10)
            with pytest.raises(RequestTimeout):
                shop.to("documents").send_request("parse", {}, timeout=0.5)

            def is_named() -> bool:
                with session.lock:
                    return any("runs on for nobody" in one.text for one in session.findings.book)

            eventually(is_named, within=60, what="the handler that hangs is named")


def test_services_that_wait_for_one_another_are_named_before_anybody_gives_up(own_redis: RedisServer) -> None:
    with ExitStack() as stack:
        shop = Shop(own_redis.url, stack)

        def order() -> dict[str, Any]:
            return dict(shop.to("stock").send_request("reserve", {}, timeout=300))

        def reserve() -> dict[str, Any]:
            return dict(shop.to("orders").send_request("price", {}, timeout=300))

        def ask() -> None:
            with suppress(DaebusError):
                shop.to("orders").send_request("order", {}, timeout=300)

        asking = threading.Thread(target=ask)
        stack.callback(asking.join)
        for name in ("orders", "stock"):
            shop.to(name)
        # They stop before the callers do: what waits for a worker is answered then, and nobody waits any more.
        shop.serve("orders", 1, order=order, price=dict)
        shop.serve("stock", 4, reserve=reserve)
        asking.start()
        with Session(own_redis.url) as session:
            session.pulls = True
            assert session.wait_up(10)

            def is_named() -> bool:
                with session.lock:
                    return any(one.rule == "waits-for-itself" for one in session.findings.book)

            eventually(is_named, within=60, what="the circle is named")
            with session.lock:
                (finding,) = [one for one in session.findings.book if one.rule == "waits-for-itself"]
                assert session.findings.problem is None
    assert finding.text == (
        "orders and stock wait for one another: orders order → stock reserve → orders price, which gets no worker"
    ) or finding.text == (
        "stock and orders wait for one another: stock reserve → orders price → stock reserve, which gets no worker"
    )
    assert (finding.service, finding.action, finding.count) == ("orders", "price", 1)
