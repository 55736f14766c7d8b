"""Threads and descriptors that are not to be had: an error of ours that says so, and the next call tries anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.faulty import Echo
from tests.support.framework_services import Program, serving

pytestmark = pytest.mark.fault

PRELUDE = """
import asyncio, resource, sys, threading, warnings
from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, DaebusError, RedisUnavailable, broadcast
name, url = sys.argv[1:3]

class NoThreads:
    # A stack that does not fit into the address space that is left, while everything else does.
    def __enter__(self):
        self.limit = resource.getrlimit(resource.RLIMIT_AS)
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        threading.stack_size(1 << 29)
        resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 28), self.limit[1]))
    def __exit__(self, *exception):
        resource.setrlimit(resource.RLIMIT_AS, self.limit)
        threading.stack_size(0)

class NoDescriptors:
    def __init__(self, left=0):
        self.left = left
    def __enter__(self):
        self.limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        with open("/dev/null") as file:
            lowest = file.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + self.left, self.limit[1]))
    def __exit__(self, *exception):
        resource.setrlimit(resource.RLIMIT_NOFILE, self.limit)

def said(ask):
    try:
        ask()
    except DaebusError as error:
        return f"{type(error).__name__}: {error}"
    return "no error"

def works(ask):
    assert ask() == {"a": 1}
"""


@pytest.fixture
def served(redis_url: str, name: str) -> Iterator[tuple[str, str]]:
    with serving(Echo(name).app, redis_url, name):
        yield name, redis_url


def run(code: str, *arguments: str) -> str:
    program = Program("-W", "error", "-c", PRELUDE + code, *arguments, forked=True)
    assert program.wait(60) == 0, program.output
    assert "Traceback" not in program.output
    return program.output


def test_a_caller_without_a_thread_says_so_and_works_when_there_is_one(served: tuple[str, str]) -> None:
    code = """
caller = DaebusCaller(name, redis_url=url, timeout=20)
ask = lambda: caller.send_request("echo")
with NoThreads():
    for _ in range(3):
        print(said(ask))
    print(said(lambda: next(iter(caller.stream_request("echo")))))
    caller.close()
    print(said(ask))
    caller.close()
works(ask)
caller.close()
works(ask)
"""
    lines = run(code, *served).splitlines()
    assert len(lines) == 5
    assert all("RedisUnavailable: " in line and "can't start new thread" in line for line in lines), lines


def test_a_service_without_its_threads_says_so_and_starts_when_there_are_some(redis_url: str, name: str) -> None:
    code = """
app = Daebus("app")
app.action("echo")(lambda: {"a": 1})
with NoThreads():
    print(said(lambda: app.start(service=name, redis_url=url)))
app.start(service=name, redis_url=url)
with DaebusCaller(name, redis_url=url) as caller:
    works(lambda: caller.send_request("echo"))
app.stop()
"""
    assert "can't start new thread" in run(code, name, redis_url)


def test_a_thread_of_an_app_that_is_not_to_be_had_says_so_and_can_be_started_later(redis_url: str, name: str) -> None:
    code = """
app, ran = Daebus("app"), threading.Event()
app.thread("work", auto_start=False)(lambda running: ran.set())
app.start(service=name, redis_url=url)
with NoThreads():
    print(said(lambda: app.start_thread("work")))
    print(app.stop_thread("work"))
assert app.start_thread("work")
assert ran.wait(20)
app.stop()
beside = Daebus("beside")
beside.background("often", 100)(lambda: None)
beside.on_start()(lambda: NoThreads().__enter__())
print(said(lambda: beside.start(service=name, redis_url=url)))
"""
    first, second, third = run(code, name, redis_url).splitlines()
    assert "cannot start" in first
    assert "can't start new thread" in first
    assert second == "False"
    assert "can't start new thread" in third


def test_a_handler_may_stop_its_service_also_where_no_thread_is_to_be_had(redis_url: str, name: str) -> None:
    code = """
import time
app = Daebus(name)
@app.action("stop")
def stop():
    with NoThreads():
        app.stop()
    return {"a": 1}
app.start(redis_url=url)
with DaebusCaller(name, redis_url=url, timeout=20) as caller:
    print(said(lambda: caller.send_request("stop")))
while app.running:
    time.sleep(0.01)
"""
    run(code, name, redis_url)


def test_an_asyncio_caller_that_needs_a_thread_to_look_a_name_up_says_so(served: tuple[str, str]) -> None:
    code = """
url = url.replace("127.0.0.1", "localhost")
async def main():
    async with AsyncDaebusCaller(name, redis_url=url, timeout=20) as caller:
        with NoThreads():
            try:
                await caller.send_request("echo")
            except RedisUnavailable as error:
                print(error)
        assert await caller.send_request("echo") == {"a": 1}
asyncio.run(main())
"""
    assert "can't start new thread" in run(code, *served)


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("more", ["", "?socket_keepalive=true"], ids=["plain", "redis-py"])
def test_whoever_gets_no_descriptor_says_so_and_works_when_there_are_some(
    served: tuple[str, str], left: int, more: str
) -> None:
    code = f"""
caller = DaebusCaller(name, redis_url=url + {more!r}, timeout=20)
ask = lambda: caller.send_request("echo")
with NoDescriptors({left}):
    for _ in range(3):
        print(said(ask))
    caller.close()
    print(said(ask))
    caller.close()
works(ask)
caller.close()
"""
    lines = run(code, *served).splitlines()
    assert len(lines) == 4
    assert all("RedisUnavailable: " in line and "Too many open files" in line for line in lines), lines


def test_many_threads_at_once_without_a_descriptor_say_so_and_work_when_there_are_some(served: tuple[str, str]) -> None:
    """None of them spoils what all of them need."""
    code = """
from concurrent.futures import ThreadPoolExecutor
sys.setswitchinterval(1e-5)
callers = [DaebusCaller(name, redis_url=url + "?socket_keepalive=true", timeout=20) for _ in range(8)]
together = threading.Barrier(8)
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda _: together.wait(), range(8)))
    with NoDescriptors():
        print(*pool.map(lambda caller: said(lambda: caller.send_request("echo")), callers), sep="\\n")
    for caller in callers:
        works(lambda: caller.send_request("echo"))
        caller.close()
"""
    lines = run(code, *served).splitlines()
    assert len(lines) == 8
    assert all("RedisUnavailable: " in line and "Too many open files" in line for line in lines), lines


def test_redis_py_cannot_be_imported_without_a_descriptor(served: tuple[str, str]) -> None:
    """It is imported where a URL asks for more than plain TCP, which may be when there are none any more."""
    code = """
with NoDescriptors():
    print(said(lambda: DaebusCaller(name, redis_url=url + "?socket_keepalive=true")))
with DaebusCaller(name, redis_url=url + "?socket_keepalive=true", timeout=20) as caller:
    works(lambda: caller.send_request("echo"))
"""
    program = Program("-c", PRELUDE + code, *served)
    assert program.wait(60) == 0, program.output
    assert program.output.startswith("RedisUnavailable: redis-py cannot be imported: ")
    assert "Too many open files" in program.output


def test_others_without_a_descriptor_say_so(served: tuple[str, str]) -> None:
    code = """
app = Daebus("app")
with NoDescriptors():
    print(said(lambda: broadcast.send("news", {})))
    print(said(lambda: app.start(service=name + "_other", redis_url=url)))
assert broadcast.send("news", {}) == 0
app.start(service=name + "_other", redis_url=url)
app.stop()

async def main():
    async with AsyncDaebusCaller(name, redis_url=url, timeout=20) as caller:
        with NoDescriptors():
            try:
                await caller.send_request("echo")
            except RedisUnavailable as error:
                print("RedisUnavailable:", error)
        assert await caller.send_request("echo") == {"a": 1}
asyncio.run(main())
"""
    program = Program("-W", "error", "-c", PRELUDE + code, *served, forked=True, DAEBUS_REDIS_URL=served[1])
    assert program.wait(60) == 0, program.output
    lines = [line for line in program.output.splitlines() if "RedisUnavailable: " in line]
    assert len(lines) == 3, program.output
    assert all("Too many open files" in line for line in lines), lines
