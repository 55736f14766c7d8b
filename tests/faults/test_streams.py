"""Redis goes away while handlers answer in parts: that is no error of theirs, and is told as for final answers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from daebus import Daebus, Requester, response
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault


def test_a_part_that_cannot_be_sent_is_no_error_of_the_handler(
    own_redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    goes_on, asked, ended = threading.Event(), list[BaseException](), list[str]()
    app.errorhandler(Exception)(lambda error: asked.append(error))
    app.teardown_request(lambda error: ended.append(repr(error)))

    async def wait() -> None:
        while not goes_on.is_set():
            await asyncio.sleep(0.01)

    @app.action("generator")
    def generator() -> Iterator[dict[str, Any]]:
        for n in range(3):
            yield {"n": n}
            if n == 1:
                goes_on.wait(60)

    @app.action("async_generator")
    async def async_generator() -> AsyncIterator[dict[str, Any]]:
        for n in range(3):
            yield {"n": n}
            if n == 1:
                await wait()

    @app.action("sends")
    def sends() -> dict[str, Any]:
        response.send({"n": 0}, final=False)
        goes_on.wait(60)
        response.progress({"n": 1})
        return {"n": 2}

    @app.action("async_sends")
    async def async_sends() -> dict[str, Any]:
        await response.send({"n": 0}, final=False)
        await wait()
        await response.progress({"n": 1})
        return {"n": 2}

    actions = list(app.action_handlers)
    with (
        serving(app, own_redis.url, name),
        Requester(own_redis.url, timeout=60) as caller,
        caplog.at_level(logging.INFO, "daebus"),
    ):
        calls = [iter(caller.start(name, action)) for action in actions]
        assert [next(call) for call in calls] == [{"n": 0}] * 4
        own_redis.kill()
        goes_on.set()
        eventually(lambda: len(ended) == 4)
        assert ended == ["None"] * 4
        own_redis.start()
        eventually(lambda: "is back after" in caplog.text)
        service = app._service
        assert service is not None
        counts = service.info()["counts"]
    assert asked == []
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert counts["errors"] == 0
    assert counts["undelivered"] == 4
