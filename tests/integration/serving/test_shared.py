"""Several instances of one service that share the work."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from typing import Any

import pytest
import redis

from daebus import Daebus, DaebusCaller, PermissionDenied, Requester, RequestFailed, RequestTimeout, broadcast
from daebus.service.claims import Claims
from daebus.service.control.channel import control_channel
from daebus.transport.address import RedisAddress
from daebus.transport.publisher import Publisher
from daebus.wire.envelope import Request
from tests.support.framework_services import Tap, serving
from tests.support.instances import Instance, instances
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


def code_of(requester: Requester, service: str, action: str, **options: Any) -> str | None:
    with pytest.raises(RequestFailed) as caught:
        requester.call(service, action, **options)
    return caught.value.code


def total(several: list[Instance], what: str) -> int:
    """A count of all instances together."""
    return sum(instance.app._service._dispatcher.counts[what] for instance in several if instance.app._service)


def queued(instance: Instance) -> int:
    assert instance.app._service is not None
    return int(instance.app._service.info()["queue"]["size"])


def test_without_it_every_instance_handles_every_request(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 2, shared=False) as several, Requester(redis_url) as requester:
        requester.call(name, "echo", {"n": 1})
        eventually(lambda: [len(instance.handled) for instance in several] == [1, 1])


def test_each_request_is_handled_and_answered_exactly_once(redis_url: str, name: str) -> None:
    with (
        instances(redis_url, name, 3) as several,
        Requester(redis_url, timeout=30) as requester,
        Tap(redis_url, requester.reply_channel) as tap,
    ):

        def ask(first: int) -> None:
            for number in range(first, first + 50):
                requester.call(name, "echo", {"n": number})

        threads = [threading.Thread(target=ask, args=(first,)) for first in range(0, 400, 50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = [payload["n"] for instance in several for payload in instance.handled]
        assert sorted(done) == list(range(400))
        eventually(lambda: total(several, "elsewhere") == 800)
        answered = [json.loads(data)["request_id"] for _channel, data in tap.collect(0.2)]
        assert len(answered) == len(set(answered)) == 400


def test_an_idle_instance_is_served_before_a_busy_one(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 3, max_workers=1) as several, Requester(redis_url, timeout=30) as requester:
        blocked = []
        for _ in range(2):
            blocked.append(requester.start(name, "block"))
            eventually(lambda: sum(len(instance.handled) for instance in several) == len(blocked))
        (idle,) = [instance for instance in several if not instance.handled]
        for number in range(20):
            assert requester.call(name, "echo", {"n": number}) == {"by": idle.number}
        for instance in several:
            instance.gate.set()
        assert sorted(call.result()["by"] for call in blocked) == sorted({0, 1, 2} - {idle.number})
        eventually(lambda: total(several, "elsewhere") == 44)
        assert sum(len(instance.handled) for instance in several) == 22


def test_a_full_instance_refuses_nothing_that_another_has_room_for(redis_url: str, name: str) -> None:
    with (
        instances(redis_url, name, 2, max_workers=1, max_queue=1) as several,
        Requester(redis_url, timeout=30) as requester,
    ):
        blocked = [requester.start(name, "block")]
        eventually(lambda: total(several, "elsewhere") == 1 and any(instance.handled for instance in several))
        full, other = sorted(several, key=lambda instance: not instance.handled)
        blocked.append(requester.start(name, "block"))
        eventually(lambda: other.handled)
        # The one that was busy first has its copy of the second request in its queue, which is full with it.
        waiting = requester.start(name, "echo")
        eventually(lambda: queued(other) == 1)
        with Tap(redis_url, requester.reply_channel) as tap:
            begun = time.monotonic()
            assert code_of(requester, name, "echo") == "busy"
            assert time.monotonic() - begun < 5
            assert len(tap.collect(0.2)) == 1
        assert total(several, "busy") == 1
        other.gate.set()
        assert waiting.result() == {"by": other.number}
        full.gate.set()
        assert [call.result() is not None for call in blocked] == [True] * 2


def test_an_action_that_no_instance_knows_is_told_once(redis_url: str, name: str) -> None:
    with (
        instances(redis_url, name, 3),
        Requester(redis_url) as requester,
        Tap(redis_url, requester.reply_channel) as tap,
    ):
        assert code_of(requester, name, "nope") == "unknown_action"
        assert len(tap.collect(0.2)) == 1


def test_an_instance_that_does_not_know_an_action_leaves_it_to_one_that_does(redis_url: str, name: str) -> None:
    newer = Daebus(name)
    newer.action("new")(lambda: {"by": "newer"})
    with (
        instances(redis_url, name, 2),
        serving(newer, redis_url, name, shared=True),
        Requester(redis_url) as requester,
    ):
        for _ in range(20):
            assert requester.call(name, "new") == {"by": "newer"}


def test_one_way_messages_are_shared_and_broadcasts_reach_every_instance(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 3) as several, DaebusCaller(name, redis_url=redis_url) as caller:
        for _ in range(20):
            caller.send_message("echo", {"same": True})
        eventually(lambda: total(several, "elsewhere") == 40)
        eventually(lambda: total(several, "handled") == 20)
        assert sum(len(instance.handled) for instance in several) == 20
        broadcast.send(f"{name}.event", {"n": 1})
        eventually(lambda: [instance.heard for instance in several] == [[{"n": 1}]] * 3)


def test_what_cannot_be_told_from_its_like_is_handled_by_every_instance(redis_url: str, name: str) -> None:
    message = json.dumps({"action": "echo", "payload": {}})
    with instances(redis_url, name, 2) as several, redis.Redis.from_url(redis_url) as client:
        client.publish(name, message)
        client.publish(name, message)
        eventually(lambda: [len(instance.handled) for instance in several] == [2, 2])


def test_a_bad_request_is_answered_once(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 3) as several, Tap(redis_url, "replies." + name) as tap:
        with redis.Redis.from_url(redis_url) as client:
            client.publish(name, json.dumps({"action": 5, "reply_to": "replies." + name, "request_id": "r"}))
        assert json.loads(tap.next()[1])["payload"]["code"] == "bad_request"
        eventually(lambda: total(several, "unreadable") == 3)
        assert len(tap.collect(0.2)) == 1


def test_no_work_is_done_for_what_has_expired_and_it_is_told_once(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 2, max_workers=1) as several, Requester(redis_url, timeout=30) as requester:
        blocked = [requester.start(name, "block"), requester.start(name, "block")]
        eventually(lambda: all(instance.handled for instance in several))
        # It is with Redis before its time is over, however busy the machine is.
        late = requester.start(name, "echo", {"too": "late"}, timeout=1)
        with pytest.raises(RequestTimeout):
            late.result()
        # A service counts from when it came in, which was a little later.
        eventually(lambda: total(several, "received") == 6)
        over = time.monotonic() + 1.0
        eventually(lambda: time.monotonic() > over)
        for instance in several:
            instance.gate.set()
        assert [call.result() is not None for call in blocked] == [True] * 2
        eventually(lambda: total(several, "expired") == 1)
        eventually(lambda: total(several, "elsewhere") == 3)
        assert [len(instance.handled) for instance in several] == [1, 1]


def test_a_stopping_instance_leaves_what_waits_to_the_others(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 2, max_workers=1) as several, Requester(redis_url, timeout=30) as requester:
        blocked = [requester.start(name, "block"), requester.start(name, "block")]
        eventually(lambda: all(instance.handled for instance in several))
        waiting = [requester.start(name, "echo", {"n": number}) for number in range(10)]
        staying, leaving = several
        stopping = threading.Thread(target=leaving.app.stop)
        stopping.start()
        with Requester(redis_url) as other, pytest.raises(RequestTimeout):
            other.call(name, "echo", timeout=0.3)
        leaving.gate.set()
        stopping.join()
        staying.gate.set()
        assert [call.result() for call in waiting] == [{"by": staying.number}] * 10
        assert sorted(call.result()["by"] for call in blocked) == [0, 1]


def test_the_last_instance_to_stop_answers_what_waits(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 2, max_workers=1) as several, Requester(redis_url, timeout=30) as requester:
        blocked = [requester.start(name, "block"), requester.start(name, "block")]
        eventually(lambda: all(instance.handled for instance in several))
        waiting = [requester.start(name, "echo", {"n": number}) for number in range(10)]
        stopping = [threading.Thread(target=instance.app.stop) for instance in several]
        for thread in stopping:
            thread.start()
        for call in waiting:
            with pytest.raises(RequestFailed) as caught:
                call.result()
            assert caught.value.code == "shutting_down"
        for instance in several:
            instance.gate.set()
        assert sorted(call.result()["by"] for call in blocked) == [0, 1]
        for thread in stopping:
            thread.join()


def test_claims_expire_by_themselves(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 2) as several, Requester(redis_url) as requester:
        requester.call(name, "echo", timeout=20)
        code_of(requester, name, "nope", timeout=30)
        eventually(lambda: total(several, "elsewhere") == 1)
        with redis.Redis.from_url(redis_url) as client:
            lives = [
                client.pttl(key) for kind in ("claim", "pass") for key in client.keys(f"daebus:{kind}:{{{name}}}:*")
            ]
        check, *others = sorted(lives)
        assert len(others) >= 3
        # Each outlives its time by 15 s.
        assert 0 < check <= 16_000
        assert all(19_000 < life <= 45_000 for life in others if life > 16_000)


def test_without_the_right_to_claim_it_does_not_start(name: str) -> None:
    server = RedisServer().start()
    try:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "svc", "on", ">pw", "+@all", "~other:*", "&*")
            url = server.url.replace("redis://", "redis://svc:pw@")
            with pytest.raises(PermissionDenied, match=r"shared=True needs SET, GET, INCR and PEXPIRE"):
                Daebus(name).start(service=name, redis_url=url, shared=True)
            client.execute_command("ACL", "SETUSER", "svc", "~daebus:claim:*", "~daebus:pass:*")
            with instances(url, name, 2), Requester(url) as requester:
                assert code_of(requester, name, "nope") == "unknown_action"
                client.execute_command("ACL", "SETUSER", "svc", "resetkeys")
                with Requester(server.url) as unharmed:
                    assert code_of(unharmed, name, "echo") == "redis_refused"
    finally:
        server.close()


def test_claiming_costs_one_round_trip_and_only_where_it_is_asked_for(
    own_redis: RedisServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Heartbeats, which a slow machine may come to, have commands of their own.
    for after in ("reconnecting.FIRST_AFTER", "listener.HEARTBEAT_AFTER"):
        monkeypatch.setattr(f"daebus.transport.{after}", 1000.0)

    def commands(shared: bool) -> dict[str, int]:
        with instances(own_redis.url, name, 1, shared=shared), Requester(own_redis.url) as requester:
            requester.call(name, "echo")
            with own_redis.client() as client:
                client.config_resetstat()
                for _ in range(10):
                    requester.call(name, "echo")
                stats = client.info("commandstats")
        # Redis counts subcommands by themselves from 7.0 on.
        return {key.removeprefix("cmdstat_").partition("|")[0]: value["calls"] for key, value in stats.items()}

    plain, shared = commands(False), commands(True)
    assert "set" not in plain
    assert shared.pop("set") == 10
    # Who subscribes is not asked each time.
    assert {key for key in plain if "config" not in key and "info" not in key} <= {"publish", "pubsub"}
    assert shared["publish"] == plain["publish"] == 20


def burst(url: str, name: str, count: int, first: int = 0, action: str = "echo") -> None:
    """So many requests at once, as many callers may send them."""
    with redis.Redis.from_url(url) as client, client.pipeline(transaction=False) as pipeline:
        for number in range(first, first + count):
            message = {"action": action, "payload": {"n": number}, "request_id": f"{first}-{number}"}
            pipeline.publish(name, json.dumps({**message, "reply_to": f"caller:{name}", "service": "burst"}))
        pipeline.execute()


def test_what_comes_together_is_claimed_together(
    own_redis: RedisServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As quick as they are, on a busy machine handlers may take long.
    monkeypatch.setattr("daebus.service.chain.dispatcher.BRISK", 1000.0)
    with instances(own_redis.url, name, 1) as (instance,), own_redis.client() as client:
        looks = 0

        def published() -> int:
            nonlocal looks
            looks += 1
            return int(client.info("commandstats").get("cmdstat_publish", {"calls": 0})["calls"])

        def reads(count: int) -> int:
            """How often Redis reads from others than this test, for so many requests that come together."""
            nonlocal looks
            client.config_resetstat()
            looks = 0
            burst(own_redis.url, name, count, first=len(instance.handled))

            def all_are_answered() -> bool:
                assert published() >= 2 * count
                return True

            eventually(all_are_answered)
            assert client.info("commandstats")["cmdstat_set"]["calls"] == count
            return int(client.info("stats")["total_reads_processed"]) - looks - 1

        reads(1)
        # One for each claim would be a hundred.
        assert reads(100) < 60


def test_one_that_stops_under_load_handles_what_it_has_claimed(redis_url: str, name: str) -> None:
    over = threading.Event()
    answered: list[dict[str, Any]] = []
    with instances(redis_url, name, 1) as (staying,), Requester(redis_url, timeout=30) as requester:

        def ask() -> None:
            while not over.is_set():
                answered.append(requester.call(name, "echo"))

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        handled = 0
        for _ in range(8):
            with instances(redis_url, name, 1) as (coming,):
                eventually(lambda: total([coming], "received") > 20)
            handled += len(coming.handled)
        over.set()
        for thread in threads:
            thread.join()
    # No call has raised, and none was handled twice.
    assert len(answered) == handled + len(staying.handled)


def test_of_what_comes_together_slow_ones_are_left_to_whoever_is_idle(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 2, max_workers=1) as several, Requester(redis_url, timeout=30) as requester:
        for instance in several:
            instance.gate.set()
        requester.call(name, "echo")
        for instance in several:
            instance.gate.clear()
            instance.handled.clear()
        burst(redis_url, name, 2, action="block")
        eventually(lambda: [len(instance.handled) for instance in several] == [1, 1])


def test_one_that_is_about_to_stop_listening_is_not_counted_twice(redis_url: str, name: str) -> None:
    """Else nobody would be the last to pass on a message, and whoever asked would wait in vain."""
    publisher = Publisher(RedisAddress(redis_url), name)
    leaving, other = (Claims(publisher, name, which, own=f"{name}.{which}") for which in ("leaving", "other"))
    message = Request("a", {}, request_id="r")
    with closing(publisher), redis.Redis.from_url(redis_url) as client:
        listening = []
        for which in ("leaving", "other"):
            listener = client.pubsub()  # type: ignore[no-untyped-call]  # redis has no types
            listener.subscribe(name, control_channel(name), f"{name}.{which}")
            listening.append(listener)
        eventually(lambda: client.pubsub_numsub(f"{name}.other")[0][1] == 1)
        leaving.leave()
        assert not other.is_left_to_us(message, b"first")
        assert leaving.is_left_to_us(message, b"first")
        # Where it listens no more, there are still two who may have got a message.
        listening[0].close()
        eventually(lambda: client.pubsub_numsub(f"{name}.leaving")[0][1] == 0)
        assert not leaving.is_left_to_us(message, b"second")
        assert other.is_left_to_us(message, b"second")
        listening[1].close()
