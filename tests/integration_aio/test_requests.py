"""Requests from asyncio programs over a real Redis. Each test runs event loops of its own."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from typing import Any

import pytest
import redis

from daebus import (
    AsyncDaebusCaller,
    ConfigurationError,
    Daebus,
    DaebusCaller,
    PayloadError,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
)
from tests.integration_aio.shop import Shop, connections, pending, until
from tests.support.framework_services import Tap, serving, subscribers
from tests.support.redis_server import RedisServer


def test_a_request_is_answered(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url, name="web", timeout=7) as caller:
            payload = {"text": "grüß \u2028 \U0001f600", "deep": [{"a": [1, None, True, 1e300]}]}
            assert await caller.send_request("echo", payload) == payload
            assert await caller.send_request("echo") == {}
            about = await caller.send_request("about", request_id="mine")
            assert about["reply_to"].startswith("caller:")
            assert {**about, "reply_to": ""} == {
                "service": "web",
                "request_id": "mine",
                "parent_id": None,
                "timeout": 7,
                "reply_to": "",
            }

    asyncio.run(main())


def test_ten_megabytes_there_and_back(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url) as caller:
            payload = {"data": "x" * 10_000_000}
            assert await caller.send_request("echo", payload, timeout=30) == payload

    asyncio.run(main())


def test_partial_responses_go_to_a_plain_function_and_to_a_coroutine(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url) as caller:
            seen: list[Any] = []
            assert await caller.send_request("steps", on_progress=seen.append) == {"done": True}

            async def ask_again(part: Any) -> None:
                seen.append(await caller.send_request("echo", part))

            assert await caller.send_request("steps", on_progress=ask_again) == {"done": True}
            assert seen == [{"step": 0}, {"step": 1}, {"step": 2}] * 2

    asyncio.run(main())


def test_what_on_progress_raises_ends_the_call(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async def give_up(part: Any) -> None:
            raise TimeoutError("its own")

        async with AsyncDaebusCaller(shop.name, redis_url=redis_url) as caller:
            with pytest.raises(TimeoutError, match="its own") as caught:
                await caller.send_request("steps", {"block": True}, on_progress=give_up)
            assert not isinstance(caught.value, RequestTimeout)
            assert pending(caller) == 0

    asyncio.run(main())


def test_a_stream_gives_the_parts_and_then_the_final_payload(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url) as caller:
            parts = [part async for part in caller.stream_request("steps", {"count": 2})]
            assert parts == [{"step": 0}, {"step": 1}, {"done": True}]
            with pytest.raises(RequestFailed, match="not on the shelf"):
                await anext(caller.stream_request("fail"))

    asyncio.run(main())


def test_a_stream_left_early_leaves_nothing_behind(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url) as caller:
            async for part in caller.stream_request("steps", {"block": True}):
                assert part == {"step": 0}
                break
            await until(lambda: pending(caller) == 0)
            shop.gate.set()
            assert await caller.send_request("echo", {"a": 1}) == {"a": 1}

    asyncio.run(main())


def test_errors_come_at_once_and_are_those_of_the_threaded_caller(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url, timeout=60) as caller:
            begun = time.monotonic()
            with pytest.raises(RequestFailed, match="not on the shelf") as caught:
                await caller.send_request("fail")
            assert (caught.value.code, caught.value.type) == ("handler_error", "LookupError")
            with pytest.raises(RequestFailed) as caught:
                await caller.send_request("nope")
            assert caught.value.code == "unknown_action"
            for payload in ([1], {"a": object()}, {"a": float("nan")}):
                with pytest.raises(PayloadError):
                    await caller.send_request("note", payload)  # type: ignore[arg-type] # that is the point
                with pytest.raises(PayloadError):
                    await caller.send_message("note", payload)  # type: ignore[arg-type] # that is the point
            async with AsyncDaebusCaller(f"{shop.name}.nobody", redis_url=redis_url, timeout=60) as unserved:
                with pytest.raises(ServiceUnavailable, match=f"nobody serves '{shop.name}.nobody'"):
                    await unserved.send_request("x")
                assert pending(unserved) == 0
            assert time.monotonic() - begun < 30
        assert shop.notes == []

    asyncio.run(main())


def test_the_timeout_bounds_the_whole_call(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url) as caller:
            begun = time.monotonic()
            with pytest.raises(RequestTimeout, match=r"no answer from .* to 'block' within 0.3 s"):
                await caller.send_request("block", timeout=0.3)

            async def hang(part: Any) -> None:
                await asyncio.sleep(60)

            with pytest.raises(RequestTimeout):
                await caller.send_request("steps", timeout=0.3, on_progress=hang)
            with pytest.raises(RequestTimeout):
                await anext(caller.stream_request("block", timeout=0.3))
            assert 0.9 <= time.monotonic() - begun < 10
            assert pending(caller) == 0
            shop.gate.set()
            assert await caller.send_request("echo", {"next": 1}, timeout=float("inf")) == {"next": 1}

    asyncio.run(main())


def test_no_time_means_nothing_is_sent(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url) as caller:
            for timeout in (0, -1):
                with pytest.raises(RequestTimeout, match="nothing was sent"):
                    await caller.send_request("note", timeout=timeout)
            for wrong in (float("nan"), "5", True):
                with pytest.raises(ConfigurationError):
                    await caller.send_request("note", timeout=wrong)  # type: ignore[arg-type] # that is the point
            await caller.send_request("echo")
        assert shop.notes == []

    asyncio.run(main())


def test_three_hundred_calls_at_once_over_one_pair_of_connections(
    shop: Shop, redis_url: str, shared_redis: RedisServer
) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url, name=f"{shop.name}.web", timeout=60) as caller:
            answers = await asyncio.gather(*(caller.send_request("echo", {"n": n}) for n in range(300)))
            assert answers == [{"n": n} for n in range(300)]
            assert pending(caller) == 0
            assert await asyncio.to_thread(connections, shared_redis, f"{shop.name}.web") == 2
            # This one, the caller's watch over its connections, and nothing for any of the calls.
            assert len(asyncio.all_tasks()) == 2

    asyncio.run(main())


def test_a_cancelled_call_leaves_nothing_behind(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url, timeout=60) as caller:
            asking = [asyncio.create_task(caller.send_request("block")) for _ in range(10)]
            await until(lambda: len(shop.notes) == 10)
            for task in asking[:5]:
                task.cancel()
            ended = await asyncio.gather(*asking[:5], return_exceptions=True)
            assert {type(outcome) for outcome in ended} == {asyncio.CancelledError}
            assert pending(caller) == 5
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await caller.send_request("block")
            shop.gate.set()
            assert await asyncio.gather(*asking[5:]) == [{"unblocked": True}] * 5
            assert pending(caller) == 0
            assert await caller.send_request("echo", {"a": 1}) == {"a": 1}

    asyncio.run(main())


def test_a_request_id_that_waits_already_is_refused(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url, timeout=60) as caller:
            asking = asyncio.create_task(caller.send_request("block", request_id="same"))
            await until(lambda: shop.notes)
            with pytest.raises(ConfigurationError, match="waiting already"):
                await caller.send_request("echo", request_id="same")
            shop.gate.set()
            assert await asking == {"unblocked": True}

    asyncio.run(main())


def test_rotten_replies_confuse_nobody(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url, timeout=60) as caller:
            reply_to = (await caller.send_request("about"))["reply_to"]
            asking = asyncio.create_task(caller.send_request("block", request_id="mine"))
            await until(lambda: shop.notes)
            good = {"status": "success", "payload": 1, "request_id": "nobody's", "final": True}
            with redis.Redis.from_url(redis_url) as client:
                for data in (b"\xff", b"[]", b"5", b"{}", json.dumps(good), json.dumps({**good, "request_id": [1]})):
                    client.publish(reply_to, data)
                assert await caller.send_request("echo", {"a": 1}) == {"a": 1}
                shop.gate.set()
                assert await asking == {"unblocked": True}
                client.publish(reply_to, json.dumps({**good, "request_id": "mine"}))
            assert await caller.send_request("echo", {"a": 2}) == {"a": 2}

    asyncio.run(main())


def test_one_way_messages(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(shop.name, redis_url=redis_url) as caller:
            assert await caller.send_message("note", {"way": 1}) == 1
            assert await caller.send_to_service({"way": 2}, action="note") == 1
            await until(lambda: len(shop.notes) == 2)
            assert shop.notes == [{"way": 1}, {"way": 2}]
        channel = f"{shop.name}.events"
        with Tap(redis_url, channel) as tap:
            async with AsyncDaebusCaller(channel, redis_url=redis_url) as events:
                assert await events.send_to_service({"plain": True}) == 1
            assert json.loads(tap.next()[1]) == {"plain": True}

    asyncio.run(main())


def test_a_closed_caller_that_is_used_again_connects_again(
    shop: Shop, redis_url: str, shared_redis: RedisServer
) -> None:
    async def main() -> None:
        caller = AsyncDaebusCaller(shop.name, redis_url=redis_url, name=f"{shop.name}.web")
        await caller.close()
        for number in range(5):
            assert await caller.send_request("echo", {"n": number}) == {"n": number}
            await caller.close()
            await caller.close()
            assert len(asyncio.all_tasks()) == 1
        await until(lambda: connections(shared_redis, f"{shop.name}.web") == 0)

    asyncio.run(main())


def test_closing_leaves_the_calls_of_other_tasks_alone(shop: Shop, redis_url: str, shared_redis: RedisServer) -> None:
    async def main() -> None:
        caller = AsyncDaebusCaller(shop.name, redis_url=redis_url, name=f"{shop.name}.web", timeout=60)
        asking = asyncio.create_task(caller.send_request("block"))
        await until(lambda: shop.notes)
        await caller.close()
        shop.gate.set()
        assert await asking == {"unblocked": True}
        await until(lambda: connections(shared_redis, f"{shop.name}.web") == 0)

        async def ask_and_close(number: int) -> Any:
            try:
                return await caller.send_request("echo", {"n": number})
            finally:
                await caller.close()

        assert len(await asyncio.gather(*(ask_and_close(number) for number in range(50)))) == 50

    asyncio.run(main())


def test_one_caller_in_one_event_loop_after_another(shop: Shop, redis_url: str, shared_redis: RedisServer) -> None:
    caller = AsyncDaebusCaller(shop.name, redis_url=redis_url, name=f"{shop.name}.web")

    async def ask(number: int) -> Any:
        return await caller.send_request("echo", {"n": number})

    for number in range(3):
        # Never closed: the end of the loop ends the connections.
        assert asyncio.run(ask(number)) == {"n": number}
    assert len(caller._sessions) == 1
    assert subscribers(redis_url, shop.name) == 1
    assert connections(shared_redis, f"{shop.name}.web") == 0


def test_one_caller_in_two_event_loops_at_once(shop: Shop, redis_url: str) -> None:
    async def main() -> None:
        caller = AsyncDaebusCaller(shop.name, redis_url=redis_url)

        async def ask(mark: str) -> list[Any]:
            return [await caller.send_request("echo", {mark: n}) for n in range(50)]

        here, there = await asyncio.gather(ask("here"), asyncio.to_thread(lambda: asyncio.run(ask("there"))))
        assert here == [{"here": n} for n in range(50)]
        assert there == [{"there": n} for n in range(50)]
        await caller.close()

    asyncio.run(main())


def test_a_caller_that_nobody_holds_takes_its_connections_with_it(
    shop: Shop, redis_url: str, shared_redis: RedisServer
) -> None:
    async def main() -> None:
        caller = AsyncDaebusCaller(shop.name, redis_url=redis_url, name=f"{shop.name}.web")
        await caller.send_request("echo")
        del caller
        gc.collect()
        await until(lambda: connections(shared_redis, f"{shop.name}.web") == 0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_both_kinds_of_callers_ask_one_service_and_handlers_may_be_asyncio_programs(shop: Shop, redis_url: str) -> None:
    front = Daebus(f"{shop.name}.front")

    @front.action("about")
    def about() -> dict[str, Any]:
        # No URL is given: it asks on the Redis of the service whose handler runs.
        return {"inner": asyncio.run(AsyncDaebusCaller(shop.name).send_request("about"))}

    async def main() -> None:
        loop_caller = AsyncDaebusCaller(front_name, redis_url=redis_url)
        with DaebusCaller(front_name, redis_url=redis_url) as thread_caller:
            outcomes = await asyncio.gather(
                loop_caller.send_request("about", request_id="from the loop"),
                asyncio.to_thread(thread_caller.send_request, "about", request_id="from a thread"),
            )
        await loop_caller.close()
        for outcome, parent in zip(outcomes, ("from the loop", "from a thread"), strict=True):
            assert outcome["inner"]["parent_id"] == parent
            assert outcome["inner"]["service"] == front_name

    front_name = f"{shop.name}.front"
    with serving(front, redis_url, front_name):
        asyncio.run(main())


def test_where_the_service_is_on_a_test_bus_it_asks_there(name: str) -> None:
    app = Daebus(name)

    @app.action("ask")
    def ask() -> dict[str, Any]:
        return {"answer": asyncio.run(AsyncDaebusCaller("other").send_request("x"))}

    with app.test_client() as client, pytest.raises(RequestFailed, match="has no subscriber at the test bus"):
        client.request("ask")
