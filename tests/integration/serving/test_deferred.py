"""Answers that come after their handler has ended."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from daebus import (
    AlreadyAnswered,
    Daebus,
    DaebusError,
    Deferred,
    RedisUnavailable,
    Requester,
    RequestFailed,
    request,
    response,
)
from daebus.service.answering.deferred import Deferrals
from daebus.service.answering.response import Response
from daebus.service.answering.terms import Terms
from daebus.service.answering.unsent import Unsent
from daebus.wire.envelope import Request
from tests.support.framework_services import serving
from tests.support.waiting import eventually


class Desk:
    """An app that puts its answers off; `handles` are those, by `n` of the request."""

    def __init__(self, name: str, **options: Any) -> None:
        self.app = Daebus(name, max_workers=1, **options)
        self.handles: dict[int, Deferred] = {}
        self.app.action("order")(self._order)
        self.app.action("order_async")(self._order_async)

    def _order(self) -> None:
        self.handles[request.payload["n"]] = response.defer(request.payload.get("within", 60))

    async def _order_async(self) -> None:
        self._order()

    def handle(self, n: int) -> Deferred:
        return eventually(lambda: self.handles.get(n))  # type: ignore[return-value]


@pytest.fixture(params=["order", "order_async"])
def action(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def desk(redis_url: str, name: str) -> Iterator[Desk]:
    desk = Desk(name)
    with serving(desk.app, redis_url, name):
        yield desk


@pytest.fixture
def caller(redis_url: str) -> Iterator[Requester]:
    with Requester(redis_url, timeout=20) as requester:
        yield requester


def failure(call: Any) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        call.result()
    return caught.value


def test_any_thread_answers_while_the_worker_is_free(desk: Desk, caller: Requester, name: str, action: str) -> None:
    calls = [caller.start(name, action, {"n": n}) for n in range(20)]
    for n in range(20):
        assert not desk.handle(n).finished
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: desk.handles[n].send({"n": n}), range(20))) == [1] * 20
    assert [call.result() for call in calls] == [{"n": n} for n in range(20)]
    assert all(handle.finished for handle in desk.handles.values())
    assert repr(desk.handles[0]) == f"<Deferred action {action!r}, answered>"
    with pytest.raises(AlreadyAnswered, match="has sent its final response already"):
        desk.handles[0].send({})


def test_parts_and_errors_go_through_the_handle(desk: Desk, caller: Requester, name: str, action: str) -> None:
    call = caller.start(name, action, {"n": 1})
    handle = desk.handle(1)
    assert (handle.send({"part": 1}, final=False), handle.progress({"part": 2}, 50)) == (1, 1)
    handle.error(KeyError("sold out"), code="sold_out")
    replies = call.replies()
    assert [next(replies).payload, next(replies).payload] == [{"part": 1}, {"part": 2, "progress_percentage": 50}]
    last = next(replies)
    assert (last.ok, last.code, last.type) == (False, "sold_out", "KeyError")


def test_a_task_answers(redis_url: str, name: str, caller: Requester) -> None:
    app = Daebus(name)
    tasks = set()

    @app.action("order")
    async def order() -> None:
        task = asyncio.get_running_loop().create_task(later(response.defer(), request.payload["n"]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def later(handle: Deferred, n: int) -> None:
        await asyncio.sleep(0.01)
        assert await handle.send({"part": n}, final=False) == 1
        handle.send({"n": n})

    with serving(app, redis_url, name):
        calls = [caller.start(name, "order", {"n": n}) for n in range(10)]
        for n, call in enumerate(calls):
            assert [reply.payload for reply in call.replies()] == [{"part": n}, {"n": n}]


def test_what_is_not_answered_in_time_has_expired(
    desk: Desk, caller: Requester, name: str, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    slow = caller.start(name, action, {"n": 0})
    calls = [caller.start(name, action, {"n": n, "within": 0.05 + n / 1000}) for n in range(1, 20)]
    for call in calls:
        error = failure(call)
        assert error.code == "expired"
        assert f"action '{action}' was not answered within 0.0" in str(error)
    with pytest.raises(AlreadyAnswered, match=r"was answered already \(action '.*' was not answered within 0.051 s\)"):
        desk.handles[1].send({})
    with pytest.raises(DaebusError):
        desk.handles[1].progress({})
    assert desk.handles[1].finished
    eventually(lambda: caller.call(f"daebus.control.{name}", "info")["counts"]["expired"] == 19)
    # One clock for all of them.
    assert len([thread for thread in threading.enumerate() if thread.name == f"daebus-{name}-deferred"]) == 1
    desk.handles[0].send({"n": 0})
    assert slow.result() == {"n": 0}


def test_a_handle_that_is_dropped_is_answered_for(
    desk: Desk, caller: Requester, name: str, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    call = caller.start(name, action, {"n": 1})
    desk.handle(1)
    desk.handles.clear()
    gc.collect()
    error = failure(call)
    assert (error.code, str(error)) == ("no_response", f"action '{action}' dropped its handle without a final answer")
    # One that was answered may go.
    answered = caller.start(name, action, {"n": 2})
    desk.handle(2).send({"n": 2})
    desk.handles.clear()
    assert answered.result() == {"n": 2}
    eventually(lambda: [one for one in caplog.records if one.levelno >= logging.ERROR], what="the first is told")
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


def test_a_stop_waits_for_them_and_then_answers(redis_url: str, name: str, caller: Requester, action: str) -> None:
    desk = Desk(name)
    desk.app.start(service=name, redis_url=redis_url)
    calls = [caller.start(name, action, {"n": n}) for n in range(2)]
    first, second = desk.handle(0), desk.handle(1)
    stopper = threading.Thread(target=desk.app.stop, args=(0.5,))
    stopper.start()
    first.send({"n": 0})
    assert calls[0].result() == {"n": 0}
    error = failure(calls[1])
    stopper.join(20)
    assert (error.code, str(error)) == ("shutting_down", f"{name} had to stop before this was answered")
    with pytest.raises(AlreadyAnswered, match="had to stop"):
        second.send({})
    # Where none is open, it waits for nothing.
    desk.app.start(service=name, redis_url=redis_url)
    begun = time.monotonic()
    desk.app.stop(20)
    assert time.monotonic() - begun < 15


def test_an_exception_and_a_dict_answer_all_the_same(redis_url: str, name: str, caller: Requester) -> None:
    app, handles = Daebus(name), []

    @app.action("raises")
    def raises() -> None:
        handles.append(response.defer())
        raise KeyError("x")

    @app.action("returns")
    def returns() -> dict[str, Any]:
        handles.append(response.defer())
        return {"n": 1}

    @app.action("twice")
    def twice() -> None:
        handles.append(response.defer())
        response.defer()

    @app.action("late")
    def late() -> None:
        response.send({})
        response.defer()

    with serving(app, redis_url, name):
        assert failure(caller.start(name, "raises")).type == "KeyError"
        assert caller.call(name, "returns") == {"n": 1}
        assert "has been put off already" in str(failure(caller.start(name, "twice")))
        assert all(handle.finished for handle in handles)
        assert caller.call(name, "late") == {}


def test_hooks_end_with_the_handler(redis_url: str, name: str, caller: Requester) -> None:
    desk, calls = Desk(name), []
    desk.app.after_request(lambda answer: calls.append(answer))
    desk.app.teardown_request(lambda error: calls.append(error))
    with serving(desk.app, redis_url, name):
        call = caller.start(name, "order", {"n": 1})
        eventually(lambda: calls == [None])
        desk.handle(1).send({"n": 1})
        assert call.result() == {"n": 1}
        assert calls == [None]


def test_one_way_messages_may_be_put_off(desk: Desk, caller: Requester, name: str, action: str) -> None:
    caller.send(name, action, {"n": 1})
    caller.send(name, action, {"n": 2, "within": 0.01})
    assert desk.handle(1).send({"n": 1}) == 0
    eventually(lambda: caller.call(f"daebus.control.{name}", "info")["counts"]["expired"] == 1)


def test_the_test_client_runs_it(name: str) -> None:
    desk = Desk(name)
    with desk.app.test_client() as client, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.request, "order", {"n": 1}, 10)
        desk.handle(1).send({"n": 1})
        assert asked.result() == {"n": 1}
        with pytest.raises(RequestFailed, match=r"was not answered within 0\.01 s"):
            client.request("order", {"n": 2, "within": 0.01})


@pytest.mark.parametrize("answered", ["after it", "within it"])
@pytest.mark.parametrize("sort", ["plain", "async"])
def test_what_a_generator_yields_is_a_part_where_it_puts_its_answer_off(name: str, sort: str, answered: str) -> None:
    app, handles = Daebus(name), list[Deferred]()

    def put_off() -> dict[str, int]:
        handles.append(response.defer())
        if answered == "within it":
            handles[0].send({"n": 3})
        return {"n": 2}

    @app.action("plain")
    def plain() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        part = put_off()
        if answered == "after it":
            yield part

    @app.action("async")
    async def in_a_task() -> AsyncIterator[dict[str, int]]:
        yield {"n": 1}
        part = put_off()
        if answered == "after it":
            yield part

    with app.test_client() as client:
        stream = client.stream(sort)
        assert next(stream) == {"n": 1}
        if answered == "after it":
            assert next(stream) == {"n": 2}
            handles[0].send({"n": 3})
        assert list(stream) == [{"n": 3}]


def test_an_answer_that_does_not_get_out_is_not_waited_for() -> None:
    class Away:
        def post(self, *_arguments: Any) -> None:
            raise RedisUnavailable("away")

        def failed(self, *_arguments: Any) -> None:
            pass

    deferrals, told = Deferrals("svc", lambda: None), []
    answering: Any = (None, "svc", "i", Away(), Unsent("svc"))
    answer = Response(Terms(*answering, deferrals=deferrals), Request("order", {}, "caller:x", "r"))
    handle = answer.defer()
    assert answer.put_off(lambda: told.append(1))
    with pytest.raises(RedisUnavailable):
        handle.send({})
    assert (deferrals.open, told) == (0, [1])
    assert not answer.put_off(lambda: told.append(2))
    deferrals.finish(0)
