"""A service and callers that go on asking it whatever happens to the servers, and what came of it."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, DaebusError, request
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

TIMEOUT = 4.0
"""Seconds that each call may take, unless it is said otherwise."""
_MOST_AT_ONCE = 4000


class Hammer:
    """So many threads call, and where there are any, a task of an event loop; with a `rate` so many a second as well.

    `runs` has how often each request was handled, `errors` what calls ended with that were not answered.
    """

    def __init__(
        self,
        url: str,
        callers: int = 3,
        *,
        services: int = 1,
        shared: bool = False,
        rate: int = 0,
        timeout: float = TIMEOUT,
    ) -> None:
        self.url = url
        self._timeout = timeout
        self.name = f"svc_{uuid.uuid4().hex[:10]}"
        self.runs: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.texts: list[str] = []
        self.answered = [0] * ((callers + 1 if callers else 0) + (1 if rate else 0))
        self.offered = 0
        """How many calls were begun because of the rate."""
        self._shared = shared
        self._apps = [self._app() for _ in range(services)]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(callers)]
        if callers:
            self._threads.append(threading.Thread(target=lambda: asyncio.run(self._call_async(callers))))
        if rate:
            self._threads.append(threading.Thread(target=lambda: asyncio.run(self._offer(rate))))

    @property
    def app(self) -> Daebus:
        return self._apps[0]

    def _app(self) -> Daebus:
        app = Daebus(self.name)

        @app.action("echo")
        def echo() -> dict[str, int]:
            self.runs[str(request.request_id)] += 1
            return {"a": 1}

        return app

    def start(self) -> None:
        for app in self._apps:
            app.start(service=self.name, redis_url=self.url, shared=self._shared)
        for thread in self._threads:
            thread.start()
        self.goes_on()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for app in self._apps:
            app.stop(grace=2)

    def goes_on(self, within: float = 20.0) -> float:
        """Wait until each caller has had three answers more; returns how many seconds that took."""
        begun, before = time.monotonic(), list(self.answered)
        eventually(
            lambda: all(now >= then + 3 for now, then in zip(self.answered, before, strict=True)),
            within=within,
            what=f"every caller is answered; {self.errors}, {self.texts[-3:]}",
        )
        return time.monotonic() - begun

    def outlasts(self, *stopped: RedisServer) -> None:
        """Everybody is answered while these servers stand still, and when they go on as if nothing had been."""
        for server in stopped:
            server.freeze()
        self.goes_on()
        for server in stopped:
            server.thaw()
        self.goes_on()

    def has_kept_its_word(self) -> None:
        """Nothing was handled twice, and nobody was told that nobody serves."""
        assert not [one for one, count in self.runs.items() if count > 1], "a request was handled twice"
        assert "ServiceUnavailable" not in self.errors, (
            f"{self.errors}: {[text for text in self.texts if 'nobody' in text]}"
        )

    def _failed(self, error: DaebusError) -> None:
        self.errors[type(error).__name__] += 1
        self.texts.append(str(error))

    def _call(self, number: int) -> None:
        with DaebusCaller(self.name, redis_url=self.url, timeout=self._timeout) as caller:
            while not self._stop.is_set():
                try:
                    assert caller.send_request("echo") == {"a": 1}
                    self.answered[number] += 1
                    self._stop.wait(0.002)
                except DaebusError as error:
                    self._failed(error)
                    self._stop.wait(0.02)

    async def _call_async(self, number: int) -> None:
        async with AsyncDaebusCaller(self.name, redis_url=self.url, timeout=self._timeout) as caller:
            while not self._stop.is_set():
                try:
                    assert await caller.send_request("echo") == {"a": 1}
                    self.answered[number] += 1
                    await asyncio.sleep(0.002)
                except DaebusError as error:
                    self._failed(error)
                    await asyncio.sleep(0.02)

    async def _offer(self, rate: int) -> None:
        """Begin so many calls a second, whatever becomes of those before."""
        begun, tasks = time.monotonic(), set[asyncio.Task[None]]()
        async with AsyncDaebusCaller(self.name, redis_url=self.url, timeout=self._timeout) as caller:

            async def call() -> None:
                try:
                    assert await caller.send_request("echo") == {"a": 1}
                    self.answered[-1] += 1
                except DaebusError as error:
                    self._failed(error)

            def is_behind() -> bool:
                return self.offered < (time.monotonic() - begun) * rate and len(tasks) < _MOST_AT_ONCE

            while not self._stop.is_set():
                # On a machine with too much else to do it may always be.
                while is_behind() and not self._stop.is_set():
                    self.offered += 1
                    tasks.add(task := asyncio.create_task(call()))
                    task.add_done_callback(tasks.discard)
                    if self.offered % 20 == 0:
                        await asyncio.sleep(0)
                await asyncio.sleep(0.005)
            await asyncio.gather(*tasks)


@contextmanager
def hammering(url: str, callers: int = 3, **options: Any) -> Iterator[Hammer]:
    """A hammer, with its options, that is at work; at the end of the block it has kept its word."""
    hammer = Hammer(url, callers, **options)
    try:
        hammer.start()
        yield hammer
    finally:
        hammer.stop()
    hammer.has_kept_its_word()
