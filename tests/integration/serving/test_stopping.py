"""A service that is told to stop from within: by its hooks, handlers and tasks, of which none waits for itself."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partialmethod
from typing import Any

import pytest

from daebus import (
    AlreadyAnswered,
    ConfigurationError,
    Daebus,
    Deferred,
    Requester,
    RequestFailed,
    ServiceUnavailable,
    request,
    response,
)
from daebus.service.readers import Readers
from daebus.service.service import Service
from tests.support.framework_services import Program
from tests.support.waiting import eventually

Sort = Callable[[Callable[..., Any]], Callable[..., Any]]
GRACE = 300.0
"""Longer than any test waits: nothing here ends because it is over."""


def waiting(function: Callable[..., Any]) -> Callable[..., Any]:
    async def inner() -> Any:
        await asyncio.sleep(0)
        return function()

    return inner


sorts = pytest.mark.parametrize("sort", [lambda function: function, waiting], ids=["plain", "async"])


def in_time(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


class Beside:
    """Another handler of the app, on its loop, which goes on until it is to end."""

    def __init__(self, app: Daebus) -> None:
        self._begun, self._goes_on = threading.Event(), asyncio.Event()
        app.action("other")(self._other)

    async def _other(self) -> dict[str, Any]:
        self._begun.set()
        await self._goes_on.wait()
        return {"other": True}

    @contextmanager
    def going_on(self, service: Service, caller: Requester) -> Iterator[Callable[[], None]]:
        """While it is at work; gives what ends it, and sees that it is answered."""
        loop = service._loop
        assert loop is not None
        others = caller.start(service.name, "other")
        assert self._begun.wait(60)

        def end() -> None:
            loop.soon(self._goes_on.set)
            assert others.result() == {"other": True}

        yield end


@sorts
def test_a_stop_hook_may_stop_it(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    done: list[str] = []
    app.on_stop(sort(lambda: (app.stop(), done.append("first"))))
    app.on_stop(sort(lambda: done.append("second")))
    app.start(service=name, redis_url=redis_url)
    in_time(app.stop)
    assert done == ["first", "second"]
    assert not app.running


@sorts
def test_what_runs_in_it_cannot_start_it_again_and_is_told_at_once(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    told: list[str] = []

    def again() -> dict[str, Any]:
        app.stop()
        with pytest.raises(ConfigurationError) as caught:
            app.start(redis_url=redis_url)
        told.append(str(caught.value))
        return {"told": True}

    app.action("again")(sort(again))
    app.on_stop(sort(again))
    app.start(redis_url=redis_url)
    with Requester(redis_url, timeout=60) as caller:
        assert caller.call(name, "again") == {"told": True}
    in_time(app.stop)
    assert len(told) == 2
    assert all(text.startswith(f"{name!r} cannot be started again by what runs in it") for text in told)
    app.start(redis_url=redis_url)
    in_time(app.stop)


def test_a_signal_handler_may_stop_it_that_has_interrupted_its_start_or_its_stop(redis_url: str, name: str) -> None:
    code = """
import logging, signal, sys
from daebus import Daebus

app = Daebus(sys.argv[1])
app.on_stop(lambda: print("tidied"))
log = logging.getLogger("daebus")
log.setLevel(logging.INFO)
signal.signal(signal.SIGUSR1, lambda *_: app.stop())

def interrupt(record):
    print(record.msg.split()[1])
    signal.raise_signal(signal.SIGUSR1)
    return True

log.addFilter(interrupt)
app.start(redis_url=sys.argv[2])
print(app.running)
log.removeFilter(interrupt)
with app.start(redis_url=sys.argv[2]):
    print(app.running)
print(app.running)
"""
    program = Program("-c", code, name, redis_url)
    assert program.wait(60) == 0, program.output
    assert program.output.split() == ["serving", "tidied", "stopped", "False", "True", "tidied", "False"]


@sorts
def test_it_stops_when_it_has_started_where_a_start_hook_says_so(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    done: list[str] = []
    app.on_start(sort(lambda: (app.stop(), done.append("first"))))
    app.on_start(sort(lambda: done.append("second")))
    app.on_stop(lambda: done.append("stopped"))
    for _ in range(2):
        in_time(lambda: app.start(service=name, redis_url=redis_url))
        assert done == ["first", "second", "stopped"]
        assert not app.running
        done.clear()
    with Requester(redis_url) as caller, pytest.raises(ServiceUnavailable):
        caller.call(name, "any")


@sorts
def test_a_handler_that_stops_it_is_answered_and_so_are_the_others(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    stopped, beside = threading.Event(), Beside(app)
    app.action("stop")(sort(lambda: app.stop() or {"stops": True}))
    app.on_stop(waiting(stopped.set))
    app.start(service=name, redis_url=redis_url)
    service = app._service
    assert service is not None
    with Requester(redis_url, timeout=60) as caller, beside.going_on(service, caller) as end:
        stops = caller.start(name, "stop")
        eventually(lambda: service._intake.stopping)
        end()
        assert stops.result() == {"stops": True}
    eventually(lambda: not app.running)
    assert stopped.is_set()


@sorts
def test_a_handler_may_put_its_answer_off_stop_it_and_answer(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    handles: list[Deferred] = []

    def handler() -> None:
        handles.append(response.defer(GRACE))
        app.stop()
        for n, handle in enumerate(handles):
            handle.send({"n": n})

    app.action("first")(sort(lambda: handles.append(response.defer(GRACE))))
    app.action("last")(sort(handler))
    app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=60) as caller:
        first = caller.start(name, "first")
        eventually(lambda: handles)
        assert [caller.call(name, "last"), first.result()] == [{"n": 1}, {"n": 0}]
    eventually(lambda: not app.running)


def test_who_overruns_the_grace_is_not_waited_for_any_more_and_named(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Readers, "close", partialmethod(Readers.close, timeout=GRACE))
    app = Daebus(name)
    begun: list[object] = []
    gate, events = threading.Event(), f"{name}.events"

    def blocks(what: str) -> Callable[..., Any]:
        def block(*_given: object) -> None:
            begun.append(what)
            gate.wait(GRACE)

        return block

    async def sleeps(_payload: object) -> None:
        begun.append("async")
        await asyncio.sleep(GRACE)

    app.action("block")(blocks("action"))
    app.listen(events)(blocks("listener"))
    app.listen(f"{events}.async")(sleeps)
    app.background("tidy", 0.01)(blocks("task"))
    app.thread("watch")(blocks("thread"))
    app.action("later")(lambda: begun.append(response.defer(GRACE)))
    app.start(service=name, redis_url=redis_url)
    with Requester(redis_url) as caller:
        for action in ("block", "block", "later"):
            caller.send(name, action)
        for channel in (events, f"{events}.async"):
            caller.publish(channel, b"{}")
        eventually(lambda: len(begun) == 7)
        in_time(lambda: app.stop(0.1))
    gate.set()
    assert not app.running
    (line,) = [line for line in caplog.messages if "had to stop" in line or "nobody waits" in line]
    said, _colon, named = line.partition(" before these had ended: ")
    assert said == f"{name}: had to stop"
    assert sorted(named.split(", ")) == sorted(
        [
            "action 'block' (2 times)",
            f"a message on '{events}'",
            f"a message on '{events}.async'",
            "action 'later'",
            "put off",
            "background task 'tidy'",
            "thread 'watch'",
        ]
    )


def test_who_goes_on_answering_after_it_was_cut_off_has_made_no_error(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    gate, ended, asked = threading.Event(), list[object](), list[object]()
    app.teardown_request(lambda error: ended.append(type(error)))
    app.errorhandler(Exception)(lambda error: asked.append(error))

    @app.action("streams")
    def streams() -> Iterator[dict[str, Any]]:
        yield {"n": 0}
        yield {"n": 1}
        gate.wait(GRACE)
        yield {"n": 2}

    @app.action("sends")
    def sends() -> dict[str, Any]:
        response.send({"n": 0}, final=False)
        gate.wait(GRACE)
        response.send({"n": 1})
        return {}

    app.start(service=name, redis_url=redis_url)
    service = app._service
    assert service is not None
    with Requester(redis_url, timeout=60) as caller:
        calls = [caller.start(name, action) for action in ("streams", "sends")]
        assert [next(call.replies()).payload for call in calls] == [{"n": 0}, {"n": 0}]
        app.stop(0.1)
        for call in calls:
            with pytest.raises(RequestFailed, match="had to stop before this was finished"):
                call.result()
    gate.set()
    eventually(lambda: len(ended) == 2)
    assert ended == [AlreadyAnswered] * 2
    assert asked == []
    assert service.info()["counts"]["errors"] == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@sorts
def test_several_may_stop_it_at_once(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    together = threading.Barrier(3)

    def stop() -> dict[str, Any]:
        app.stop()
        return {"stops": True}

    @app.action("stop")
    def handler() -> dict[str, Any]:
        together.wait(60)
        return stop()

    app.action("other")(sort(stop))
    app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=60) as caller:
        calls = [caller.start(name, "stop") for _ in range(3)]
        assert [call.result() for call in calls] == [{"stops": True}] * 3
        eventually(lambda: not app.running)
        app.start(service=name, redis_url=redis_url)
        assert caller.call(name, "other") == {"stops": True}
    eventually(lambda: not app.running)


@sorts
def test_a_background_task_may_stop_it(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    app.background("stop", 0.01)(sort(app.stop))
    app.start(service=name, redis_url=redis_url)
    eventually(lambda: not app.running)


HOOKS: dict[str, Callable[[Daebus, Callable[[], object]], object]] = {
    "before": lambda app, stop: app.before_request(waiting(stop)),
    "after": lambda app, stop: app.after_request(taking(stop)),
    "teardown": lambda app, stop: app.teardown_request(taking(stop)),
    "error": lambda app, stop: app.errorhandler(KeyError)(taking(stop)),
}
"""Each as it is registered, async, to stop the app."""


def taking(function: Callable[[], object]) -> Callable[[Any], Any]:
    async def inner(given: Any) -> Any:
        await asyncio.sleep(0)
        function()
        return {"handled": True} if isinstance(given, KeyError) else given

    return inner


@pytest.mark.parametrize("hook", HOOKS)
@sorts
def test_an_async_hook_of_a_handler_of_either_sort_may_stop_it(
    redis_url: str, name: str, sort: Sort, hook: str
) -> None:
    """The others on the loop go on, and end meanwhile; the one whose hook it was is answered."""
    app = Daebus(name, grace=GRACE)
    beside = Beside(app)
    told: list[str] = []

    def answer() -> dict[str, Any]:
        if hook == "error":
            raise KeyError("x")
        return {"handled": True}

    def stop() -> None:
        if request.action == "handler":
            app.stop()
            told.append(hook)

    app.action("handler")(sort(answer))
    HOOKS[hook](app, stop)
    app.start(service=name, redis_url=redis_url)
    service = app._service
    assert service is not None
    with Requester(redis_url, timeout=60) as caller, beside.going_on(service, caller) as end:
        assert caller.call(name, "handler") == {"handled": True}
        eventually(lambda: told and service._intake.stopping)
        end()
    eventually(lambda: not app.running)
    assert told == [hook]
