"""ping: each instance by its control channel, though its workers are busy; what is lost is told."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis

from daebus import Daebus
from daebus.client.caller import DaebusCaller
from daebus_console.commands.cancellation import Cancellation
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.verbs import Face
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.commands.support import Heard
from tests.support.framework_services import serving
from tests.support.waiting import eventually


def ping(
    url: str,
    line: str,
    cancellation: Cancellation | None = None,
    heard: Heard | None = None,
    *,
    read_only: bool = False,
) -> tuple[int, Heard]:
    """Carry out a ping; returns its exit status, and what it said."""
    heard = heard or Heard()
    command = parse(line)
    assert command is not None
    session = Session(url)
    try:
        with Sender(session, read_only=read_only) as sender:
            context = Context(session, sender, heard, Face.SHELL)
            if cancellation is not None:
                context = replace(context, cancellation=cancellation)
            return run(command, context), heard
    finally:
        session.stop()


@pytest.fixture
def pair(redis_url: str, name: str) -> Iterator[threading.Event]:
    """Two instances of a service with a worker each, which is busy until the event is set."""
    gate = threading.Event()
    apps = [Daebus(name, max_workers=1), Daebus(name, max_workers=1)]
    begun = threading.Semaphore(0)
    for app in apps:

        @app.action("wait")
        def wait() -> dict[str, object]:
            begun.release()
            gate.wait(30)
            return {}

    with serving(apps[0], redis_url, name), serving(apps[1], redis_url, name):
        with DaebusCaller(name, redis_url=redis_url) as caller:
            caller.send_message("wait")
            for _ in apps:
                assert begun.acquire(timeout=10)
        yield gate
        gate.set()


def test_every_instance_is_measured_though_all_workers_are_busy(
    redis_url: str, name: str, pair: threading.Event
) -> None:
    status, heard = ping(redis_url, f"ping {name} --times 3 --every 10ms")
    assert status == Exit.DONE
    assert len(heard.steps) == 6
    head, *rows = heard.lines
    assert head.split() == ["instance", "answered", "lost", "min", "median", "max"]
    assert len(rows) == 2
    assert all("3 of 3" in row and "0 %" in row for row in rows)


def test_it_can_be_read_by_a_program(redis_url: str, name: str, pair: threading.Event) -> None:
    status, heard = ping(redis_url, f"ping {name} --times 2 --every 10ms --json")
    assert status == Exit.DONE
    assert heard.lines == heard.steps == []
    assert len({record["instance"] for record in heard.records}) == 2
    for record in heard.records:
        assert (record["service"], record["sent"], record["answered"], record["lost"]) == (name, 2, 2, 0)
        assert 0 <= record["min_ms"] <= record["median_ms"] <= record["max_ms"]


def test_nobody_is_told_apart_from_one_that_answers_no_ping(redis_url: str, name: str) -> None:
    status, heard = ping(redis_url, f"ping {name} --times 1")
    assert status == Exit.NOBODY
    assert heard.errors == [f"nobody serves '{name}'"]
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as other:
        other.subscribe(name)
        other.get_message(timeout=5)
        status, heard = ping(redis_url, f"ping {name} --times 1")
    assert status == Exit.NOBODY
    assert heard.errors == [f"'{name}' is served, but by no service that answers a ping"]


def test_what_is_silent_is_told(redis_url: str, name: str, pair: threading.Event) -> None:
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as mute:
        mute.subscribe(f"daebus.control.{name}")
        mute.get_message(timeout=5)
        status, heard = ping(redis_url, f"ping {name} --times 1 --timeout 300ms")
        assert status == Exit.TIMEOUT
        assert heard.notes == ["1 more is subscribed and answered nothing"]
        assert len(heard.lines) == 3


def test_one_that_never_answers_is_a_timeout(redis_url: str, name: str) -> None:
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as mute:
        mute.subscribe(f"daebus.control.{name}")
        mute.get_message(timeout=5)
        status, heard = ping(redis_url, f"ping {name} --times 2 --every 10ms --timeout 100ms")
        assert status == Exit.TIMEOUT
        assert heard.errors == [f"'{name}' answered none of 2 within 0.1 s each"]


def test_it_is_stopped_at_once_and_tells_what_it_has(redis_url: str, name: str, pair: threading.Event) -> None:
    cancellation, heard = Cancellation(), Heard()
    ended: list[int] = []
    line = f"ping {name} --every 60s"
    thread = threading.Thread(target=lambda: ended.append(ping(redis_url, line, cancellation, heard)[0]))
    thread.start()
    eventually(lambda: heard.steps)
    cancellation.cancel()
    thread.join(10)
    assert not thread.is_alive()
    assert ended == [Exit.INTERRUPTED]
    assert len(heard.lines) == 3


def test_what_an_interrupt_did_not_wait_for_is_not_lost(redis_url: str, name: str, pair: threading.Event) -> None:
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as mute:
        command = [sys.executable, "-m", "daebus_console", "--redis", redis_url, "ping", name, "--every", "10ms"]
        # It waits for whoever is silent, and is interrupted meanwhile.
        with subprocess.Popen(
            [*command, "--times", "100000", "--timeout", "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            assert process.stderr.readline().strip().startswith("1 ")
            mute.subscribe(f"daebus.control.{name}")
            mute.get_message(timeout=5)
            eventually(lambda: mute.get_message(timeout=0.1), what="it is asked")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert process.returncode == Exit.INTERRUPTED
    head, *rows = out.splitlines()
    assert head.split() == ["instance", "answered", "lost", "min", "median", "max"]
    assert len(rows) == 2, out
    assert all(re.search(r"(\d+) of \1 +0 %", row) for row in rows), out
    assert "Traceback" not in err


def test_what_is_interrupted_as_it_is_asked_counts_no_answer(
    redis_url: str, name: str, pair: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    asks = Sender.control

    def control(sender: Sender, service: str, verb: str, reply_to: str, request_id: str) -> object:
        delivery = asks(sender, service, verb, reply_to, request_id)
        asked.append(request_id)
        if len(asked) == 2:

            def is_answered() -> bool:
                with sender.session.lock:
                    exchange = sender.session.correlator.find(request_id)
                    return exchange is not None and len(list(exchange.messages)) == 3

            eventually(is_answered)
            raise KeyboardInterrupt
        return delivery

    monkeypatch.setattr(Sender, "control", control)
    status, heard = ping(redis_url, f"ping {name} --times 5 --every 10ms")
    assert status == Exit.INTERRUPTED
    assert [line.split()[1:4] for line in heard.lines[1:]] == [["1", "of", "1"]] * 2, heard.lines


def test_a_console_that_only_reads_sends_no_ping(redis_url: str, name: str) -> None:
    status, heard = ping(redis_url, f"ping {name}", read_only=True)
    assert status == Exit.USAGE
    assert "read-only" in heard.errors[0]
