"""What an instance makes of what comes, when it is busy, stops and starts again; what it tells and logs of that."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from typing import Any

import pytest
import redis

from daebus import (
    AsyncDaebusCaller,
    ConfigurationError,
    Daebus,
    DaebusCaller,
    DaebusError,
    PayloadError,
    Requester,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
    broadcast,
    cache,
    logger,
)
from tests.integration.shop import Shop, failure
from tests.support.framework_services import Tap, serving
from tests.support.waiting import eventually

BAD: list[tuple[Any, str]] = [
    ({"payload": {}}, "has no `action`"),
    ({"action": 5, "payload": {}}, "`action` must be text"),
    ({"action": "echo", "payload": 5}, "`payload` must be a JSON object, not a number"),
    ({"action": "echo", "payload": [1]}, "`payload` must be a JSON object, not a list"),
    ({"action": "echo", "payload": "text"}, "`payload` is text that is not JSON"),
]


@pytest.mark.parametrize(("message", "reason"), BAD)
def test_a_bad_request_is_answered_as_such(
    shop: Shop, message: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Tap(shop.url, "replies") as tap,
        redis.Redis.from_url(shop.url) as client,
        caplog.at_level(logging.WARNING, "daebus"),
    ):
        client.publish(shop.name, json.dumps({**message, "reply_to": "replies", "request_id": 17}))
        answer = json.loads(tap.next()[1])
        assert (answer["status"], answer["final"], answer["request_id"]) == ("error", True, 17)
        assert answer["payload"]["code"] == "bad_request"
        assert reason in answer["payload"]["error"]
    # Dropped is what nobody is told of.
    assert [reason in line and line.endswith("; refused") for line in caplog.messages] == [True]


def test_garbage_is_logged_with_its_channel_and_kills_nothing(
    shop: Shop, caller: DaebusCaller, caplog: pytest.LogCaptureFixture
) -> None:
    garbage = [b"", b"no json", b"\x00\xff" * 100, b"[1, 2]", b"null", b"[" * 200_000, b'{"a": ' * 5000]
    garbage += [b"x" * 10_000_000, b'{"action": "echo", "payload": {}, "reply_to": 5}', b"9" * 10_000]
    with caplog.at_level(logging.WARNING, "daebus"), redis.Redis.from_url(shop.url) as client:
        for data in garbage:
            assert client.publish(shop.name, data) == 1
            assert client.publish(f"daebus.control.{shop.name}", data) == 1
        eventually(lambda: len(caplog.messages) == len(garbage))
        assert caller.send_request("echo", {"still": "alive"}) == {"still": "alive"}
        assert client.pubsub_numsub(shop.name) == [(shop.name.encode(), 1)]
    assert all(repr(shop.name) in line and "\x00" not in line and len(line) < 300 for line in caplog.messages)


def test_a_reply_to_that_names_a_service_channel_starts_no_loop(shop: Shop, caller: DaebusCaller) -> None:
    control = f"daebus.control.{shop.name}"
    with Tap(shop.url, shop.name, control) as tap, redis.Redis.from_url(shop.url) as client:
        sent = 0
        for reply_to in (shop.name, control):
            for channel in (shop.name, control):
                for action in ("echo", "nope", "info", 5):
                    client.publish(channel, json.dumps({"action": action, "reply_to": reply_to, "request_id": "r"}))
                    sent += 1
        caller.send_request("echo")
        # The request itself, and at most one answer for each message; then silence.
        settled = len(tap.collect(0.5))
        assert settled <= 2 * sent + 1
        assert len(tap.collect(0.5)) == settled


def test_beyond_the_queue_a_request_is_told_busy_at_once(shop: Shop) -> None:
    with Requester(shop.url, timeout=30) as requester:
        calls = [requester.start(shop.name, "block") for _ in range(4)]
        eventually(lambda: len(shop.notes) == 4)
        calls += [requester.start(shop.name, "block") for _ in range(5)]
        control = f"daebus.control.{shop.name}"
        eventually(lambda: requester.call(control, "info")["queue"]["size"] == 5)
        with pytest.raises(RequestFailed) as caught:
            requester.call(shop.name, "echo")
        assert caught.value.code == "busy"
        info = requester.call(control, "info")
        assert info["workers"] == {"max": 4, "busy": 4}
        assert info["counts"]["busy"] == 1
        shop.gate.set()
        assert [call.result() for call in calls] == [{"unblocked": True}] * 9


def test_no_work_is_done_for_a_request_that_has_expired(shop: Shop) -> None:
    with Requester(shop.url, timeout=30) as requester:
        calls = [requester.start(shop.name, "block") for _ in range(4)]
        eventually(lambda: len(shop.notes) == 4)
        late = requester.start(shop.name, "note", {"too": "late"}, timeout=0.5)
        service = shop.app._service
        assert service is not None
        eventually(lambda: service.info()["queue"]["size"] == 1)
        # A service counts from when a request came in, for its clock is not that of who asked.
        over = time.monotonic() + 0.6
        with pytest.raises(RequestTimeout):
            late.result()
        eventually(lambda: time.monotonic() > over)
        shop.gate.set()
        assert [call.result() for call in calls] == [{"unblocked": True}] * 4
        control = f"daebus.control.{shop.name}"
        eventually(lambda: requester.call(control, "info")["counts"]["expired"] == 1)
        assert {"too": "late"} not in shop.notes


def _refusal(requester: Requester, service: str) -> DaebusError:
    with pytest.raises(DaebusError) as caught:
        requester.call(service, "echo")
    assert isinstance(caught.value, ServiceUnavailable) or getattr(caught.value, "code", None) == "shutting_down"
    return caught.value


def test_a_stopping_service_finishes_what_runs_and_answers_the_rest(redis_url: str, name: str) -> None:
    shop = Shop(redis_url, name)
    shop.app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=30) as requester:
        running = [requester.start(name, "block") for _ in range(4)]
        eventually(lambda: len(shop.notes) == 4)
        waiting = [requester.start(name, "block") for _ in range(5)]
        eventually(lambda: requester.call(f"daebus.control.{name}", "info")["queue"]["size"] == 5)
        stopping = threading.Thread(target=shop.app.stop)
        stopping.start()
        for call in waiting:
            with pytest.raises(RequestFailed) as caught:
                call.result()
            assert caught.value.code == "shutting_down"
        eventually(lambda: isinstance(_refusal(requester, name), ServiceUnavailable))
        shop.gate.set()
        assert [call.result() for call in running] == [{"unblocked": True}] * 4
        stopping.join()
    assert not shop.app.running


def test_what_outlasts_the_grace_period_is_answered_too(redis_url: str, name: str) -> None:
    shop = Shop(redis_url, name)
    shop.app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=30) as requester:
        call = requester.start(name, "block")
        eventually(lambda: shop.notes)
        shop.app.stop(grace=0.1)
        with pytest.raises(RequestFailed) as caught:
            call.result()
        assert caught.value.code == "shutting_down"
    shop.gate.set()


def test_an_app_can_be_started_again(redis_url: str, name: str) -> None:
    shop = Shop(redis_url, name)
    with DaebusCaller(name, redis_url=redis_url) as caller:
        for _ in range(3):
            with serving(shop.app, redis_url, name):
                assert caller.send_request("echo", {"a": 1}) == {"a": 1}
                with pytest.raises(ConfigurationError, match="runs already"):
                    shop.app.start(service=name, redis_url=redis_url)
            with pytest.raises(ServiceUnavailable):
                caller.send_request("echo")


def test_unknown_actions_are_left_to_a_service_that_shares_the_channel(redis_url: str, name: str) -> None:
    first, second = Daebus(name, unknown_action="ignore"), Daebus(name, unknown_action="ignore")
    first.action("one")(lambda: {"from": 1})
    second.action("two")(lambda: {"from": 2})
    caller = DaebusCaller(name, redis_url=redis_url)
    with serving(first, redis_url, name), serving(second, redis_url, name), caller:
        assert caller.send_request("one") == {"from": 1}
        assert caller.send_request("two") == {"from": 2}
        with pytest.raises(RequestTimeout):
            caller.send_request("three", timeout=0.2)


def test_what_a_service_that_shares_the_channel_has_is_refused_by_no_other(redis_url: str, name: str) -> None:
    app = Daebus(name, unknown_action="ignore", max_workers=1, max_queue=2)
    gate, reached = threading.Event(), threading.Event()

    @app.action("one")
    def one() -> dict[str, Any]:
        reached.set()
        gate.wait(60)
        return {}

    def ask(*actions: str) -> None:
        for action in actions:
            message = {"action": action, "payload": {}, "reply_to": f"{name}.replies", "request_id": action}
            client.publish(name, json.dumps(message))

    try:
        with Tap(redis_url, f"{name}.replies") as tap, redis.Redis.from_url(redis_url) as client:
            with serving(app, redis_url, name):
                ask("one")
                assert reached.wait(20)
                # The first two wait, there is no room for the others, and what waits is refused at the stop.
                ask("two", "one", "two", "one")
                assert json.loads(tap.next()[1])["payload"]["code"] == "busy"
                app.stop(grace=0)
            answers = [json.loads(data) for _channel, data in tap.collect()]
    finally:
        gate.set()
    assert {answer["request_id"] for answer in answers} == {"one"}
    assert [answer["payload"]["code"] for answer in answers].count("shutting_down") == 2


def test_a_call_from_a_handler_names_its_service_and_its_parent(shop: Shop, redis_url: str, name: str) -> None:
    gateway = Daebus("gateway")
    inner = DaebusCaller(name)

    @gateway.action("ask")
    def ask() -> dict[str, Any]:
        return {"inner": inner.send_request("about")}

    with serving(gateway, redis_url, f"{name}.gateway"), DaebusCaller(f"{name}.gateway", redis_url=redis_url) as caller:
        about = caller.send_request("ask", request_id="outer")["inner"]
        assert about["service"] == f"{name}.gateway"
        assert about["parent_id"] == "outer"
        inner.close()


def test_info_tells_all_about_the_instance(shop: Shop) -> None:
    with Requester(shop.url) as requester:
        requester.call(shop.name, "echo")
        control = f"daebus.control.{shop.name}"
        eventually(lambda: requester.call(control, "info")["counts"]["handled"] == 1)
        info = requester.call(control, "info")
        assert {
            "service",
            "instance",
            "version",
            "pid",
            "host",
            "started",
            "features",
            "debugger",
            "actions",
            "listens",
            "background",
            "workers",
            "queue",
            "counts",
            "debug",
            "shared",
            "redis",
        } == set(info)
        assert info["actions"][0] == {"name": "echo", "doc": "Give the payload back."}
        assert info["counts"]["received"] == 1
        with pytest.raises(RequestFailed) as caught:
            requester.call(f"daebus.control.{shop.name}", "dance")
        assert caught.value.code == "unknown_action"


def test_debug_logs_each_message_and_sends_tracebacks(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(redis_url, name)
    with serving(shop.app, redis_url, name, debug=True), DaebusCaller(name, redis_url=redis_url, name="web") as caller:
        caller.send_request("echo", request_id="r-1")
        error = failure(caller, "raise")
        assert "LookupError: not on the shelf" in error.payload["traceback"]
    lines = [line for line in caplog.messages if "r-1" in line]
    assert lines[0] == f"<- {name} 'echo' id='r-1' from 'web'"
    assert lines[1].startswith(f"-> {name} 'echo' id='r-1' from 'web' success after ")
    assert lines[1].endswith(" ms")
    assert logging.getLogger("daebus").level == logging.NOTSET


@pytest.mark.parametrize("first", [0, 1])
def test_everything_is_logged_as_long_as_one_app_wants_it(redis_url: str, name: str, first: int) -> None:
    logger = logging.getLogger("daebus")
    apps = [Daebus(f"{name}{number}") for number in range(2)]
    for app in apps:
        app.start(redis_url=redis_url, debug=True)
    apps[first].stop()
    assert logger.level == logging.DEBUG
    apps[1 - first].stop()
    assert logger.level == logging.NOTSET


def test_debug_logs_what_a_service_sends_and_what_nobody_is_answered(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    caller, other = DaebusCaller(name), AsyncDaebusCaller(name)

    @app.action("go")
    def go() -> dict[str, Any]:
        caller.send_request("inner")
        caller.send_message("note", {"n": 1})
        broadcast.send(f"{name}.events", {"n": 1})
        return {}

    @app.action("go_async")
    async def go_async() -> dict[str, Any]:
        with pytest.raises(RequestFailed):
            await other.send_request("gone")
        await other.send_message("fail")
        return {}

    @app.action("inner")
    def inner() -> dict[str, Any]:
        return {}

    @app.action("note")
    def note() -> None:
        pass

    @app.action("fail")
    def fail() -> None:
        raise ValueError("no")

    with serving(app, redis_url, name, debug=True), DaebusCaller(name, redis_url=redis_url, name="web") as web:
        web.send_request("go")
        web.send_request("go_async")
        lines = "\n".join(re.sub(r"id='\w+'|[\d.]+ ms", "…", line) for line in caplog.messages)
        eventually(lambda: any(line.startswith(f"-- {name} 'fail'") for line in caplog.messages))
        eventually(lambda: any(line.startswith(f"-- {name} 'note'") for line in caplog.messages))
    for line in (
        f"=> {name} asks {name} 'inner' …",
        f"<= {name} {name} 'inner' … ok after …",
        f"=> {name} tells {name} 'note' …",
        f"=> {name} broadcasts on '{name}.events' (7 bytes)",
        f"<= {name} {name} 'gone' … unknown_action after …",
        f"=> {name} tells {name} 'fail' …",
    ):
        assert line in lines.splitlines()
    (failed,) = [line for line in caplog.messages if line.startswith(f"-- {name} 'fail'")]
    assert " ValueError after " in failed
    assert "id=None" not in "".join(caplog.messages)
    assert not [line for line in caplog.messages if line.startswith((f"-> {name} 'note'", f"-> {name} 'fail'"))]


def test_listeners_hear_broadcasts_and_one_that_raises_harms_none(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    heard: list[Any] = []

    @app.listen(f"{name}.events")
    def bad(data: Any) -> None:
        logger.info("about to fail")
        raise ValueError("deaf")

    @app.listen(f"{name}.events")
    def good(data: Any) -> None:
        cache.set(name, json.dumps(data))
        heard.append(json.loads(cache[name]))
        broadcast.send(f"{name}.heard", data)

    with serving(app, redis_url, name), Tap(redis_url, f"{name}.heard") as tap:
        with redis.Redis.from_url(redis_url) as client:
            for data in (b"\xff", b"[1]", b"5", b"null"):
                client.publish(f"{name}.events", data)
        assert broadcast.send(f"{name}.events", {"type": "x"}) == 1
        assert json.loads(tap.next()[1]) == {"type": "x"}
        assert heard == [{"type": "x"}]
    assert sum("is JSON, but no object" in line or "not UTF-8" in line for line in caplog.messages) == 4
    with pytest.raises(PayloadError):
        broadcast.send("c", [1])  # type: ignore[arg-type] # that is the point
    with pytest.raises(PayloadError):
        broadcast.send("", {})


def test_a_listener_of_what_looks_like_a_pattern_is_warned_of(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    heard: list[Any] = []
    for channel in (f"{name}.*", f"{name}.orders"):
        app.listen(channel)(heard.append)
    with serving(app, redis_url, name):
        assert [broadcast.send(f"{name}.{word}", {"to": word}) for word in ("other", "*")] == [0, 1]
        eventually(lambda: heard)
    assert heard == [{"to": "*"}]
    (warned,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warned.startswith(f"{name}: the listener of '{name}.*' hears the channel of that very name only")
