"""The test client: handlers without a Redis server."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import fakeredis
import pytest

from daebus import (
    ConfigurationError,
    Daebus,
    DaebusCaller,
    PayloadError,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
    broadcast,
    cache,
    request,
    response,
)
from daebus.testing import LocalBus, TestClient


@pytest.fixture
def app() -> Daebus:
    app = Daebus("shop")

    @app.action("greet")
    def greet() -> int:
        return response.send({"hello": request.payload["name"], "asked_by": request.service})

    @app.action("boom")
    def boom() -> None:
        raise ValueError("bad")

    @app.action("count")
    def count() -> dict[str, Any]:
        return {"count": cache.incr("count")}

    @app.action("steps")
    def steps() -> int:
        for number in range(3):
            response.send({"step": number}, final=False)
        return response.send({"done": True})

    @app.action("tell")
    def tell() -> int:
        broadcast.send("news", {"what": request.payload["what"]})
        return response.send({})

    @app.listen("events")
    def hear(data: dict[str, Any]) -> None:
        broadcast.send("heard", data)

    return app


def test_a_request_runs_the_handler(app: Daebus) -> None:
    with app.test_client() as client:
        assert client.request("greet", {"name": "Ann"}) == {"hello": "Ann", "asked_by": "test"}


def test_it_needs_no_with_block(app: Daebus) -> None:
    client = app.test_client()
    try:
        assert client.request("count") == {"count": 1}
        assert client.cache.get("count") == "1"
    finally:
        client.close()


def test_one_that_was_not_closed_keeps_another_from_running_the_app_which_says_how_to_end_it(app: Daebus) -> None:
    with app.test_client(), pytest.raises(ConfigurationError, match=r"runs already on the test bus; .* by close\(\)"):
        app.test_client().request("count")
    with app.test_client() as client:
        assert client.request("count") == {"count": 1}


def test_an_error_is_the_error_a_caller_would_get(app: Daebus) -> None:
    with app.test_client() as client:
        with pytest.raises(RequestFailed, match="bad") as failed:
            client.request("boom")
        assert (failed.value.code, failed.value.type) == ("handler_error", "ValueError")
        with pytest.raises(RequestFailed) as unknown:
            client.request("nope")
        assert unknown.value.code == "unknown_action"
        with pytest.raises(PayloadError):
            client.request("greet", {"name": 1j})


def test_streams_one_way_messages_and_broadcasts(app: Daebus) -> None:
    with app.test_client() as client:
        assert list(client.stream("steps")) == [{"step": 0}, {"step": 1}, {"step": 2}, {"done": True}]
        client.send("tell", {"what": "x"})
        assert client.broadcasts("news") == [{"what": "x"}]
        client.broadcast("events", {"a": 1})
        assert client.broadcasts("heard") == [{"a": 1}]
        assert ("heard", {"a": 1}) in client.broadcasts()


def test_malformed_messages_do_no_harm(app: Daebus) -> None:
    with app.test_client() as client:
        for data in (b"\xff", "[1]", '{"action": 5}', {"action": "greet", "payload": 5}):
            client.publish("shop", data)
            client.publish("events", data)
        assert client.request("count") == {"count": 1}


def test_a_handler_that_is_slow_runs_into_the_timeout(app: Daebus) -> None:
    import threading

    gate = threading.Event()

    @app.action("wait")
    def wait() -> dict[str, Any]:
        gate.wait(10)
        return {}

    with app.test_client() as client:
        with pytest.raises(RequestTimeout):
            client.request("wait", timeout=0.05)
        gate.set()


def test_services_that_share_a_bus_reach_one_another(app: Daebus) -> None:
    gateway = Daebus("gateway")
    shop, missing = DaebusCaller("shop"), DaebusCaller("missing")

    @gateway.action("visit")
    def visit() -> dict[str, Any]:
        with pytest.raises(ServiceUnavailable):
            missing.send_request("x")
        return {"shop": shop.send_request("greet", {"name": "Bob"})}

    with app.test_client() as client, TestClient(gateway, bus=client.bus) as other:
        assert other.request("visit") == {"shop": {"hello": "Bob", "asked_by": "gateway"}}
    shop.close()
    missing.close()


def test_without_fakeredis_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['fakeredis'] = None; import daebus; daebus.Daebus('x').test_client()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'daebus[testing]'" in done.stderr


def test_where_there_are_more_actions_than_are_named_the_error_says_how_many() -> None:
    app = Daebus("large")
    names = [f"a{number:02}" for number in range(21)]
    for name in names:
        app.action(name)(dict)
    with app.test_client() as client, pytest.raises(RequestFailed) as caught:
        client.request("other")
    assert caught.value.message == f"unknown action 'other'; large has: {', '.join(names[:20])}, and 1 more"


def test_instances_on_one_bus_share_the_work() -> None:
    handled: list[int] = []

    def instance(number: int) -> Daebus:
        app = Daebus("shop")

        @app.action("work")
        def work() -> dict[str, int]:
            handled.append(number)
            return {"by": number}

        @app.listen("news")
        def hear(_data: dict[str, Any]) -> None:
            handled.append(number + 100)

        return app

    with (
        instance(1).test_client(shared=True) as one,
        TestClient(instance(2), bus=one.bus, shared=True) as two,
        TestClient(instance(3), bus=one.bus, shared=True),
    ):
        for client in (one, two) * 5:
            assert client.request("work")["by"] in (1, 2, 3)
        assert one.send("work") == 3
        assert len(handled) == 11
        with pytest.raises(RequestFailed, match="unknown action"):
            one.request("nope")
        one.settle()
        refusals = [data for channel, data in one.bus.published if b"unknown_action" in data and channel != "shop"]
        assert len(refusals) == 1
        assert one.broadcast("news", {}) == 3
        assert sorted(handled[11:]) == [101, 102, 103]


def test_without_it_each_instance_handles_everything() -> None:
    handled: list[str] = []
    apps = [Daebus("shop"), Daebus("shop")]
    for app in apps:
        app.action("work")(lambda: handled.append("once") or {})
    with apps[0].test_client() as one, TestClient(apps[1], bus=one.bus):
        assert one.send("work") == 2
        assert handled == ["once", "once"]


def test_threads_that_are_the_first_to_use_the_cache_use_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(fakeredis._core._server.Database):
        def __init__(self, *arguments: Any) -> None:
            time.sleep(0.05)
            super().__init__(*arguments)

    monkeypatch.setattr(fakeredis._core._server, "Database", Slow)
    bus = LocalBus()
    start, counted = threading.Barrier(4), []

    def count() -> None:
        visits = bus.cache()
        start.wait()
        counted.append(visits.incr("visits"))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counted) == [1, 2, 3, 4]
