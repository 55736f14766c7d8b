"""A service to ask, captures of what it was asked, and the program as the shell runs it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daebus import Daebus, DaebusCaller, request, response
from daebus.transport.address import RedisAddress
from daebus.transport.bus import RedisBus
from daebus.wire.writing import encode_object
from daebus_console.engine.filter import language as filters
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.session import Session
from tests.console.cli.conftest import Console
from tests.support.waiting import eventually


class Shop:
    """A service with all that services do, which can be changed on purpose while it runs."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self.url = name, url
        self.price = 100
        self.asked: list[Any] = []
        self.told: list[Any] = []
        self._lock = threading.Lock()
        self.app = self._make()

    def _make(self) -> Daebus:
        app = Daebus(self.name)

        @app.action("price")
        def price() -> Any:
            """A price, with a time that differs each time."""
            with self._lock:
                self.asked.append(dict(request.payload))
            return {"sku": request.payload.get("sku"), "cents": self.price, "at": time.time()}

        @app.action("echo")
        def echo() -> Any:
            with self._lock:
                self.asked.append(dict(request.payload))
            return request.payload

        @app.action("fail")
        def fail() -> None:
            raise ValueError(f"no {request.payload.get('what')}")

        @app.action("count")
        def count() -> None:
            for step in range(int(request.payload.get("to", 2))):
                response.send({"step": step}, final=False)
            response.send({"steps": int(request.payload.get("to", 2))})

        @app.action("sleep")
        def sleep() -> Any:
            time.sleep(float(request.payload["seconds"]))
            return {"slept": True}

        @app.action("note")
        def note() -> None:
            with self._lock:
                self.told.append(dict(request.payload))

        @app.listen(f"{self.name}.news")
        def on_news(news: dict[str, Any]) -> None:
            with self._lock:
                self.told.append(news)

        return app


@pytest.fixture
def shop(redis_url: str, name: str) -> Iterator[Shop]:
    made = Shop(name, redis_url)
    made.app.start(service=name, redis_url=redis_url)
    yield made
    made.app.stop(grace=5)


@pytest.fixture
def caller(shop: Shop) -> Iterator[DaebusCaller]:
    with DaebusCaller(shop.name, redis_url=shop.url, name="web") as made:
        yield made


@pytest.fixture
def console(redis_url: str) -> Console:
    return Console(redis_url)


@pytest.fixture
def capture(shop: Shop, tmp_path: Path) -> Callable[[Callable[[], None]], Path]:
    """Records what a function does on the bus, as far as it concerns the shop, into a new file."""
    count = 0

    def record(doing: Callable[[], None]) -> Path:
        nonlocal count
        count += 1
        path = tmp_path / f"capture-{count}.jsonl"
        with Session(shop.url) as session:
            assert session.wait_up(10)
            recorder = Recorder(session, path, matching=filters.parse("-is:control -channel:end_*"))
            with recorder:
                doing()
                # The tap may be a little behind whoever was asked or told.
                end = f"end_{uuid.uuid4().hex}"
                with RedisAddress(shop.url).client() as client:
                    client.publish(end, "{}")
                eventually(lambda: end in session.directory.channels, what="the tap has seen it all")
        return path

    return record


@pytest.fixture
def publish(shop: Shop) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Broadcasts on the channel that the shop listens to."""
    publisher = RedisBus(shop.url).publisher("web")
    yield lambda message: publisher.publish(f"{shop.name}.news", encode_object(message)) and None
    publisher.close()
