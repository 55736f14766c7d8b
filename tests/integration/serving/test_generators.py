"""Generators as handlers: each value is a partial answer, and nobody is answered who has gone."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, Daebus, Requester, RequestFailed, request, response
from tests.support.framework_services import Tap, serving
from tests.support.waiting import eventually


def counted(requester: Requester, name: str) -> dict[str, int]:
    counts: dict[str, int] = requester.call(f"daebus.control.{name}", "info")["counts"]
    return counts


def plain(app: Daebus) -> None:
    @app.action("count")
    def count() -> Iterator[dict[str, Any]]:
        for n in range(request.payload["to"]):
            yield {"n": n}

    @app.action("returns")
    def returns() -> Generator[dict[str, Any], None, dict[str, Any]]:
        yield {"n": 0}
        yield {"n": 1}
        return {"n": "last"}

    @app.action("sends")
    def sends() -> Generator[dict[str, Any], None, int]:
        yield {"n": 0}
        response.progress({"n": 1}, 50)
        yield {"n": 2}
        return response.send({"n": "last"})

    @app.action("raises")
    def raises() -> Iterator[dict[str, Any]]:
        yield {"n": 0}
        yield {"n": 1}
        raise KeyError("in the middle")

    @app.action("unwritable")
    def unwritable() -> Iterator[Any]:
        yield {"n": 0}
        yield object()
        yield {"n": 2}

    @app.action("stops")
    def stops() -> dict[str, Any]:
        return next(iter([]))

    @app.action("yields_sent")
    def yields_sent() -> Iterator[Any]:
        yield {"n": 0}
        yield response.send({"n": 1}, final=False)
        yield {"n": 2}
        yield response.send({"n": "last"})

    @app.action("yields_parts")
    def yields_parts(n: int = 0) -> Iterator[dict[str, Any]]:
        yield response.send({"n": n}, final=False)  # type: ignore[misc]

    @app.action("answers_twice")
    def answers_twice() -> Iterator[Any]:
        response.send({"n": 0})
        yield {"n": 1}


def waiting(app: Daebus) -> None:
    @app.action("count")
    async def count() -> AsyncIterator[dict[str, Any]]:
        for n in range(request.payload["to"]):
            await asyncio.sleep(0)
            yield {"n": n}

    @app.action("returns")
    async def returns() -> AsyncIterator[dict[str, Any]]:
        yield {"n": 0}
        yield {"n": 1}
        yield {"n": "last"}

    @app.action("sends")
    async def sends() -> AsyncIterator[dict[str, Any]]:
        yield {"n": 0}
        response.progress({"n": 1}, 50)
        yield {"n": 2}
        response.send({"n": "last"})

    @app.action("raises")
    async def raises() -> AsyncIterator[dict[str, Any]]:
        yield {"n": 0}
        yield {"n": 1}
        raise KeyError("in the middle")

    @app.action("unwritable")
    async def unwritable() -> AsyncIterator[Any]:
        yield {"n": 0}
        yield object()
        yield {"n": 2}

    @app.action("stops")
    async def stops() -> dict[str, Any]:
        return next(iter([]))

    @app.action("yields_sent")
    async def yields_sent() -> AsyncIterator[Any]:
        yield {"n": 0}
        yield response.send({"n": 1}, final=False)
        yield {"n": 2}
        yield response.send({"n": "last"})

    @app.action("yields_parts")
    async def yields_parts(n: int = 0) -> AsyncIterator[dict[str, Any]]:
        yield response.send({"n": n}, final=False)  # type: ignore[misc]

    @app.action("answers_twice")
    async def answers_twice() -> AsyncIterator[Any]:
        response.send({"n": 0})
        yield {"n": 1}


SORTS = pytest.mark.parametrize("sort", [plain, waiting], ids=["plain", "async"])


@SORTS
def test_each_value_is_a_partial_answer_and_the_last_one_final(
    redis_url: str, name: str, sort: Callable[[Daebus], None]
) -> None:
    app = Daebus(name)
    sort(app)
    with serving(app, redis_url, name), Requester(redis_url) as caller:

        def answers(action: str, **payload: Any) -> list[tuple[Any, bool]]:
            return [(reply.payload["n"], reply.final) for reply in caller.start(name, action, payload).replies()]

        assert answers("count", to=3) == [(0, False), (1, False), (2, True)]
        assert answers("count", to=1) == [(0, True)]
        assert answers("returns") == [(0, False), (1, False), ("last", True)]
        # What is sent besides comes in its order.
        assert answers("sends") == [(0, False), (1, False), (2, False), ("last", True)]
        # What is yielded of an answer that was sent is no answer.
        assert answers("yields_sent") == [(0, False), (1, False), (2, False), ("last", True)]
        parts = caller.start(name, "yields_parts", {"n": 5})
        assert next(parts.replies()).payload == {"n": 5}
        with pytest.raises(RequestFailed, match="ended without a final response"):
            parts.result()
        many = [caller.start(name, "count", {"to": 20}) for _ in range(20)]
        for call in many:
            assert [reply.payload["n"] for reply in call.replies()] == list(range(20))
        eventually(lambda: counted(caller, name)["handled"] == 26)


def test_what_was_sent_is_no_answer_where_it_was_awaited_either(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)

    @app.before_request
    async def guards() -> Any:
        if request.payload.get("denied"):
            return await response.error("not you")
        return None

    @app.action("awaits_sent")
    async def awaits_sent() -> AsyncIterator[Any]:
        yield {"n": 0}
        yield await response.send({"n": 1}, final=False)
        yield {"n": 2}
        yield await response.send({"n": "last"})

    @app.action("awaits_typed")
    async def awaits_typed(n: int) -> AsyncIterator[dict[str, Any]]:
        yield await response.send({"n": n})  # type: ignore[misc]

    @app.action("awaits_twice")
    async def awaits_twice() -> int:
        receipt = response.send({"n": 1})
        return await receipt + await (await receipt)

    with serving(app, redis_url, name), Requester(redis_url) as caller:
        parts = [reply.payload["n"] for reply in caller.start(name, "awaits_sent", {}).replies()]
        assert parts == [0, 1, 2, "last"]
        assert caller.call(name, "awaits_typed", {"n": 3}) == {"n": 3}
        assert caller.call(name, "awaits_twice", {}) == {"n": 1}
        for action in ("awaits_sent", "awaits_twice"):
            with pytest.raises(RequestFailed, match="not you"):
                caller.call(name, action, {"denied": True})
        eventually(lambda: counted(caller, name)["handled"] == 5)
    assert "raised" not in caplog.text


@SORTS
def test_whatever_goes_wrong_is_answered(
    redis_url: str, name: str, sort: Callable[[Daebus], None], caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    sort(app)
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        seen: list[Any] = []

        def failed(action: str, **payload: Any) -> RequestFailed:
            seen.clear()
            with pytest.raises(RequestFailed) as caught:
                seen.extend(caller.stream(name, action, payload))
            return caught.value

        error = failed("raises")
        # The value that was held back is not lost.
        assert (error.code, error.type, seen) == ("handler_error", "KeyError", [{"n": 0}, {"n": 1}])
        error = failed("unwritable")
        assert (error.code, error.type, seen) == ("handler_error", "PayloadError", [{"n": 0}])
        error = failed("count", to=0)
        assert (error.code, str(error)) == ("no_response", "action 'count' ended without a final response")
        error = failed("stops")
        assert (error.code, error.type) == ("handler_error", "StopIteration")
        assert list(caller.stream(name, "answers_twice")) == [{"n": 0}]
        eventually(lambda: "AlreadyAnswered" in caplog.text)
        assert counted(caller, name)["errors"] == 4


class Endless:
    """An app with a generator that never ends by itself, and how it ended."""

    def __init__(self, name: str, sort: str) -> None:
        self.app = Daebus(name)
        self.ends: list[Any] = []
        self.step = threading.Event()
        self.yielded = 0
        self.app.action("feed")(getattr(self, sort))
        self.app.teardown_request(lambda error: self.ends.append(error))

    def plain(self) -> Iterator[dict[str, Any]]:
        try:
            while True:
                self.yielded += 1
                yield {"n": self.yielded}
                self.step.wait(0.01)
        except BaseException as error:
            self.ends.append(type(error))
            raise

    async def waiting(self) -> AsyncIterator[dict[str, Any]]:
        try:
            while True:
                self.yielded += 1
                yield {"n": self.yielded}
                await asyncio.sleep(0.01)
        except BaseException as error:
            self.ends.append(type(error))
            raise

    async def silent(self) -> AsyncIterator[dict[str, Any]]:
        yield {"n": 1}
        yield {"n": 2}
        try:
            await asyncio.sleep(60)
        except BaseException as error:
            self.ends.append(type(error))
            raise


@pytest.mark.parametrize(
    ("sort", "ends"),
    [
        ("plain", GeneratorExit),
        ("waiting", (GeneratorExit, asyncio.CancelledError)),
        ("silent", asyncio.CancelledError),
    ],
)
def test_it_is_closed_when_the_time_of_the_asker_is_over(
    redis_url: str, name: str, sort: str, ends: Any, caplog: pytest.LogCaptureFixture
) -> None:
    endless = Endless(name, sort)
    with serving(endless.app, redis_url, name), Requester(redis_url) as caller, Tap(redis_url, f"{name}.to") as tap:
        # A subscriber that goes on listening, though its time is over.
        asked = f'{{"action": "feed", "payload": {{}}, "reply_to": "{name}.to", "request_id": "1", "timeout": 0.1}}'
        caller.publish(name, asked.encode())
        eventually(lambda: len(endless.ends) == 2)
        assert issubclass(endless.ends[0], ends)
        assert endless.ends[1] is None
        eventually(lambda: tap.collect() and b'"expired"' in tap.seen[-1][1])
        assert b'"final":true' in tap.seen[-1][1].replace(b" ", b"")
        assert counted(caller, name)["expired"] == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("sort", ["plain", "waiting"])
def test_it_is_closed_when_nobody_receives_its_parts(redis_url: str, name: str, sort: str) -> None:
    endless = Endless(name, sort)
    with serving(endless.app, redis_url, name), Requester(redis_url) as caller:
        asked = f'{{"action": "feed", "payload": {{}}, "reply_to": "{name}.nobody", "request_id": "1"}}'
        caller.publish(name, asked.encode())
        eventually(lambda: endless.ends == [GeneratorExit, None])
        assert endless.yielded == 2
        assert counted(caller, name)["expired"] == 1


@SORTS
def test_one_that_answers_nobody_runs_to_its_end(
    redis_url: str, name: str, sort: Callable[[Daebus], None], caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    sort(app)
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        caller.send(name, "count", {"to": 50})
        eventually(lambda: counted(caller, name)["handled"] == 1)
        caller.send(name, "raises")
        eventually(lambda: counted(caller, name)["errors"] == 1)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [KeyError]


def test_one_that_does_not_let_itself_be_closed_is_told_of(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)

    @app.action("stubborn")
    def stubborn() -> Iterator[dict[str, Any]]:
        while True:
            try:
                yield {}
            except GeneratorExit:
                yield {}

    with serving(app, redis_url, name), Requester(redis_url) as caller:
        caller.publish(name, f'{{"action": "stubborn", "reply_to": "{name}.nobody", "payload": {{}}}}'.encode())
        eventually(lambda: counted(caller, name)["errors"] == 1)
    assert "generator ignored GeneratorExit" in caplog.text


def test_an_async_caller_streams_from_it(redis_url: str, name: str) -> None:
    app = Daebus(name)
    plain(app)

    async def main() -> list[Any]:
        async with AsyncDaebusCaller(name, redis_url=redis_url) as caller:
            return [part async for part in caller.stream_request("count", {"to": 4})]

    with serving(app, redis_url, name):
        assert asyncio.run(main()) == [{"n": n} for n in range(4)]


@SORTS
def test_the_test_client_streams(sort: Callable[[Daebus], None], name: str) -> None:
    app = Daebus(name)
    sort(app)
    with app.test_client() as client:
        assert list(client.stream("count", {"to": 3})) == [{"n": 0}, {"n": 1}, {"n": 2}]
        assert client.request("returns") == {"n": "last"}
