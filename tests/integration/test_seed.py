"""Every example of the user's guide, as services in processes of their own on one Redis."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from daebus import DaebusCaller, RequestFailed
from tests.support.framework_services import Program, Tap, program, subscribers
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

SEED = Path(__file__).parent / "seed"


@pytest.fixture(scope="module")
def bus() -> Iterator[RedisServer]:
    """A Redis of this module, since the examples use names of their own choice."""
    server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def programs(bus: RedisServer) -> Iterator[dict[str, Program]]:
    services = {
        "user_service": ["accounts.py"],
        "gateway": ["gateway.py"],
        "notification_service": ["notifier.py", "notification_service"],
        "logger_service": ["notifier.py", "logger_service"],
        "metrics_service": ["notifier.py", "metrics_service"],
        "data_processor": ["processor.py"],
    }
    running = {}
    with ExitStack() as stack:
        for name, (script, *arguments) in services.items():
            running[name] = stack.enter_context(
                program(
                    str(SEED / script),
                    *arguments,
                    forked=True,
                    serves=name,
                    url=bus.url,
                    DAEBUS_REDIS_URL=bus.url,
                )
            )
        yield running


@pytest.fixture
def caller(bus: RedisServer, programs: dict[str, Program], request: pytest.FixtureRequest) -> Iterator[DaebusCaller]:
    with DaebusCaller(request.param, redis_url=bus.url) as caller:
        yield caller


def calling(service: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("caller", [service], indirect=True)


@calling("data_processor")
def test_status_and_data(caller: DaebusCaller) -> None:
    first = caller.send_request("get_status", {})
    assert first["status"] in ("healthy", "shutting_down")
    assert caller.send_request("get_status", {})["requests_handled"] == first["requests_handled"] + 1
    assert caller.send_request("process_data", {"data": [1, 2, 3]})["result"] == 6
    with pytest.raises(RequestFailed, match="No data provided"):
        caller.send_request("process_data", {})
    with pytest.raises(RequestFailed, match="Processing failed: unsupported operand"):
        caller.send_request("process_data", {"data": ["a"]})


@calling("user_service")
def test_errors_as_texts_and_as_exceptions(caller: DaebusCaller) -> None:
    assert caller.send_request("fetch_record", {"id": "user123"}) == {"id": "user123"}
    for payload, message in (
        ({}, "Missing record ID"),
        ({"id": "x"}, "Record not found: x"),
        ({"id": "broken"}, "disk on fire"),
    ):
        with pytest.raises(RequestFailed, match=message):
            caller.send_request("fetch_record", payload)


@calling("user_service")
def test_streaming(caller: DaebusCaller) -> None:
    seen: list[dict[str, object]] = []
    final = caller.send_request("process_large_dataset", {"dataset": list(range(250))}, on_progress=seen.append)
    assert [part["progress"] for part in seen] == [0, 40, 80]
    assert final == {"status": "complete", "progress": 100, "total_processed": 250}
    assert list(caller.stream_request("process_large_dataset", {"dataset": [1]}))[-1]["total_processed"] == 1


@calling("gateway")
def test_a_service_that_calls_services_and_closes_its_callers_each_time(caller: DaebusCaller) -> None:
    for number in range(3):
        result = caller.send_request("register_user", {"name": "Ann", "email": f"{number}@example.com"})
        assert result["user"]["id"] == "user123"
        assert result["user"]["asked_by"] == "gateway"
        assert result["notification"] == {"sent": True, "to": f"{number}@example.com"}


@calling("data_processor")
def test_a_listener_broadcasts_and_so_does_a_background_task(bus: RedisServer, caller: DaebusCaller) -> None:
    with Tap(bus.url, "service_status", "monitoring") as tap:
        assert tap.next()[0] == "monitoring"
        with bus.client() as client:
            client.publish("system_events", json.dumps({"type": "shutdown_request"}))
        eventually(lambda: any(channel == "service_status" for channel, _ in tap.collect()))
    assert caller.send_request("get_status", {})["status"] == "shutting_down"


def test_a_plain_script(bus: RedisServer, programs: dict[str, Program]) -> None:
    script = Program(str(SEED / "script.py"), DAEBUS_REDIS_URL=bus.url)
    assert script.wait() == 0, script.output
    said = json.loads(script.output.splitlines()[-1])
    assert said["heard"] == 1
    for service, action in (("logger_service", "log_event"), ("metrics_service", "record_metric")):
        with DaebusCaller(service, redis_url=bus.url) as caller:
            received = eventually(lambda caller=caller: caller.send_request("received")["received"])
            assert received[-1]["action"] == action
    with DaebusCaller("user_service", redis_url=bus.url) as caller:
        events = eventually(lambda: caller.send_request("events")["events"])
        assert {"type": "user_registered", "user_id": "user123"}.items() <= events[-1].items()


def test_callers_at_module_level_do_not_mind_that_redis_is_down(own_redis: RedisServer) -> None:
    """Importing a program makes its callers; Redis comes later, and then all works."""
    own_redis.kill()
    code = (
        "import sys, time; sys.argv = ['gateway.py']\n"
        "from tests.integration.seed import gateway\n"
        "print('imported', flush=True); sys.stdin.readline(); gateway.app.run(service='gateway')"
    )
    process = Program("-c", code, DAEBUS_REDIS_URL=own_redis.url)
    assert process.process.stdout is not None
    assert process.process.stdout.readline() == "imported\n"
    own_redis.start()
    process.enter()
    with (
        program(
            str(SEED / "accounts.py"),
            forked=True,
            serves="user_service",
            url=own_redis.url,
            DAEBUS_REDIS_URL=own_redis.url,
        ),
        program(
            str(SEED / "notifier.py"),
            "notification_service",
            forked=True,
            serves="notification_service",
            url=own_redis.url,
            DAEBUS_REDIS_URL=own_redis.url,
        ),
    ):
        eventually(lambda: subscribers(own_redis.url, "gateway"))
        with DaebusCaller("gateway", redis_url=own_redis.url) as caller:
            assert caller.send_request("register_user", {"name": "Ann", "email": "a@b"})["notification"]["sent"]
        process.signal(signal.SIGTERM)
        assert process.wait() == 0, process.output
