"""`running` and `watch`: what a service does just now, and what it publishes while somebody watches."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, broadcast, request, response
from daebus.service.control import watch as watching
from daebus.service.control.frames import own, places_in
from tests.support.framework_services import Tap, serving, subscribers
from tests.support.recorded import Asked
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


class Halting:
    """A service whose handlers wait until `gate` is set."""

    def __init__(self, url: str, name: str) -> None:
        self.gate = threading.Event()
        self.app = Daebus(name, max_workers=2, max_queue=50)
        self.other = DaebusCaller(f"{name}.silent", redis_url=url, timeout=30)
        self._register(url, name)

    def _register(self, url: str, name: str) -> None:
        app = self.app

        @app.action("hang")
        def hang() -> dict[str, Any]:
            self.gate.wait(30)
            return {}

        @app.action("ask")
        def ask() -> Any:
            return self.other.send_request("never", {}, timeout=request.payload.get("timeout", 20))

        @app.action("hang_async")
        async def hang_async() -> dict[str, Any]:
            await inner()
            return {}

        async def inner() -> None:
            while not self.gate.is_set():
                await asyncio.sleep(0.01)

        @app.action("ask_async")
        async def ask_async() -> Any:
            async with AsyncDaebusCaller(f"{name}.silent", redis_url=url) as caller:
                return await caller.send_request("never", {}, timeout=20)

        @app.action("parts")
        async def parts() -> AsyncIterator[dict[str, Any]]:
            yield {"n": 1}
            await inner()
            yield {"n": 2}

        @app.action("later")
        def later() -> None:
            handle = response.defer(within=20)
            threading.Thread(target=lambda: self.gate.wait(30) and handle.send({})).start()

        @app.listen(f"{name}.news")
        def on_news(payload: dict[str, Any]) -> None:
            self.gate.wait(30)


@pytest.fixture
def halting(redis_url: str, name: str) -> Iterator[Halting]:
    service = Halting(redis_url, name)
    # Somebody is there, and never answers: who waits for that is cancelled when the grace is over.
    with Tap(redis_url, f"{name}.silent"), serving(service.app, redis_url, name, grace=1):
        yield service
        # What still waits ends here, and not in the midst of another test.
        service.gate.set()
        service.other._requester.close()


@pytest.fixture
def asked(halting: Halting, redis_url: str, name: str) -> Iterator[Asked]:
    with Asked(redis_url, name) as asked:
        yield asked
        halting.gate.set()


def running(asked: Asked, count: int = 1) -> list[dict[str, Any]]:
    """What runs, once so many do."""

    def enough() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = asked.control("running")["running"]
        return found if len(found) == count else []

    return eventually(enough, what=f"{count} run")


def test_a_handler_is_told_with_its_place_and_its_age(asked: Asked, halting: Halting) -> None:
    assert asked.control("running")["running"] == []
    asked.requester.start(asked.service, "hang", request_id="r1")
    (found,) = running(asked)
    assert (found["id"], found["action"], found["from"]) == ("r1", "hang", "asked")
    assert 0 <= found["age"] < 30
    assert found["thread"].startswith(f"daebus-{asked.service}-")
    file, _colon, rest = found["at"].rpartition(":")
    assert (file, rest.split(" ")[1].rpartition(".")[2]) == (__file__, "hang")
    # The innermost first, the outermost that is the program's own last: what calls a handler is of no interest.
    assert "wait" in found["stack"][0]
    assert found["stack"][-1] == found["at"]
    assert "waits_for" not in found
    halting.gate.set()
    assert eventually(lambda: asked.control("running")["running"] == [])


def test_what_a_handler_waits_for_is_told(asked: Asked) -> None:
    asked.requester.start(asked.service, "ask", {"timeout": 20}, request_id="r1")
    found = eventually(lambda: [each for each in running(asked) if "waits_for" in each])[0]
    assert found["waits_for"]["service"] == f"{asked.service}.silent"
    assert found["waits_for"]["action"] == "never"
    assert len(found["waits_for"]["id"]) == 32
    assert found["at"].endswith("ask")


def test_when_the_call_is_over_it_is_not_waited_for(asked: Asked) -> None:
    with pytest.raises(Exception, match="within"):
        asked.call("ask", {"timeout": 0.05})
    assert asked.records(1, kinds=["called"])[0]["outcome"] == "timeout"
    assert eventually(lambda: asked.control("running")["running"] == [])


@pytest.mark.parametrize(("action", "innermost"), [("hang_async", "inner"), ("parts", "inner")])
def test_tasks_are_told_with_their_own_stack(asked: Asked, halting: Halting, action: str, innermost: str) -> None:
    asked.requester.start(asked.service, action, request_id="r1")

    def suspended() -> bool:
        (found,) = running(asked)
        names = [line.split(" ")[-1].rpartition(".")[2] for line in found["stack"] if line.startswith(__file__)]
        return names == [innermost, action] and found["at"].endswith(innermost)

    eventually(suspended)
    halting.gate.set()
    assert eventually(lambda: asked.control("running")["running"] == [])


def test_a_task_that_waits_for_a_call_is_told(asked: Asked) -> None:
    call = asked.requester.start(asked.service, "ask_async", request_id="r1")
    found = eventually(lambda: [each for each in running(asked) if "waits_for" in each])[0]
    assert found["waits_for"]["action"] == "never"
    assert found["at"].endswith("ask_async")
    call.cancel()


def test_a_listener_is_told_as_the_run_that_it_is(asked: Asked) -> None:
    broadcast_on = f"{asked.service}.news"
    asked.requester.publish(broadcast_on, b"{}")
    (found,) = running(asked)
    assert found["cause"] == f"listener {broadcast_on}"
    assert "action" not in found


def test_what_waits_is_told_the_oldest_first(asked: Asked, halting: Halting) -> None:
    for number in range(2):
        asked.requester.start(asked.service, "hang", request_id=f"busy{number}")
    running(asked, 2)
    for number in range(12):
        asked.requester.start(asked.service, "hang", request_id=f"r{number}")
    asked.requester.publish(asked.service, b"no JSON")
    queue = eventually(lambda: (found := asked.control("running")["queue"])["size"] == 13 and found)
    assert (queue["size"], queue["max"]) == (13, 50)
    assert [(each["id"], each["action"], each["from"]) for each in queue["oldest"]] == [
        (f"r{number}", "hang", "asked") for number in range(10)
    ]
    ages = [each["age"] for each in queue["oldest"]]
    assert ages == sorted(ages, reverse=True)
    info = asked.control("info")["queue"]
    assert info["size"] == 13
    assert info["oldest"] >= ages[0]
    halting.gate.set()


def test_an_answer_that_is_put_off_is_none_of_what_runs(asked: Asked, halting: Halting) -> None:
    call = asked.requester.start(asked.service, "later")
    assert asked.records(1, kinds=["handled"])[0]["outcome"] == "deferred"
    assert asked.control("running")["running"] == []
    halting.gate.set()
    assert call.result() == {}


def test_a_thread_that_is_gone_is_not_told() -> None:
    class Left:
        task = None
        thread = -1

    assert places_in(Left(), {}) is None  # type: ignore[arg-type]
    assert own([]) is None


def batches(tap: Tap) -> list[dict[str, Any]]:
    """What was published since this was last asked."""
    tap.collect(0.02)
    new = [json.loads(data) for _channel, data in tap.seen]
    assert all(len(data) <= watching.BATCH for _channel, data in tap.seen)
    tap.seen.clear()
    return new


def test_who_watches_gets_new_records_until_the_lease_ends(
    asked: Asked, halting: Halting, redis_url: str, name: str
) -> None:
    halting.gate.set()
    asked.call("hang", request_id="before")
    asked.records(1)
    with Tap(redis_url, f"daebus.watch.{name}") as tap:
        answer = asked.control("watch", lease=0.5)
        assert answer == {"channel": f"daebus.watch.{name}", "lease": 0.5, "seq": 1}
        asked.call("hang", request_id="r1")
        seen = eventually(lambda: batches(tap))
        assert (seen[0]["service"], seen[0]["instance"], seen[0]["seq"]) == (name, halting.app.instance, 2)
        assert [(each["seq"], each["id"]) for each in seen[0]["records"]] == [(2, "r1")]
        assert seen[0]["records"] == asked.records(2)[1:]
        threads = f"daebus-{name}-records"
        eventually(lambda: threads not in {thread.name for thread in threading.enumerate()})
        asked.call("hang", request_id="after")
        asked.records(3)
        assert batches(tap) == []
        assert asked.control("watch", lease=1000)["lease"] == 30
        asked.call("hang", request_id="again")
        seen = eventually(lambda: batches(tap))
        assert [each["id"] for each in seen[0]["records"]] == ["again"]


def test_only_the_kinds_that_somebody_watches_are_published(asked: Asked, redis_url: str, name: str) -> None:
    with Tap(redis_url, f"daebus.watch.{name}") as tap:
        asked.control("watch", lease=5, kinds=["refused"])
        asked.control("watch", lease=5, kinds=["published"])
        asked.requester.send(name, "nothing", {})
        seen = eventually(lambda: batches(tap))
        assert [each["kind"] for each in seen[0]["records"]] == ["refused"]


def test_a_flood_is_published_in_bounds_failures_first(
    asked: Asked, halting: Halting, redis_url: str, name: str
) -> None:
    halting.gate.set()
    with Tap(redis_url, f"daebus.watch.{name}") as tap:
        asked.control("watch", lease=5)
        service = halting.app._service
        assert service is not None
        assert service.recorder is not None
        error = ValueError("x" * 3000)
        for number in range(1500):
            service.recorder.handled(f"r{number}", "a", None, 0, 0, "e" if number % 100 == 99 else "ok", error=error)
        sent: list[dict[str, Any]] = []

        def all_sent() -> bool:
            sent.extend(batches(tap))
            return bool(sent) and sent[-1]["seq"] >= 1500

        eventually(all_sent)
        told = [each for batch in sent for each in batch["records"]]
        lost = sum(batch.get("left_out", 0) + batch.get("lost", 0) for batch in sent)
        assert lost > 0
        assert len(told) + lost == 1500


def test_where_the_acl_forbids_it_that_is_told_once(
    own_redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    app.action("plain")(dict)
    with redis.Redis.from_url(own_redis.url) as client:
        rights = ["+@all", "~*", "resetchannels", f"&{name}", f"&daebus.control.{name}", "&caller:*"]
        client.execute_command("ACL", "SETUSER", "svc", "on", ">pw", *rights)
    url = own_redis.url.replace("redis://", "redis://svc:pw@")
    with serving(app, url, name), Asked(own_redis.url, name) as asked:
        asked.control("watch", lease=5)
        for number in range(3):
            asked.call("plain")
            asked.records(number + 1)
            eventually(lambda number=number: _tried(app) > number)  # type: ignore[misc]
        assert f"daebus.watch.{name}" in asked.control("watch", lease=5)["problem"]
        told = [each for each in caplog.messages if "sees no records" in each]
        assert len(told) == 1
        with redis.Redis.from_url(own_redis.url) as client:
            client.execute_command("ACL", "SETUSER", "svc", f"&daebus.watch.{name}")
        # Nothing is to be told, and all the same it is found out.
        eventually(lambda: "problem" not in asked.control("watch", lease=5))
        assert [each for each in caplog.messages if "allows publishing records again" in each]


def _tried(app: Daebus) -> int:
    """How often Redis has refused the records of a service."""
    service = app._service
    assert service is not None
    episode = service._refusals._episodes.get("publishing records")
    return 0 if episode is None else episode.count


def test_the_end_of_a_service_is_not_held_up_by_who_watches(redis_url: str, name: str) -> None:
    app = Daebus(name)
    app.action("plain")(dict)
    with Tap(redis_url, f"daebus.watch.{name}") as tap, Asked(redis_url, name) as asked:
        with serving(app, redis_url, name):
            asked.control("watch", lease=30)
            asked.call("plain", request_id="last")
            asked.records(1)
        assert f"daebus-{name}-records" not in {thread.name for thread in threading.enumerate()}
        assert [each["id"] for batch in batches(tap) for each in batch["records"]] == ["last"]
    assert subscribers(redis_url, name) == 0


def test_names_as_others_have_them_are_told(redis_url: str, name: str) -> None:
    app = Daebus(name)
    gate = threading.Event()

    @app.action("\x1b[31m" + "x" * 300)
    def odd() -> dict[str, Any]:
        gate.wait(20)
        broadcast.send(f"{name}.\x1b", {})
        return {}

    with serving(app, redis_url, name), Asked(redis_url, name) as asked:
        data = {"action": "\x1b[31m" + "x" * 300, "payload": {}, "request_id": 1e300, "service": "\udfff" * 300}
        asked.requester.publish(name, json.dumps({**data, "reply_to": "nobody"}).encode())
        (found,) = running(asked)
        gate.set()
        assert found["id"] == 1e300
        assert found["action"].startswith("\x1b[31m")
        assert len(found["action"]) < 250
        assert [each["kind"] for each in asked.records(2)] == ["published", "handled"]
