"""`run_headless` in a process of its own: what it says, and that nothing outlives it, whatever ends it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from daebus import DaebusCaller
from tests.integration_demo.support import Runner, all_gone, command_line
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

FEW = "services=['users', 'stock'], client=False"


def test_it_says_where_and_how_to_attach() -> None:
    with Runner().await_running() as runner:
        url = str(runner.line("redis: ")).removeprefix("redis: ")
        assert runner.line("broker: a private redis-server at ") is not None
        assert runner.line("attach") == f"attach from another terminal: daebus-console --redis {url}"
        assert len(runner.family) == 9  # six services, the client, the broker and its caretaker
        with DaebusCaller("stock", redis_url=url) as stock:
            assert len(stock.send_request("check", {})["articles"]) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(number: signal.Signals) -> None:
    with Runner(FEW).await_running() as runner:
        runner.process.send_signal(number)
        assert runner.process.wait(20) == 0
        assert all_gone(runner.family)()
        assert len(runner.family) == 4


def test_kill_9_of_the_runner_leaves_nothing_behind(tmp_path: Path) -> None:
    with Runner(FEW, forked=False, TMPDIR=str(tmp_path)).await_running() as runner:
        runner.process.kill()
        eventually(all_gone(runner.family), within=15, what="all processes gone")
        eventually(lambda: list(tmp_path.iterdir()) == [], what="directory removed")


def test_a_signal_while_starting_ends_everything() -> None:
    with Runner(FEW) as runner:
        eventually(lambda: runner.line("broker: "), within=40)
        runner.process.terminate()
        assert runner.process.wait(20) == 0
        assert runner.errors() == ""


def test_it_ends_by_itself_after_the_time_asked_for() -> None:
    with Runner(FEW + ", seconds=0.2") as runner:
        assert runner.process.wait(60) == 0
        assert runner.line("running for 0.2 s") is not None


def test_a_service_that_dies_later_is_told_once() -> None:
    with Runner(FEW, forked=False).await_running() as runner:
        users = next(pid for pid in runner.family if "users.py" in command_line(pid))
        os.kill(users, signal.SIGKILL)
        eventually(lambda: "users was ended by signal 9" in runner.errors())
        assert runner.process.poll() is None
        runner.process.terminate()
        assert runner.process.wait(20) == 0
        assert runner.errors().count("was ended by signal") == 1


def test_the_password_of_a_given_redis_is_never_printed() -> None:
    server = RedisServer(password="pa55-w0rd").start()
    try:
        with Runner(f"{server.url!r}, {FEW}").await_running() as runner:
            assert runner.line("redis: ") == f"redis: redis://:***@127.0.0.1:{server.port}/0"
            runner.process.terminate()
            runner.process.wait(20)
            assert "pa55-w0rd" not in "\n".join(runner.lines) + runner.errors()
    finally:
        server.close()
