"""All workers wait: for one another, or for something else. The log says so, once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from daebus import Daebus, DaebusCaller, DaebusError, Requester
from daebus.service.work import saturation
from tests.support.framework_services import serving
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saturation, "AFTER", 0.3)


class Block:
    """A service with two workers, whose action `block` takes until `gate` opens."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.gate = threading.Event()
        self.app = Daebus(name, max_workers=2)
        self.app.action("block")(lambda: {"free": self.gate.wait(30)})
        self.app.action("own")(self.own)
        self.threads: list[threading.Thread] = []

    def own(self) -> object:
        with DaebusCaller(self.name, timeout=1) as caller:
            return caller.send_request("block")

    def ask(self, action: str, count: int) -> None:
        def ask() -> None:
            with DaebusCaller(self.name, redis_url=self.url, timeout=30) as caller:
                try:
                    caller.send_request(action)
                except DaebusError:
                    pass

        for _ in range(count):
            self.threads.append(threading.Thread(target=ask))
            self.threads[-1].start()

    def release(self) -> None:
        self.gate.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def block(redis_url: str, name: str) -> Iterator[Block]:
    block = Block(name, redis_url)
    with serving(block.app, redis_url, name):
        yield block
        block.release()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if "workers have been busy" in line]


def watching(name: str) -> bool:
    return any(thread.name == f"daebus-{name}-watch" for thread in threading.enumerate())


def test_workers_that_wait_for_one_another_are_said_once(block: Block, caplog: pytest.LogCaptureFixture) -> None:
    block.ask("own", 5)
    (line,) = eventually(lambda: said(caplog))
    assert line.startswith(f"{block.name}: all 2 workers have been busy for 0.3 s, ")
    assert "longest: action 'own' for " in line
    block.release()
    assert len(said(caplog)) == 1


def test_each_time_is_said_and_nothing_is_left(block: Block, caplog: pytest.LogCaptureFixture) -> None:
    for times in (1, 2):
        block.gate.clear()
        block.ask("block", 3)
        eventually(lambda times=times: len(said(caplog)) == times)
        block.ask("block", 2)
        block.release()
        eventually(lambda: not watching(block.name))
    assert "3 wait" not in "".join(said(caplog))
    assert all(", 1 wait; longest: action 'block'" in line for line in said(caplog))


def test_busy_workers_for_which_nothing_waits_are_as_it_should_be(
    block: Block, caplog: pytest.LogCaptureFixture
) -> None:
    block.ask("block", 2)
    eventually(lambda: block.app._service and block.app._service.info()["workers"]["busy"] == 2)
    assert not watching(block.name)
    block.release()
    assert said(caplog) == []


def test_async_handlers_are_busy_since_all_of_them_were(redis_url: str, name: str) -> None:
    app = Daebus(name, max_async=2)
    gates: list[asyncio.Event] = []

    @app.action("block")
    async def block() -> dict[str, object]:
        gates.append(asyncio.Event())
        await gates[-1].wait()
        return {}

    with serving(app, redis_url, name), Requester(redis_url, timeout=30) as caller:
        service = app._service
        assert service is not None
        crews, loop = service._crews, service._loop
        assert crews._coroutines is not None
        assert loop is not None
        asked = [caller.start(name, "block") for _ in range(4)]
        eventually(lambda: (len(gates), crews.info()["queue"]["size"]) == (2, 2))
        since = crews._coroutines.full_since
        assert since is not None
        for begun in (3, 4):
            loop.soon(gates[begun - 3].set)
            eventually(lambda begun=begun: len(gates) == begun)  # type: ignore[misc]
            # Another took its place: that is no rest.
            assert crews._coroutines.full_since == since
        for gate in gates[2:]:
            loop.soon(gate.set)
        assert [call.result() for call in asked] == [{}] * 4
        eventually(lambda: crews._coroutines is not None and crews._coroutines.full_since is None)
