"""`run()`: starting, failing to start, and ending by a signal."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

import pytest
import redis

from daebus import Daebus, DaebusCaller, PermissionDenied, RedisRefused, RedisUnavailable, RequestFailed
from tests.support.framework_services import Program, program, serving
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

SERVICE = """
import signal, sys, threading, time
from daebus import Daebus, request, response

app = Daebus("app", max_workers=2, grace=float(sys.argv[3]))

@app.on_start()
def begin():
    print("started", flush=True)

@app.on_stop
def end():
    print("ended", flush=True)

@app.action("sleep")
def sleep():
    print("sleeping", flush=True)
    time.sleep(request.payload["seconds"])
    return response.send({"slept": True})

@app.action("echo")
def echo():
    return request.payload

@app.action("signal")
def signal_here():
    # As the system does now and then, where a process was stopped and goes on.
    signal.pthread_kill(threading.get_ident(), request.payload["number"])

@app.action("stop")
def stop():
    app.stop()
    time.sleep(0.1)
    return {"stops": True}

@app.teardown_request
def tidy(error):
    print("tidied", flush=True)

@app.thread("watch")
def watch(running):
    while running():
        time.sleep(0.01)
    print("watch ended", flush=True)

app.run(service=sys.argv[1], redis_url=sys.argv[2])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(redis_url: str, name: str, number: int) -> None:
    with program("-c", SERVICE, name, redis_url, "10", serves=name, url=redis_url) as service:
        with DaebusCaller(name, redis_url=redis_url) as caller:
            assert caller.send_request("echo", {"a": 1}) == {"a": 1}
        service.signal(number)
        assert service.wait() == 0, service.output
    assert "Traceback" not in service.output
    assert [word for word in ("started", "watch ended", "ended") if word in service.output.splitlines()] == [
        "started",
        "watch ended",
        "ended",
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_whichever_thread_the_system_gives_it_to(redis_url: str, name: str, number: int) -> None:
    with program("-c", SERVICE, name, redis_url, "10", serves=name, url=redis_url) as service:
        with DaebusCaller(name, redis_url=redis_url) as caller:
            caller.send_message("signal", {"number": int(number)})
        assert service.wait() == 0, service.output
    assert "Traceback" not in service.output


def test_a_handler_that_stops_it_finishes_before_the_process_ends(redis_url: str, name: str) -> None:
    with program("-c", SERVICE, name, redis_url, "60", serves=name, url=redis_url) as service:
        with DaebusCaller(name, redis_url=redis_url) as caller:
            assert caller.send_request("stop") == {"stops": True}
        assert service.wait() == 0, service.output
        assert [word for word in service.output.splitlines() if word in ("tidied", "ended")] == ["tidied", "ended"]


def test_an_app_that_has_nothing_says_so_as_where_modules_register_with_another_copy_of_it(
    redis_url: str, name: str, tmp_path: Path
) -> None:
    run = f"if __name__ == '__main__':\n    app.run(redis_url={redis_url!r})\n"
    made = f"from daebus import Daebus\napp = Daebus({name!r})\napp.on_stop(print)\n"
    (tmp_path / "shop.py").write_text(f"{made}import views\n{run}")
    (tmp_path / "views.py").write_text("from shop import app\napp.action('look')(dict)\n")
    for command in (["shop.py"], ["-m", "daebus", "run", "shop:app"]):
        with program(*command, serves=name, url=redis_url, cwd=str(tmp_path), DAEBUS_REDIS_URL=redis_url) as service:
            service.signal(signal.SIGTERM)
            assert service.wait() == 0, service.output
        told = f"{name} does nothing: no action, listener, task, thread or start hook is registered with its app"
        assert (told in service.output) is (len(command) == 1)


def test_what_runs_is_finished_and_what_waits_is_answered(redis_url: str, name: str) -> None:
    outcomes: list[object] = []
    with (
        program("-c", SERVICE, name, redis_url, "10", serves=name, url=redis_url) as service,
        DaebusCaller(name, redis_url=redis_url, timeout=30) as caller,
    ):

        def ask() -> None:
            try:
                outcomes.append(caller.send_request("sleep", {"seconds": 1}))
            except RequestFailed as error:
                outcomes.append(error.code)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        with DaebusCaller(f"daebus.control.{name}", redis_url=redis_url) as control:
            eventually(lambda: control.send_request("info")["queue"]["size"] == 4)
        service.signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert service.wait() == 0, service.output
    assert sorted(outcomes, key=str) == ["shutting_down"] * 4 + [{"slept": True}] * 2


def test_a_second_signal_ends_it_at_once(redis_url: str, name: str) -> None:
    with (
        program("-c", SERVICE, name, redis_url, "60", serves=name, url=redis_url) as service,
        DaebusCaller(name, redis_url=redis_url) as caller,
    ):
        caller.send_message("sleep", {"seconds": 60})
        with DaebusCaller(f"daebus.control.{name}", redis_url=redis_url) as control:
            eventually(lambda: control.send_request("info")["workers"]["busy"] == 1)
        begun = time.monotonic()
        service.signal(signal.SIGTERM)
        time.sleep(0.3)
        service.signal(signal.SIGTERM)
        assert service.wait() == 128 + signal.SIGTERM
        assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://ann:s3cr3t@127.0.0.1:{port}/0", "cannot connect to Redis at redis://ann:***@127.0.0.1:"),
        ("http://ann:s3cr3t@127.0.0.1", "not a usable Redis URL: http://ann:***@127.0.0.1"),
        ("unix:///nowhere/redis.sock", "cannot connect to Redis at unix:///nowhere/redis.sock"),
    ],
)
def test_where_it_cannot_start_one_line_says_why(name: str, url: str, reason: str) -> None:
    service = Program("-c", SERVICE, name, url.format(port=free_port()), "1")
    assert service.wait() == 1
    (line,) = service.output.splitlines()
    assert f"{name} cannot start: {reason}" in line
    assert "s3cr3t" not in service.output


def test_a_wrong_password_is_named_and_not_shown(name: str) -> None:
    server = RedisServer(password="right-s3cr3t").start()
    try:
        service = Program("-c", SERVICE, name, server.url.replace("right", "wrong"), "1")
        assert service.wait() == 1
        (line,) = service.output.splitlines()
        assert "refused us" in line
        assert "s3cr3t" not in line
        with DaebusCaller(name, redis_url=server.url.replace("right", "wrong")) as caller:
            with pytest.raises(PermissionDenied) as caught:
                caller.send_request("x")
            assert "s3cr3t" not in str(caught.value)
        with program("-c", SERVICE, name, server.url, "1"), DaebusCaller(name, redis_url=server.url) as caller:
            eventually(lambda: server.log())
            assert eventually(lambda: _answer(caller)) == {"a": 1}
    finally:
        server.close()


def _answer(caller: DaebusCaller) -> object:
    try:
        return caller.send_request("echo", {"a": 1})
    except Exception:
        return None


def test_no_redis_is_an_error_at_once_for_callers_and_start(name: str) -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    begun = time.monotonic()
    with DaebusCaller(name, redis_url=url) as caller:
        with pytest.raises(RedisUnavailable, match="cannot connect"):
            caller.send_request("x", timeout=30)
        with pytest.raises(RedisUnavailable):
            caller.send_message("x")
    with pytest.raises(RedisUnavailable):
        Daebus(name).start(service=name, redis_url=url)
    assert time.monotonic() - begun < 10


def test_a_start_hook_that_raises_keeps_the_service_from_starting(redis_url: str, name: str) -> None:
    app = Daebus(name)

    @app.on_start
    def fail() -> None:
        raise LookupError("no database")

    with pytest.raises(LookupError):
        app.start(service=name, redis_url=redis_url)
    assert not app.running


def test_threads_start_and_stop_by_name(redis_url: str, name: str) -> None:
    app = Daebus(name)
    beats: list[int] = []

    @app.thread("pump", auto_start=False)
    def pump(running: object) -> None:
        assert callable(running)
        while running():
            beats.append(1)
            time.sleep(0.001)

    assert not app.start_thread("pump")
    with serving(app, redis_url, name):
        assert not beats
        assert app.start_thread("pump")
        assert not app.start_thread("pump")
        eventually(lambda: beats)
        assert app.stop_thread("pump")
        assert not app.stop_thread("nope")
        count = len(beats)
        assert app.start_thread("pump")
        eventually(lambda: len(beats) > count)


def test_a_background_task_goes_on_after_it_has_raised_and_never_overlaps_itself(redis_url: str, name: str) -> None:
    app = Daebus(name)
    calls: list[float] = []
    inside = threading.Lock()

    @app.background("tick", 0.02)
    def tick() -> None:
        assert inside.acquire(blocking=False)
        calls.append(time.monotonic())
        time.sleep(0.05)
        inside.release()
        raise ValueError("once more")

    begun = time.monotonic()
    with serving(app, redis_url, name):
        eventually(lambda: len(calls) >= 4)
    assert calls[0] - begun >= 0.02


def _lets_in(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_a_redis_that_takes_no_more_clients_is_named_and_nothing_was_sent(name: str) -> None:
    server = RedisServer("--maxclients", "1").start()
    try:
        with server.client() as only:
            # Whoever looked whether it had started may not have gone yet.
            eventually(lambda: _lets_in(only))
            with DaebusCaller(name, redis_url=server.url) as caller, pytest.raises(RedisUnavailable) as caught:
                caller.send_request("x", timeout=30)
            assert type(caught.value) is RedisRefused
            assert str(caught.value).startswith(f"cannot connect to Redis at {server.url}: ")
    finally:
        server.close()


def test_a_hook_that_fails_is_told_in_one_record(name: str, redis_url: str) -> None:
    code = (
        "import sys\nfrom daebus import Daebus\nfrom daebus.logs import configure\nconfigure('json')\n"
        "app = Daebus(sys.argv[1])\n@app.on_start\ndef start():\n    raise ConnectionError('db away')\n"
        "app.run(redis_url=sys.argv[2])\n"
    )
    service = Program("-c", code, name, redis_url)
    assert service.wait() == 1
    (record,) = map(json.loads, service.output.splitlines())
    assert record["message"] == f"{name} cannot start: db away"
    assert "ConnectionError: db away" in record["exception"]


CONFIGURED = """
import logging.config, sys
from daebus import Daebus

app = Daebus("app")

def configure():
    logging.config.dictConfig({
        "version": 1,
        "formatters": {"ours": {"format": "OURS %(levelname)s %(message)s"}},
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"handlers": ["out"], "level": "INFO"},
    })

@app.action("break")
def fail():
    raise KeyError("broken")

if sys.argv[3:] == ["hook"]:
    app.on_start(configure)
elif sys.argv[3:] == ["hooks"]:
    app.on_start(configure)
    app.on_start(lambda: 1 / 0)
else:
    configure()
app.run(service=sys.argv[1], redis_url=sys.argv[2])
"""


def test_a_program_that_configures_logging_hears_why_its_service_fails(name: str, redis_url: str) -> None:
    service = Program("-c", CONFIGURED, name, f"redis://127.0.0.1:{free_port()}")
    assert service.wait() == 1
    assert service.output.startswith(f"OURS ERROR {name} cannot start: cannot connect to Redis")
    service = Program("-c", CONFIGURED, name, redis_url, "hooks")
    assert service.wait() == 1
    assert f"OURS ERROR {name} cannot start: division by zero" in service.output


@pytest.mark.parametrize("where", ["module", "hook"])
def test_a_program_that_configures_logging_hears_what_its_handlers_raise(name: str, redis_url: str, where: str) -> None:
    with program("-c", CONFIGURED, name, redis_url, where, serves=name, url=redis_url) as service:
        with DaebusCaller(name, redis_url=redis_url) as caller, pytest.raises(RequestFailed, match="broken"):
            caller.send_request("break")
        service.signal(signal.SIGTERM)
        assert service.wait() == 0, service.output
    assert f"OURS ERROR {name}: action 'break' raised" in service.output
    assert "KeyError: 'broken'" in service.output
