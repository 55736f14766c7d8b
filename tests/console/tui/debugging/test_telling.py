"""What services tell on the screen: the log of an exchange, where something pending stands, rows of the time before."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from daebus import Daebus, logger
from daebus.client.caller import DaebusCaller
from daebus_console.engine.message.exchange import Kind
from tests.console.tui.support import Driver, drive
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

SIZES = [(80, 24), (160, 48)]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def shop(own_redis: RedisServer, gate: threading.Event, caplog: pytest.LogCaptureFixture) -> Iterator[DaebusCaller]:
    """A service with one worker that is held until the gate opens, and whose other action fails."""
    caplog.set_level(logging.INFO)
    app = Daebus("shop", max_workers=1)

    @app.action("hold")
    def hold() -> dict[str, object]:
        gate.wait(30)
        return {}

    @app.action("fail")
    def fail() -> None:
        logger.warning("nothing left of \x1b[31mtea")
        raise ValueError("no stock")

    with serving(app, own_redis.url, "shop"), DaebusCaller("shop", redis_url=own_redis.url) as caller:
        yield caller


@pytest.mark.parametrize("size", SIZES)
def test_the_log_of_an_exchange_is_a_tab(own_redis: RedisServer, shop: DaebusCaller, size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        d.app.session.pulls = True
        await d.until(lambda: "shop" in d.app.session.telling.asking.watched)
        shop.send_message("fail", {})
        await d.sees("fail")
        await d.press("enter", "enter", "5")
        await d.sees("Logs", "WARNING", "nothing left of ")
        if size[1] > 30:
            await d.sees("FAILED", "ValueError: no stock", "raise ValueError", "by its own clock")

    drive(own_redis.url, story, size)


@pytest.mark.parametrize("size", SIZES)
def test_where_something_pending_stands(
    own_redis: RedisServer, shop: DaebusCaller, gate: threading.Event, size: tuple[int, int]
) -> None:
    def ask(action: str) -> threading.Thread:
        asking = threading.Thread(target=lambda: shop.send_request(action, {}, timeout=30))
        asking.start()
        return asking

    async def story(d: Driver) -> None:
        d.app.session.pulls = True
        await d.until(lambda: "shop" in d.app.session.telling.asking.watched)
        asking = [ask("hold")]
        await d.sees("hold")
        await d.press("enter", "enter", "2")
        await d.sees("No answer yet", "in the handler for", "test_telling.py:")
        asking.append(ask("hold"))
        await d.until(lambda: d.app.main.flow.count() == 2)
        await d.press("escape", "down")
        await d.sees("waits for a worker, the", "next in the queue", "meanwhile hold runs for")
        gate.set()
        for one in asking:
            one.join()

    drive(own_redis.url, story, size)


@pytest.mark.parametrize("size", SIZES)
def test_rows_of_the_time_before_are_marked(
    own_redis: RedisServer, shop: DaebusCaller, size: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    shop.send_message("fail", {})
    # It has been handled before anybody looks.
    eventually(lambda: "action 'fail' raised" in caplog.text)

    async def story(d: Driver) -> None:
        d.app.session.pulls = True
        await d.sees("‥ shop")
        flow = d.app.main.flow
        await d.until(lambda: flow.count() == 1)
        await d.press("enter", "enter", "1")
        await d.sees("not seen: told by the service", "handled")
        await d.press("2")
        await d.sees("a service told of it afterwards")
        await d.press("5")
        await d.sees("nothing left of")
        await d.press("escape", "d")
        await d.sees("was not seen: a service told")
        number = flow.rows[0]
        d.app.main.do(f"diff #{number} #{number}")
        await d.until(
            lambda: "was not seen: a service told of it" in "".join(piece for piece, _ in d.app.main.last_said)
        )
        with d.app.session.lock:
            assert next(iter(d.app.session.journal.exchanges)).kind is not Kind.TOLD
            assert not d.app.session.stats.totals(0.0).count

    drive(own_redis.url, story, size, notifications=True)
