"""Sending while the interpreter comes to its end: it is sent where that is possible, else an error at once, no wait."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterator

import pytest
import redis

from tests.support.faulty import Echo
from tests.support.framework_services import ROOT, Program, serving
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.fault

CODE = """
import atexit, builtins, os, sys, threading
from daebus import DaebusCaller, DaebusError, broadcast

name, url, when, state = sys.argv[1:]

def use():
    # A wait would be as long as that of the test.
    for label, ask in (
        ("request", lambda: caller.send_request("echo", timeout=1000)),
        ("stream", lambda: list(caller.stream_request("echo", timeout=1000))),
        ("message", lambda: caller.send_message("echo")),
        ("broadcast", lambda: broadcast.send("nobody", {})),
        ("close", lambda: caller.close()),
        ("request again", lambda: caller.send_request("echo", timeout=1000)),
        ("close the broadcast", lambda: broadcast.close()),
        ("broadcast again", lambda: broadcast.send("nobody", {})),
    ):
        try:
            outcome = ask()
        except DaebusError as error:
            outcome = f"DaebusError: {error}"
        except BaseException as error:
            outcome = f"bare {error!r}"
        os.write(1, f"{label}: {outcome}\\n".encode())

class Holder:
    def __init__(self, *held):
        self.held = held
    def __del__(self):
        use()

def late():
    threading.main_thread().join()
    use()

if when == "atexit, after ours":
    atexit.register(use)
caller = DaebusCaller(name, redis_url=url)
if state == "used":
    caller.send_request("echo")
    broadcast.send("nobody", {})
if when == "atexit, before ours":
    atexit.register(use)
elif when == "a late thread":
    threading.Thread(target=late).start()
elif when == "__del__":
    holder = Holder(caller, broadcast)
elif when == "__del__ in a cycle":
    holder = Holder(caller, broadcast)
    holder.itself = holder
    builtins.holder = holder
"""
WHILE_THERE_ARE_THREADS = ("atexit, before ours", "atexit, after ours", "a late thread")
SENT = [
    "request: {'a': 1}",
    "stream: [{'a': 1}]",
    "message: 1",
    "broadcast: 0",
    "close: None",
    "request again: {'a': 1}",
    "close the broadcast: None",
    "broadcast again: 0",
]


def interpreter(version: str) -> str:
    """Where that Python is; skips where it is not."""
    if sys.version.startswith(f"{version}."):
        return sys.executable
    known = os.path.expanduser(f"~/.pyenv/versions/{version}.*/bin/python")
    found = next(iter(sorted(glob.glob(known), reverse=True)), None) or shutil.which(f"python{version}")
    if found is None:
        pytest.skip(f"there is no Python {version} here")
    return found


@pytest.fixture
def served(redis_url: str, name: str) -> Iterator[tuple[str, str]]:
    with serving(Echo(name).app, redis_url, name):
        yield name, redis_url


def lines_of(version: str, served: tuple[str, str], when: str, state: str) -> list[str]:
    python = interpreter(version)
    # redis-py is pure Python: that of this environment serves them all.
    packages = os.path.dirname(os.path.dirname(redis.__file__))
    paths = os.pathsep.join([str(ROOT), packages])
    program = Program("-c", CODE, *served, when, state, python=python, DAEBUS_REDIS_URL=served[1], PYTHONPATH=paths)
    assert program.wait(60) == 0, program.output
    lines = program.output.splitlines()
    assert [line.partition(":")[0] for line in lines] == [line.partition(":")[0] for line in SENT], program.output
    return lines


@pytest.mark.parametrize("state", ["new", "used"])
@pytest.mark.parametrize("when", WHILE_THERE_ARE_THREADS)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_it_is_sent_before_the_interpreter_ends_its_threads(
    served: tuple[str, str], version: str, when: str, state: str
) -> None:
    assert lines_of(version, served, when, state) == SENT


@pytest.mark.parametrize("state", ["new", "used"])
@pytest.mark.parametrize("when", ["__del__", "__del__ in a cycle"])
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_it_is_sent_from_a_finalizer_or_an_error_at_once(
    served: tuple[str, str], version: str, when: str, state: str
) -> None:
    for line, sent in zip(lines_of(version, served, when, state), SENT, strict=True):
        assert line == sent or "DaebusError: cannot connect to Redis at" in line
        assert line == sent or "the interpreter is ending" in line


def test_a_dead_redis_is_told_at_once_at_the_end(name: str) -> None:
    server = RedisServer().start()
    server.close()
    for when in (*WHILE_THERE_ARE_THREADS, "__del__"):
        for line in lines_of(f"{sys.version_info.major}.{sys.version_info.minor}", (name, server.url), when, "new"):
            assert "cannot connect to Redis" in line or line.startswith("close")
