"""Whatever happens on the event loop of a service: it goes on, everybody is answered, and a stop ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from daebus import Daebus, DaebusCaller, DaebusError, Requester, RequestFailed, request, response
from daebus.service.work import event_loop, saturation
from daebus.transport.publisher import Publisher
from tests.support.faulty import resources
from tests.support.framework_services import program, serving
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault


class Rough:
    """An app whose async handlers do what they should not; `seen` is what they saw."""

    def __init__(self, name: str, **options: Any) -> None:
        self.app = Daebus(name, **options)
        self.seen: list[Any] = []
        self.gate = threading.Event()
        self.app.action("echo")(self.echo)
        self.app.action("wait")(self.wait)
        self.app.action("stubborn")(self.stubborn)
        self.app.action("block")(self.block)
        self.app.action("feed")(self.feed)
        self.app.on_stop(self.last)

    async def echo(self) -> dict[str, Any]:
        return dict(request.payload)

    async def wait(self) -> dict[str, Any]:
        self.seen.append("waits")
        try:
            await asyncio.sleep(60)
        except BaseException as error:
            await asyncio.sleep(0.01)
            self.seen.append(type(error))
            raise
        return {}

    async def feed(self) -> AsyncIterator[dict[str, Any]]:
        yield {"n": 1}
        try:
            yield {"n": 2}
            await self.wait()
        finally:
            self.seen.append("fed")

    async def stubborn(self) -> dict[str, Any]:
        self.seen.append("waits")
        while not self.gate.is_set():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.seen.append("ignored")
        return {}

    async def block(self) -> dict[str, Any]:
        self.seen.append("waits")
        self.gate.wait(30)
        return {}

    async def last(self) -> None:
        self.seen.append("stopped")


def ends_with(call: Any) -> str | None:
    with pytest.raises(RequestFailed) as caught:
        call.result()
    return caught.value.code


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_what_is_not_done_within_the_grace_is_cancelled_and_answered(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    rough = Rough(name, max_async=3)
    rough.app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=20) as caller:
        running = [caller.start(name, "wait") for _ in range(3)]
        eventually(lambda: rough.seen == ["waits"] * 3)
        waiting = [caller.start(name, "wait") for _ in range(3)]
        eventually(lambda: caller.call(f"daebus.control.{name}", "info")["queue"]["size"] == 3)
        rough.app.stop(grace=0.1)
        assert [ends_with(call) for call in running + waiting] == ["shutting_down"] * 6
    assert rough.seen == ["waits"] * 3 + [asyncio.CancelledError] * 3 + ["stopped"]
    assert errors(caplog) == []


def test_what_is_done_within_the_grace_is_answered(redis_url: str, name: str) -> None:
    app, began = Daebus(name), threading.Event()

    @app.action("soon")
    async def soon() -> dict[str, Any]:
        began.set()
        await asyncio.sleep(0.1)
        return {"done": True}

    app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=20) as caller:
        call = caller.start(name, "soon")
        assert began.wait(10)
        app.stop(grace=20)
        assert call.result() == {"done": True}


def test_a_generator_is_cancelled_too(redis_url: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    rough = Rough(name)
    rough.app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=20) as caller:
        call = caller.start(name, "feed")
        eventually(lambda: rough.seen == ["waits"])
        rough.app.stop(grace=0.1)
        replies = [(reply.payload.get("n"), reply.final) for reply in call.replies()]
        assert replies == [(1, False), (None, True)]
    assert rough.seen == ["waits", asyncio.CancelledError, "fed", "stopped"]
    assert errors(caplog) == []


@pytest.mark.parametrize("action", ["stubborn", "block"])
def test_a_handler_that_does_not_end_does_not_keep_the_service_from_stopping(
    redis_url: str, name: str, action: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("daebus.service.work.event_loop", "daebus.service.work.crews"):
        monkeypatch.setattr(f"{module}.ENDS_WITHIN", 0.1)
    rough = Rough(name)
    rough.app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=20) as caller:
        call = caller.start(name, action)
        eventually(lambda: rough.seen == ["waits"])
        late = caller.start(name, "echo")
        if action == "stubborn":
            assert late.result() == {}
        rough.app.stop(grace=0.1)
        assert ends_with(call) == "shutting_down"
        if action == "block":
            assert ends_with(late) == "shutting_down"
            assert any("a stop hook is not run, since a task blocks the event loop" in line for line in errors(caplog))
            assert any("is left behind" in line for line in errors(caplog))
        else:
            assert rough.seen[:2] == ["waits", "ignored"]
            assert "stopped" in rough.seen
            assert any("1 tasks did not end when they were cancelled" in line for line in errors(caplog))
    rough.gate.set()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == f"daebus-{name}-loop"])
    # What came too late has not been run.
    assert caplog.text.count("AlreadyAnswered") <= 1


def raising(error: BaseException) -> Callable[[], Any]:
    async def handler() -> None:
        await asyncio.sleep(0)
        raise error

    return handler


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), BaseException("base")]
)
def test_whatever_is_raised_is_answered_and_the_loop_goes_on(redis_url: str, name: str, error: BaseException) -> None:
    rough = Rough(name)
    rough.app.action("raise")(raising(error))
    with serving(rough.app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        for _ in range(2):
            with pytest.raises(RequestFailed) as caught:
                caller.send_request("raise")
            assert (caught.value.code, caught.value.type) == ("handler_error", type(error).__name__)
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}


def test_a_task_that_cancels_itself_is_answered_for(redis_url: str, name: str) -> None:
    rough = Rough(name)
    rough.app.teardown_request(lambda error: rough.seen.append(type(error)))

    @rough.app.action("cancel")
    async def cancel() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with serving(rough.app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        with pytest.raises(RequestFailed) as caught:
            caller.send_request("cancel")
        assert (caught.value.code, caught.value.type) == ("handler_error", "CancelledError")
        eventually(lambda: rough.seen == [asyncio.CancelledError])
        assert caller.send_request("echo", {"n": 1}) == {"n": 1}


def test_what_tasks_of_the_program_do_to_the_loop_does_not_end_it(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    rough = Rough(name)
    left: list[Any] = []

    @rough.app.action("task")
    async def task() -> dict[str, Any]:
        left.append(asyncio.get_running_loop().create_task(raising(SystemExit(3))()))
        return {}

    @rough.app.action("stop")
    async def stop() -> dict[str, Any]:
        asyncio.get_running_loop().stop()
        return {}

    @rough.app.action("leave")
    async def leave() -> dict[str, Any]:
        left.append(asyncio.get_running_loop().create_task(rough.wait()))
        return {}

    with serving(rough.app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        for action in ("task", "stop", "leave"):
            assert caller.send_request(action) == {}
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        eventually(lambda: "a task would have ended the event loop" in caplog.text)
        eventually(lambda: "a task has stopped the event loop, which goes on" in caplog.text)
        eventually(lambda: rough.seen == ["waits"])
    # What is left of them ends with the service.
    assert rough.seen == ["waits", "stopped", asyncio.CancelledError]
    assert isinstance(left[0].exception(), SystemExit)


def test_nothing_is_left_of_it(redis_url: str, name: str) -> None:
    rough = Rough(name)
    with DaebusCaller(name, redis_url=redis_url) as caller:
        before = None
        for _ in range(4):
            with serving(rough.app, redis_url, name):
                assert caller.send_request("echo", {"n": 1}) == {"n": 1}
            before = before or resources()
        eventually(lambda: resources() <= before)


def test_a_redis_that_is_away_holds_up_no_task(own_redis: RedisServer, name: str) -> None:
    app, ticks = Daebus(name), []
    held = threading.Event()

    @app.action("slow")
    async def slow() -> Any:
        loop = asyncio.get_running_loop()
        while not held.is_set():
            ticks.append(loop.time())
            await asyncio.sleep(0.005)
        sent = response.send({"part": 1}, final=False)
        for _ in range(20):
            ticks.append(loop.time())
            await asyncio.sleep(0.005)
        try:
            await sent
        except DaebusError as error:
            ticks.append(-1.0)
            return response.error(error)
        return {}

    @app.action("echo")
    async def echo() -> dict[str, Any]:
        return dict(request.payload)

    with serving(app, own_redis.url, name), Requester(own_redis.url, timeout=30) as caller:
        calls = [caller.start(name, "slow") for _ in range(5)]
        eventually(lambda: len(ticks) > 20)
        own_redis.freeze()
        held.set()
        count = len(ticks)
        # The loop goes on, though nobody takes what is sent.
        eventually(lambda: len(ticks) > count + 40)
        own_redis.thaw()
        for call in calls:
            assert call.result() == {}
        own_redis.kill()
        own_redis.start()
        eventually(lambda: _works(caller, name), within=20)


def _works(caller: Requester, name: str) -> bool:
    try:
        return bool(caller.call(name, "echo", {"n": 1}, timeout=2) == {"n": 1})
    except DaebusError:
        return False


@pytest.mark.parametrize("noticed", [True, False], ids=["it is known", "nobody has noticed"])
def test_answers_that_cannot_be_sent_are_counted(
    own_redis: RedisServer,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    noticed: bool,
) -> None:
    app, gate = Daebus(name), threading.Event()

    @app.action("wait")
    async def wait() -> dict[str, Any]:
        while not gate.is_set():
            await asyncio.sleep(0.005)
        return {}

    with serving(app, own_redis.url, name), Requester(own_redis.url, timeout=20) as caller:
        calls = [caller.start(name, "wait") for _ in range(3)]
        service = app._service
        assert service is not None
        eventually(lambda: service.info()["async"]["busy"] == 3)
        own_redis.kill()
        for call in calls:
            with pytest.raises(DaebusError):
                call.result()
        if not noticed:
            # As it is where the connection ends just after it was looked at.
            monkeypatch.setattr(Publisher, "ready", True)
        gate.set()
        eventually(lambda: service.info()["counts"]["undelivered"] == 3, within=20)
        eventually(lambda: service.info()["async"]["busy"] == 0, within=20)
        # It is not for the handler.
        assert errors(caplog) == []
        own_redis.start()


SERVICE = """
import asyncio, sys
from daebus import Daebus
app = Daebus(sys.argv[1], grace=float(sys.argv[3]))

@app.action("wait")
async def wait():
    print("waits", flush=True)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise

app.run(redis_url=sys.argv[2])
"""


def test_a_signal_cancels_after_the_grace(redis_url: str, name: str) -> None:
    with (
        program("-c", SERVICE, name, redis_url, "0.1", forked=True, serves=name, url=redis_url) as service,
        Requester(redis_url, timeout=20) as caller,
    ):
        call = caller.start(name, "wait")
        eventually(lambda: caller.call(f"daebus.control.{name}", "info")["async"]["busy"] == 1)
        service.signal(signal.SIGTERM)
        assert ends_with(call) == "shutting_down"
        eventually(lambda: service.process.poll() is not None)
    assert service.process.returncode == 0, service.output
    assert "cancelled" in service.output
    assert "Traceback" not in service.output


FORKING = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from daebus import AsyncDaebusCaller, Daebus, request
app = Daebus(sys.argv[1])
other = AsyncDaebusCaller(sys.argv[1], redis_url=sys.argv[2])

@app.action("fork")
async def fork():
    child = os.fork()
    if child == 0:
        # The loop of the parent is not the child's to use.
        print("child", app.running, flush=True)
        os._exit(0)
    return {"status": os.waitpid(child, 0)[1]}

@app.action("echo")
async def echo():
    return dict(request.payload)

@app.action("ask")
async def ask():
    return await other.send_request("echo", {"n": 1})

app.start(redis_url=sys.argv[2])
child = os.fork()
if child == 0:
    app.start(service=sys.argv[1] + ".child", redis_url=sys.argv[2])
    os.read(0, 1)
    app.stop()
    print("child ended", flush=True)
    os._exit(0)
os.read(0, 1)
os.waitpid(child, 0)
app.stop()
print("parent ended", flush=True)
"""


def test_parent_and_child_go_on_after_a_fork(redis_url: str, name: str) -> None:
    child = f"{name}.child"
    with (
        program("-c", FORKING, name, redis_url, serves=child, url=redis_url) as both,
        Requester(redis_url, timeout=20) as caller,
    ):
        for service in (name, child):
            assert caller.call(service, "ask") == {"n": 1}
            assert caller.call(service, "fork") == {"status": 0}
            assert caller.call(service, "echo", {"n": 2}) == {"n": 2}
        both.enter()
        both.enter()
        eventually(lambda: both.process.poll() is not None)
    assert both.process.returncode == 0, both.output
    assert both.output.count("child False") == 2
    assert "child ended" in both.output
    assert "parent ended" in both.output


def test_that_as_many_run_as_may_is_said(
    redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(saturation, "AFTER", 0.1)
    app, gate = Daebus(name, max_async=2), threading.Event()

    @app.action("wait")
    async def wait() -> dict[str, Any]:
        while not gate.is_set():
            await asyncio.sleep(0.01)
        return {}

    with serving(app, redis_url, name), Requester(redis_url, timeout=20) as caller:
        calls = [caller.start(name, "wait") for _ in range(3)]
        eventually(lambda: "have been busy" in caplog.text)
        gate.set()
        assert [call.result() for call in calls] == [{}] * 3
    assert "all 2 async handlers have been busy for 0.1 s, 1 wait; longest: action 'wait'" in caplog.text
    assert "see max_async" in caplog.text


def test_a_loop_that_has_ended_is_told_of() -> None:
    loop = event_loop.EventLoop("shop", 1)
    loop.start()

    async def forever() -> None:
        await asyncio.sleep(60)

    outcomes: list[BaseException] = []

    def wait() -> None:
        try:
            loop.wait(forever)
        except BaseException as error:
            outcomes.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert loop.responds()
    assert loop.stop()
    waiting.join(20)
    assert len(outcomes) == 1
    with pytest.raises(DaebusError, match="the event loop of shop has ended"):
        loop.wait(forever)
    assert not loop.soon(lambda: None)
    assert loop.ended


def test_an_interrupt_of_a_start_hook_ends_it(redis_url: str, name: str) -> None:
    app, seen = Daebus(name), []

    @app.on_start
    async def first() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            seen.append("ended")

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        app.start(service=name, redis_url=redis_url)
    assert time.monotonic() - begun < 30
    eventually(lambda: seen == ["ended"])
    assert not app.running
