"""Actions called like functions, and one action for many payloads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, Outcome, request, response
from daebus.errors import (
    ConfigurationError,
    PayloadError,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
)
from tests.support.framework_services import serving
from tests.support.waiting import eventually


@pytest.fixture
def caller(redis_url: str, name: str) -> Iterator[DaebusCaller]:
    app = Daebus(name, max_workers=8)
    app.action("echo")(lambda: request.payload)
    app.action("get-user")(lambda: {"user": request.payload.get("user.id")})
    app.action("class")(lambda: {"a": "keyword"})

    @app.action("steps")
    def steps() -> Any:
        response.send({"step": 1}, final=False)
        return {"step": 2}

    @app.action("odd")
    def odd() -> Any:
        if request.payload["n"] % 2:
            raise ValueError(f"{request.payload['n']} is odd")
        return {"n": request.payload["n"]}

    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        yield caller


def test_an_action_is_called_like_a_function(caller: DaebusCaller) -> None:
    assert caller.actions.echo(user_id=17, payload=1, action=2, timeout=3) == {
        "user_id": 17,
        "payload": 1,
        "action": 2,
        "timeout": 3,
    }
    assert caller.actions.echo() == {}
    assert caller.actions.echo({"user.id": 1}, more=2) == {"user.id": 1, "more": 2}
    assert caller.actions["get-user"]({"user.id": 17}) == {"user": 17}
    assert getattr(caller.actions, "class")() == {"a": "keyword"}
    assert caller.actions.echo.__name__ == "echo"


def test_it_may_have_a_time_limit_and_be_told_of_progress(caller: DaebusCaller) -> None:
    found: list[Any] = []
    assert caller.actions(on_progress=found.append).steps() == {"step": 2}
    assert found == [{"step": 1}]
    with pytest.raises(RequestTimeout, match="no time was left"):
        caller.actions(timeout=0).echo()
    # One thing after the other: each leaves the others as they are.
    with pytest.raises(RequestTimeout, match="no time was left"):
        caller.actions(timeout=0)(idempotent=True)(on_progress=found.append).echo()
    found.clear()
    assert caller.actions(on_progress=found.append)(timeout=30).steps() == {"step": 2}
    assert found == [{"step": 1}]


def test_its_mistakes_are_those_of_a_request(caller: DaebusCaller) -> None:
    with pytest.raises(RequestFailed, match="unknown action 'nothing'"):
        caller.actions.nothing()
    with pytest.raises(
        PayloadError, match=r"must be a dict, not list; fields are given by their names, as in echo\(name=...\)"
    ):
        caller.actions.echo([1])
    with pytest.raises(PayloadError, match="the action must be a non-empty str"):
        caller.actions[""]()
    # What Python asks an object about itself is no action.
    assert not hasattr(caller.actions, "__len__")
    with pytest.raises(TypeError):
        len(caller.actions)  # type: ignore[arg-type]


async def _asked(url: str, name: str) -> Any:
    async with AsyncDaebusCaller(name, redis_url=url) as caller:
        return await asyncio.gather(*(caller.actions(timeout=5).echo(n=n) for n in range(20)))


def test_an_asyncio_caller_has_them_to_await(redis_url: str, name: str, caller: DaebusCaller) -> None:
    assert asyncio.run(_asked(redis_url, name)) == [{"n": n} for n in range(20)]


def test_many_are_asked_and_the_outcomes_come_in_order(caller: DaebusCaller) -> None:
    found = list(caller.map("odd", ({"n": n} for n in range(100)), in_flight=7))
    assert [outcome.payload for outcome in found] == [{"n": n} for n in range(100)]
    for n, outcome in enumerate(found):
        assert outcome.ok is (n % 2 == 0)
        if outcome.ok:
            assert outcome.result() == outcome.answer == {"n": n}
        else:
            with pytest.raises(RequestFailed, match=f"{n} is odd"):
                outcome.result()
    assert caller._requester.pending == 0
    assert list(caller.map("odd", [])) == []


def test_no_more_than_so_many_are_under_way(redis_url: str, name: str) -> None:
    app = Daebus(name, max_workers=16)
    gate, inside, most = threading.Event(), threading.Semaphore(0), []

    @app.action("wait")
    def wait() -> Any:
        inside.release()
        gate.wait(30)
        return {}

    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url, timeout=30) as caller:
        taken: list[int] = []

        def payloads() -> Iterator[dict[str, int]]:
            for n in range(9):
                taken.append(n)
                yield {"n": n}

        thread = threading.Thread(target=lambda: most.extend(caller.map("wait", payloads(), in_flight=3)))
        thread.start()
        for _ in range(3):
            assert inside.acquire(timeout=10)
        assert not inside.acquire(timeout=0.2)
        assert taken == [0, 1, 2]
        gate.set()
        thread.join()
        assert [outcome.payload["n"] for outcome in most] == list(range(9))


def test_what_cannot_be_asked_is_an_outcome_as_well(caller: DaebusCaller, redis_url: str, name: str) -> None:
    payloads: list[Any] = [{"n": 2}, "none", {"n": object()}, {"n": 4}]
    found = list(caller.map("odd", payloads))
    assert [outcome.ok for outcome in found] == [True, False, False, True]
    assert isinstance(found[1].error, PayloadError)
    assert isinstance(found[2].error, PayloadError)
    with DaebusCaller(f"{name}_nobody", redis_url=redis_url) as nobody:
        (outcome,) = nobody.map("odd", [{"n": 1}])
        assert isinstance(outcome.error, ServiceUnavailable)
        assert outcome == Outcome({"n": 1}, error=outcome.error)


def test_whoever_stops_waits_for_none_of_the_rest(caller: DaebusCaller) -> None:
    found = caller.map("echo", ({"n": n} for n in range(1000)), in_flight=5)
    assert next(found).answer == {"n": 0}
    found.close()  # type: ignore[attr-defined]  # it is a generator
    eventually(lambda: caller._requester.pending == 0)

    def failing() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        raise LookupError("no more of them")

    with pytest.raises(LookupError, match="no more of them"):
        list(caller.map("echo", failing()))
    eventually(lambda: caller._requester.pending == 0)


@pytest.mark.parametrize("in_flight", [0, -1, 1.5, True, "3", None])
def test_how_many_is_a_number_from_one_on(caller: DaebusCaller, in_flight: Any) -> None:
    with pytest.raises(ConfigurationError, match="in_flight must be a whole number of at least 1"):
        caller.map("echo", [], in_flight=in_flight)


def test_an_asyncio_caller_asks_many_as_well(redis_url: str, name: str, caller: DaebusCaller) -> None:
    taken: list[int] = []

    def payloads() -> Iterator[Any]:
        for n in range(40):
            taken.append(n)
            yield {"n": n}

    async def asked() -> None:
        async with AsyncDaebusCaller(name, redis_url=redis_url) as one:
            found = [outcome async for outcome in one.map("odd", payloads(), in_flight=7)]
            assert [outcome.payload["n"] for outcome in found] == list(range(40))
            assert [outcome.ok for outcome in found] == [n % 2 == 0 for n in range(40)]
            with pytest.raises(RequestFailed, match="1 is odd"):
                found[1].result()
            odd = [outcome async for outcome in one.map("odd", [{"n": 2}, "none", {"n": 4}])]  # type: ignore[list-item]
            assert [type(outcome.error) for outcome in odd] == [type(None), PayloadError, type(None)]
            assert [outcome async for outcome in one.map("odd", [])] == []
            taken.clear()
            first = one.map("echo", payloads(), in_flight=5)
            assert (await anext(first)).answer == {"n": 0}
            assert taken == [0, 1, 2, 3, 4]
            await first.aclose()  # type: ignore[attr-defined]  # it is a generator
            with pytest.raises(ConfigurationError, match="in_flight"):
                one.map("odd", [], in_flight=0)
            with pytest.raises(PayloadError, match="payloads must be iterable"):
                one.map("odd", 3)  # type: ignore[arg-type]
            waiting = asyncio.create_task(anext(one.map("sleep", [{"n": 1}], timeout=20)))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert all(task.cancelling() for task in asyncio.all_tasks() if "_outcome" in repr(task))

    asyncio.run(asked())
