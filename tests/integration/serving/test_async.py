"""Async handlers, listeners, tasks and hooks: on one event loop, many at once, beside the threads."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis

from daebus import (
    AsyncDaebusCaller,
    Blueprint,
    Daebus,
    DaebusCaller,
    Requester,
    RequestFailed,
    ServiceUnavailable,
    broadcast,
    logger,
    request,
    response,
)
from daebus.errors import OutsideContextError
from daebus.testing import TestClient
from tests.support.framework_services import Tap, serving
from tests.support.waiting import eventually


def info(caller: Requester, name: str) -> dict[str, Any]:
    told: dict[str, Any] = caller.call(f"daebus.control.{name}", "info")
    return told


def test_each_task_has_its_own_request_and_response(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    places: set[tuple[int, str]] = set()

    @app.action("returned")
    async def returned() -> dict[str, Any]:
        """Sleeps, and tells its request."""
        places.add((threading.get_ident(), threading.current_thread().name))
        await asyncio.sleep(0.01)
        logger.info("at work")
        return {"n": request.payload["n"], "id": request.request_id}

    @app.action("sent")
    async def sent() -> int:
        await asyncio.sleep(0)
        received = await response.send({"part": request.payload["n"]}, final=False)
        assert received == 1
        assert await asyncio.gather(*[inner() for _ in range(3)]) == [request.payload["n"]] * 3
        return response.send({"n": request.payload["n"]})

    async def inner() -> Any:
        await asyncio.sleep(0)
        return request.payload["n"]

    caplog.set_level(logging.INFO, "daebus")
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        calls = {n: caller.start(name, "returned", {"n": n}) for n in range(200)}
        assert {n: call.result() for n, call in calls.items()} == {
            n: {"n": n, "id": call.request_id} for n, call in calls.items()
        }
        streams = [caller.start(name, "sent", {"n": n}) for n in range(50)]
        assert [list(stream.replies())[-1].payload for stream in streams] == [{"n": n} for n in range(50)]
        eventually(lambda: info(caller, name)["async"] == {"max": 100, "busy": 0})
    assert [place for _ident, place in places] == [f"daebus-{name}-loop"]
    assert {getattr(record, "action", None) for record in caplog.records if record.message == "at work"} == {"returned"}
    with pytest.raises(OutsideContextError):
        _ = request.payload


def test_no_loop_is_started_where_nothing_is_async(redis_url: str, name: str) -> None:
    app = Daebus(name)
    app.action("get")(dict)
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        assert "async" not in info(caller, name)
        assert not [thread for thread in threading.enumerate() if thread.name == f"daebus-{name}-loop"]


def test_a_handler_that_blocks_a_thread_slows_no_task_down(redis_url: str, name: str) -> None:
    app = Daebus(name, max_workers=2, max_queue=10)
    gate = threading.Event()

    @app.action("block")
    def block() -> dict[str, Any]:
        gate.wait(20)
        return {}

    @app.action("quick")
    async def quick() -> dict[str, Any]:
        return {"n": request.payload["n"]}

    with serving(app, redis_url, name), Requester(redis_url, timeout=20) as caller:
        # All workers, and half of the queue.
        blocked = [caller.start(name, "block") for _ in range(7)]
        eventually(lambda: info(caller, name)["queue"]["size"] == 5)
        assert [caller.call(name, "quick", {"n": n}) for n in range(50)] == [{"n": n} for n in range(50)]
        assert not gate.is_set()
        gate.set()
        assert [call.result() for call in blocked] == [{}] * 7


class Held:
    """An app whose async handler waits until `let_go`."""

    def __init__(self, name: str, **options: Any) -> None:
        self.app = Daebus(name, **options)
        self.began: list[int] = []
        self.ended: list[Any] = []
        self._gates: list[Callable[[], None]] = []
        self.app.action("hold")(self._hold)
        self.app.action("get")(dict)

    async def _hold(self) -> dict[str, Any]:
        gate = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._gates.append(lambda: loop.call_soon_threadsafe(gate.set) and None)
        self.began.append(request.payload["n"])
        try:
            await gate.wait()
        except BaseException as error:
            self.ended.append(type(error))
            raise
        self.ended.append(request.payload["n"])
        return {"n": request.payload["n"]}

    def let_go(self, count: int) -> None:
        for _ in range(count):
            self._gates.pop(0)()


def test_what_is_beyond_max_async_waits_in_the_queue_and_beyond_that_is_busy(redis_url: str, name: str) -> None:
    held = Held(name, max_async=2, max_queue=3, max_workers=1)
    with serving(held.app, redis_url, name), Requester(redis_url, timeout=20) as caller:
        calls = [caller.start(name, "hold", {"n": n}) for n in range(5)]
        eventually(lambda: info(caller, name)["queue"]["size"] == 3)
        assert info(caller, name)["async"] == {"max": 2, "busy": 2}
        eventually(lambda: held.began == [0, 1])
        with pytest.raises(RequestFailed, match="is busy: 3 messages wait") as caught:
            caller.call(name, "hold", {"n": 9})
        assert caught.value.code == "busy"
        # A worker is free: what it can do does not wait.
        assert caller.call(name, "get", {}) == {}
        held.let_go(1)
        eventually(lambda: held.began == [0, 1, 2])
        held.let_go(2)
        eventually(lambda: held.began == [0, 1, 2, 3, 4])
        held.let_go(2)
        assert [call.result() for call in calls] == [{"n": n} for n in range(5)]
        counts = info(caller, name)["counts"]
        assert (counts["received"], counts["handled"], counts["busy"]) == (7, 6, 1)


def test_no_work_is_done_for_a_request_that_expired_while_it_waited(redis_url: str, name: str) -> None:
    held = Held(name, max_async=1)
    with serving(held.app, redis_url, name), Requester(redis_url, timeout=20) as caller:
        with Tap(redis_url, f"{name}.to") as tap:
            first = caller.start(name, "hold", {"n": 1})
            eventually(lambda: held.began == [1])
            late = f'{{"action": "hold", "payload": {{}}, "reply_to": "{name}.to", "request_id": "2", "timeout": 0.02}}'
            caller.publish(name, late.encode())
            eventually(lambda: info(caller, name)["queue"]["size"] == 1)
            over = time.monotonic() + 0.03
            eventually(lambda: time.monotonic() > over)
            held.let_go(1)
            assert first.result() == {"n": 1}
            assert b'"expired"' in tap.next()[1]
        assert info(caller, name)["counts"]["expired"] == 1
        assert held.began == [1]


def test_instances_share_requests_to_async_handlers(redis_url: str, name: str) -> None:
    handled: list[tuple[int, int]] = []

    def instance(number: int) -> Daebus:
        app = Daebus(name, max_async=5)

        @app.action("take")
        async def take() -> dict[str, Any]:
            handled.append((number, request.payload["n"]))
            await asyncio.sleep(0.01)
            return {"by": number}

        return app

    with (
        serving(instance(0), redis_url, name, shared=True),
        serving(instance(1), redis_url, name, shared=True),
        Requester(redis_url, timeout=20) as caller,
    ):
        calls = [caller.start(name, "take", {"n": n}) for n in range(100)]
        for call in calls:
            assert [reply.final for reply in call.replies()] == [True]
    assert sorted(n for _by, n in handled) == list(range(100))
    assert {by for by, _n in handled} == {0, 1}


def test_an_async_caller_shares_the_loop(redis_url: str, name: str) -> None:
    users = AsyncDaebusCaller(f"{name}.users")
    app, other = Daebus(name), Daebus(f"{name}.users")

    @other.action("get")
    async def get() -> dict[str, Any]:
        return {"user": request.payload["id"], "parent": request.raw["parent_id"], "from": request.service}

    @app.action("ask")
    async def ask() -> dict[str, Any]:
        answers = await asyncio.gather(*[users.send_request("get", {"id": n}) for n in range(3)])
        return {"users": answers, "id": request.request_id}

    with (
        serving(other, redis_url, f"{name}.users"),
        serving(app, redis_url, name),
        DaebusCaller(name, redis_url=redis_url) as caller,
    ):
        for _ in range(3):
            answer = caller.send_request("ask")
            assert answer["users"] == [{"user": n, "parent": answer["id"], "from": name} for n in range(3)]
        assert len(users._sessions) == 1
    # The loop has ended, and its connections with it.
    eventually(lambda: _connections(redis_url, name) == 0)


def _connections(url: str, name: str) -> int:
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        return sum(1 for each in client.client_list() if name in each["name"])


def test_listeners_of_both_sorts_hear_the_same_channel(redis_url: str, name: str) -> None:
    app, blueprint = Daebus(name), Blueprint("news")
    heard: list[tuple[str, int]] = []

    @app.listen(f"{name}.news")
    def plain(payload: dict[str, Any]) -> None:
        heard.append(("plain", payload["n"]))

    @blueprint.listen(f"{name}.news")
    async def waiting(payload: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        heard.append(("async", payload["n"]))
        if payload["n"] == 2:
            raise KeyError("x")

    # The channel of the service itself, too.
    @app.listen(name)
    async def own(payload: dict[str, Any]) -> None:
        heard.append(("own", payload["payload"]["n"]))

    @app.action("get")
    def get() -> dict[str, Any]:
        return dict(request.payload)

    app.register_blueprint(blueprint)
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        for n in (1, 2):
            caller.publish(f"{name}.news", f'{{"n": {n}}}'.encode())
        caller.publish(f"{name}.news", b"[]")
        assert caller.call(name, "get", {"n": 3}) == {"n": 3}
        eventually(lambda: len(heard) == 5)
        assert sorted(heard) == [("async", 1), ("async", 2), ("own", 3), ("plain", 1), ("plain", 2)]
        eventually(lambda: info(caller, name)["counts"]["handled"] == 5)
        counts = info(caller, name)["counts"]
        assert (counts["received"], counts["errors"], counts["unreadable"]) == (4, 1, 1)


def test_background_tasks_and_hooks_of_the_service(redis_url: str, name: str) -> None:
    app = Daebus(name)
    done: list[str] = []
    stopped = threading.Event()

    @app.on_start
    async def first() -> None:
        await asyncio.sleep(0)
        done.append("start")

    @app.background("tick", 0.01)
    async def tick() -> None:
        done.append("tick")
        broadcast.send(f"{name}.ticks", {"n": len(done)})
        await asyncio.sleep(0)
        if len(done) == 3:
            raise ValueError("logged")

    @app.background("wait", 0.01)
    async def forever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    @app.on_stop
    async def last() -> None:
        await asyncio.sleep(0)
        assert stopped.is_set()
        done.append("stop")

    with Tap(redis_url, f"{name}.ticks") as tap:
        app.start(service=name, redis_url=redis_url)
        assert done[0] == "start"
        eventually(lambda: done.count("tick") >= 4)
        begun = time.monotonic()
        app.stop(grace=0.05)
        assert time.monotonic() - begun < 10
        assert len(tap.collect()) >= 3
    assert done[-1] == "stop"
    assert done.count("stop") == done.count("start") == 1


def test_a_start_hook_that_raises_keeps_the_service_from_starting(redis_url: str, name: str) -> None:
    app = Daebus(name)

    @app.on_start
    async def first() -> None:
        raise KeyError("no")

    with pytest.raises(KeyError, match="no"):
        app.start(service=name, redis_url=redis_url)
    assert not app.running
    eventually(lambda: not [thread for thread in threading.enumerate() if name in thread.name])


def test_the_test_client_runs_it_all(name: str) -> None:
    app = Daebus(name)
    heard: list[Any] = []

    @app.action("add")
    async def add() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        heard.append(request.payload)
        return {"sum": sum(request.payload["numbers"])}

    @app.listen("news")
    async def news(payload: dict[str, Any]) -> None:
        await asyncio.sleep(0.01)
        heard.append(payload)

    with app.test_client() as client:
        assert client.request("add", {"numbers": [1, 2]}) == {"sum": 3}
        client.send("add", {"numbers": [3]})
        client.broadcast("news", {"n": 1})
        # Sent and broadcast messages have been dealt with.
        assert heard == [{"numbers": [1, 2]}, {"numbers": [3]}, {"n": 1}]


def test_async_callers_of_handlers_reach_other_apps_on_the_test_bus(name: str) -> None:
    users = AsyncDaebusCaller(f"{name}.users")
    app, other = Daebus(name), Daebus(f"{name}.users")

    @other.action("get")
    async def get() -> AsyncIterator[dict[str, Any]]:
        yield {"part": 1}
        yield {"user": request.payload["id"]}

    @app.action("ask")
    async def ask() -> dict[str, Any]:
        with pytest.raises(ServiceUnavailable):
            await AsyncDaebusCaller("nobody").send_request("x")
        with pytest.raises(RequestFailed, match="unknown action"):
            await users.send_request("nope")
        assert await users.send_message("get", {"id": 0}) == 1
        return {"all": [part async for part in users.stream_request("get", {"id": request.payload["n"]})]}

    with other.test_client() as client, TestClient(app, bus=client.bus) as gateway:
        assert gateway.request("ask", {"n": 7}) == {"all": [{"part": 1}, {"user": 7}]}
        gateway.settle()


def test_a_task_group_that_fails_is_answered_with_what_failed_in_it(redis_url: str, name: str) -> None:
    app = Daebus(name)

    async def fail(error: Exception) -> None:
        raise error

    @app.action("one")
    async def one() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(LookupError("no such user")))

    @app.action("many")
    def many() -> None:
        raise ExceptionGroup("at once", [ValueError(), ExceptionGroup("below", [KeyError("k")]), *[OSError("o")] * 3])

    group = "unhandled errors in a TaskGroup (1 sub-exception): LookupError: no such user"
    several = (
        "at once (5 sub-exceptions): ValueError; ExceptionGroup: below (1 sub-exception): KeyError: 'k'; OSError: o; …"
    )
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        for action, text in (("one", group), ("many", several)):
            with pytest.raises(RequestFailed) as caught:
                caller.send_request(action)
            assert (caught.value.message, caught.value.type) == (text, "ExceptionGroup")
