"""Stopping under load: nothing that was accepted goes unanswered, and nothing is left running."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter

import pytest

from daebus import Daebus, DaebusCaller, DaebusError, RequestFailed, ServiceUnavailable
from tests.support.faulty import resources
from tests.support.framework_services import program, subscribers
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

SERVICE = """
import sys, time
from daebus import Daebus, response

app = Daebus("app", max_workers=4, max_queue=50, grace=float(sys.argv[3]))

@app.action("work")
def work():
    time.sleep(0.05)
    return response.send({"done": True})

@app.action("sleep")
def sleep():
    print("asleep", flush=True)
    time.sleep(60)

app.run(service=sys.argv[1], redis_url=sys.argv[2])
"""


class Load:
    """Threads that ask without a pause until `stop`, and how each call ended."""

    def __init__(self, url: str, name: str, threads: int) -> None:
        self.ends: Counter[str] = Counter()
        self.connected: set[int] = set()
        """The threads whose caller has been used."""
        self._url = url
        self._name = name
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with DaebusCaller(self._name, redis_url=self._url, timeout=20) as caller:
            while not self._stop.is_set():
                try:
                    end = "answered" if caller.send_request("work") == {"done": True} else "wrong"
                except RequestFailed as error:
                    end = str(error.code)
                except ServiceUnavailable:
                    end = "unavailable"
                    self._stop.wait(0.02)
                except DaebusError as error:
                    end = repr(error)
                self.ends[end] += 1
                self.connected.add(threading.get_ident())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_leaves_no_request_without_an_answer(redis_url: str, name: str, number: int) -> None:
    with (
        program("-c", SERVICE, name, redis_url, "10", serves=name, url=redis_url) as service,
        Load(redis_url, name, 64) as load,
    ):
        eventually(lambda: load.ends["answered"] > 100)
        # The queue is full now, and the workers take half a second or more to empty it.
        eventually(lambda: load.ends["busy"] > 0)
        service.signal(number)
        eventually(lambda: load.ends["unavailable"] > 64)
        eventually(lambda: service.process.poll() is not None)
    assert service.process.returncode == 0, service.output
    assert load.ends["shutting_down"] > 0
    assert set(load.ends) <= {"answered", "busy", "shutting_down", "unavailable"}, load.ends
    assert "Traceback" not in service.output


def _work() -> dict[str, bool]:
    time.sleep(0.002)
    return {"done": True}


def test_stop_under_load_leaves_no_request_without_an_answer_and_nothing_running(redis_url: str, name: str) -> None:
    with Load(redis_url, name, 32) as load:
        eventually(lambda: len(load.connected) == 32)
        before = resources()
        for _ in range(5):
            app = Daebus(name, max_workers=4, max_queue=20)
            app.action("work")(_work)
            load.ends["answered"] = 0
            app.start(service=name, redis_url=redis_url)
            eventually(lambda: load.ends["answered"] > 100)
            app.stop()
            assert subscribers(redis_url, name) == 0
            assert not app.running
        eventually(lambda: resources() <= before, what=f"{resources()} after, {before} before")
    assert set(load.ends) <= {"answered", "busy", "shutting_down", "unavailable"}, load.ends


@pytest.mark.parametrize(("first", "second"), [(signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGINT)])
def test_a_second_signal_ends_it_at_once_whatever_runs(redis_url: str, name: str, first: int, second: int) -> None:
    with (
        program("-c", SERVICE, name, redis_url, "60", forked=True, serves=name, url=redis_url) as service,
        DaebusCaller(name, redis_url=redis_url) as caller,
    ):
        for _ in range(4):
            caller.send_message("sleep")
        with DaebusCaller(f"daebus.control.{name}", redis_url=redis_url) as control:
            eventually(lambda: control.send_request("info")["workers"]["busy"] == 4)
        service.signal(first)
        # The first has been heeded when the channel is given up.
        eventually(lambda: subscribers(redis_url, name) == 0)
        assert service.process.poll() is None
        begun = time.monotonic()
        service.signal(second)
        eventually(lambda: service.process.poll() is not None)
        assert time.monotonic() - begun < 9
    assert service.process.returncode == 128 + second


BESIDE = """
import asyncio, sys, threading
from daebus import Daebus

app = Daebus("app", grace=0.1)

@app.action("wait")
async def wait():
    await asyncio.to_thread(lambda: print("waits", flush=True) or threading.Event().wait())

app.run(service=sys.argv[1], redis_url=sys.argv[2])
print("has run", flush=True)
"""


def test_what_an_async_handler_has_called_on_a_thread_does_not_keep_the_program_from_ending(
    redis_url: str, name: str
) -> None:
    with (
        program("-c", BESIDE, name, redis_url, serves=name, url=redis_url) as service,
        DaebusCaller(name, redis_url=redis_url) as caller,
    ):
        caller.send_message("wait")
        assert service.process.stdout is not None
        eventually(lambda: "waits" in service.process.stdout.readline())  # type: ignore[union-attr]
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
    assert "has run" in service.output


def test_one_way_messages_that_had_to_be_dropped_are_said(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name, max_workers=1)
    gate, running = threading.Event(), threading.Event()

    @app.action("block")
    def block() -> None:
        running.set()
        gate.wait(20)

    app.start(service=name, redis_url=redis_url)
    with DaebusCaller(name, redis_url=redis_url) as caller:
        for _ in range(4):
            caller.send_message("block")
        running.wait(10)
        service = app._service
        assert service is not None
        eventually(lambda: service.info()["queue"]["size"] == 3)
        stopping = threading.Thread(target=app.stop)
        stopping.start()
        eventually(lambda: service.info()["queue"]["size"] == 0)
        gate.set()
        stopping.join()
    assert any("before 3 messages that nobody waits for had their turn" in line for line in caplog.messages)
