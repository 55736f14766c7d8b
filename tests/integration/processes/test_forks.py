"""Forks: parent and children go on, each with connections of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from daebus import Daebus, Requester, request
from tests.support.framework_services import Program, Tap, program, serving

IN_CHILDREN = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, broadcast
url, name = sys.argv[1:]

def in_children(work):
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            try:
                work(f"child {number}")
            except BaseException as error:
                print("failed:", repr(error), flush=True)
                os._exit(1)
            os._exit(0)
        children.append(child)
    return children

def end(children):
    print("ended", [os.waitpid(child, 0)[1] for child in children], flush=True)
"""
_CALLERS = (
    IN_CHILDREN
    + """
caller, other = DaebusCaller(name, redis_url=url, timeout=30), AsyncDaebusCaller(name, redis_url=url, timeout=30)
caller.send_request("echo", {})
loop = asyncio.new_event_loop()
loop.run_until_complete(other.send_request("echo", {}))
broadcast.send(name + ".news", {"from": "all"})

async def ask(who):
    for n in range(200):
        assert await other.send_request("echo", {"n": n, "who": who}) == {"n": n, "who": who}

def work(who):
    for n in range(200):
        assert caller.send_request("echo", {"n": n, "who": who}) == {"n": n, "who": who}
    if who == "parent":
        loop.run_until_complete(ask(who))
    else:
        asyncio.run(ask(who))
    broadcast.send(name + ".news", {"from": who})

children = in_children(work)
work("parent")
end(children)
loop.run_until_complete(other.close())
loop.close()
caller.close()
"""
)
_IMPORTED = (
    IN_CHILDREN
    + """
app = Daebus(name + "_forked")
app.action("who")(lambda: {"pid": os.getpid()})

def work(who):
    service = name + "_" + who.replace(" ", "_")
    with app.start(service=service, redis_url=url), DaebusCaller(service, redis_url=url, timeout=30) as caller:
        assert caller.send_request("who") == {"pid": os.getpid()}

children = in_children(work)
work("parent")
end(children)
"""
)
_RUNNING = (
    IN_CHILDREN
    + """
app = Daebus(name + "_running")
app.action("who")(lambda: {"pid": os.getpid()})
parent = os.getpid()
app.start(redis_url=url)

def work(who):
    assert not app.running
    assert not app.running
    with DaebusCaller(app.name, redis_url=url, timeout=30) as caller:
        assert caller.send_request("who") == {"pid": parent}
    app.stop()

children = in_children(work)
work = DaebusCaller(app.name, redis_url=url, timeout=30)
end(children)
assert work.send_request("who") == {"pid": parent}
work.close()
app.stop()
"""
)


@pytest.fixture
def echo(redis_url: str, name: str) -> Iterator[str]:
    app = Daebus(name, max_workers=4)
    app.action("echo")(lambda: request.payload)
    with serving(app, redis_url, name):
        yield name


def output_of(code: str, url: str, name: str) -> str:
    started = Program("-c", code, url, name, DAEBUS_REDIS_URL=url)
    assert started.wait(100) == 0, started.output
    return started.output


def test_callers_and_broadcasts_of_a_parent_and_its_children_go_on(redis_url: str, echo: str) -> None:
    with Tap(redis_url, echo + ".news") as tap:
        assert "ended [0, 0, 0]" in output_of(_CALLERS, redis_url, echo)
        heard = sorted(data.decode() for _channel, data in tap.collect())
    assert heard == [f'{{"from":"{who}"}}' for who in ("all", "child 0", "child 1", "child 2", "parent")]


def test_a_service_that_was_imported_and_not_started_is_started_in_each_child(redis_url: str, name: str) -> None:
    assert "ended [0, 0, 0]" in output_of(_IMPORTED, redis_url, name)


def test_a_running_service_goes_on_in_the_parent_and_says_once_that_no_child_carries_it_on(
    redis_url: str, name: str
) -> None:
    output = output_of(_RUNNING, redis_url, name)
    assert "ended [0, 0, 0]" in output
    assert output.count(f"{name}_running runs in the parent process; a forked one does not carry it on") == 3


_FORKING = """
import os, sys
from daebus import Daebus
app = Daebus("app")

def forking(ends):
    child = os.fork()
    if child == 0:
        print("printed in the child")
        ends()
        return {"by": "the child"}
    return {"by": "the parent", "status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}

def fail():
    raise LookupError("in the child")

app.action("return")(lambda: forking(lambda: None))
app.action("exit")(lambda: forking(lambda: sys.exit(7)))
app.action("say")(lambda: forking(lambda: sys.exit("a reason")))
app.action("raise")(lambda: forking(fail))

@app.action("exit async")
async def exit_async():
    return forking(lambda: sys.exit(7))

app.run(service=sys.argv[2], redis_url=sys.argv[1])
"""


def test_a_child_that_a_handler_forks_answers_nobody(redis_url: str, name: str) -> None:
    said = {"return": 0, "exit": 7, "say": 1, "raise": 1, "exit async": 7}
    with (
        program("-c", _FORKING, redis_url, name, serves=name, url=redis_url) as service,
        Requester(redis_url) as requester,
        Tap(redis_url, requester.reply_channel) as tap,
    ):
        for action, status in said.items():
            assert requester.call(name, action) == {"by": "the parent", "status": status}
        assert len(tap.collect()) == len(said)
    for text in ("a reason", "LookupError: in the child"):
        assert service.output.count(text) == 1
    assert service.output.count("printed in the child") == len(said)
    assert "raised (request" not in service.output


_TERMINATING = """
import asyncio, multiprocessing, sys, time
from daebus import Daebus
app = Daebus("app")

def begin():
    begun = forking.Event()
    child = forking.Process(target=lambda: begun.set() or time.sleep(600))
    child.start()
    assert begun.wait(60)
    child.terminate()
    return child

def ended(child):
    child.join(60)
    code = child.exitcode
    child.kill()
    return {"code": code}

forking = multiprocessing.get_context("fork")
app.action("plain")(lambda: ended(begin()))

@app.action("async")
async def in_loop():
    return await asyncio.to_thread(ended, begin())

app.run(service=sys.argv[2], redis_url=sys.argv[1])
"""


@pytest.mark.parametrize("action", ["plain", "async"])
def test_a_child_that_a_handler_has_made_ends_when_it_is_terminated(redis_url: str, name: str, action: str) -> None:
    running = program("-c", _TERMINATING, redis_url, name, serves=name, url=redis_url)
    with running as service, Requester(redis_url) as requester:
        assert requester.call(name, action, timeout=100) == {"code": -signal.SIGTERM}
    assert "stopped" in service.output


_TERMINATED_AT_ONCE = """
import os, signal, sys

# Before what the framework does in a child.
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))

from daebus import Daebus

app = Daebus("told")

@app.action("fork")
def fork():
    child = os.fork()
    if child == 0:
        os._exit(7)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    return {"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "held": sorted(held)}

app.run(service=sys.argv[2], redis_url=sys.argv[1])
"""


def test_a_child_that_is_terminated_before_it_has_begun_ends(redis_url: str, name: str) -> None:
    running = program("-c", _TERMINATED_AT_ONCE, redis_url, name, serves=name, url=redis_url)
    with running as service, Requester(redis_url) as requester:
        for _ in range(2):
            assert requester.call(name, "fork", timeout=100) == {"code": -signal.SIGTERM, "held": []}
    assert "stopped" in service.output


_SPOILT = (
    IN_CHILDREN
    + """
from daebus.transport.fork import begins_anew

class Spoilt:
    def after_fork(self):
        raise OSError("not to be had")

spoilt = [Spoilt() for _ in range(20)]
callers = [DaebusCaller(name, redis_url=url, timeout=30) for _ in range(20)]
for one, caller in zip(spoilt, callers):
    begins_anew(one)
    caller.send_request("echo", {})

def work(who):
    for caller in callers:
        assert caller._requester._publisher is None, "the connection is the parent's"
        assert caller.send_request("echo", {"who": who}) == {"who": who}

end(in_children(work))
for caller in callers:
    assert caller.send_request("echo", {"who": "parent"}) == {"who": "parent"}
    caller.close()
"""
)


def test_all_begin_anew_in_a_child_whatever_becomes_of_one(redis_url: str, echo: str) -> None:
    spoilt = Program("-c", _SPOILT, redis_url, echo, forked=True)
    assert spoilt.wait(60) == 0, spoilt.output
    assert "ended [0, 0, 0]" in spoilt.output, spoilt.output
    assert "not to be had" in spoilt.output


_VIEWED = (
    IN_CHILDREN
    + """
import stat
from daebus.transport.aio.connection import AsyncConnection

class View:
    # All that uvloop shows of a socket.
    def __init__(self, sock):
        self._number = sock.fileno()
    def fileno(self):
        return self._number

class Viewed:
    def __init__(self, transport):
        self._transport = transport
    def get_extra_info(self, name):
        return View(self._transport.get_extra_info(name))
    def __getattr__(self, name):
        return getattr(self._transport, name)

def adopt(self, transport, *others, adopted=AsyncConnection.adopt):
    adopted(self, transport, *others)
    self._transport = Viewed(transport)

AsyncConnection.adopt = adopt

async def ask(who):
    assert await caller.send_request("echo", {"who": who}) == {"who": who}
    session = caller._sessions[asyncio.get_running_loop()]
    return [link._transport.get_extra_info("socket").fileno() for link in (session._publisher, session._subscription)]

caller = AsyncDaebusCaller(name, redis_url=url, timeout=30)
loop = asyncio.new_event_loop()
numbers = loop.run_until_complete(ask("parent"))

def work(who):
    # They are not sockets any more, and nobody else gets their numbers.
    assert not any(map(is_socket, numbers))
    assert not set(asyncio.run(ask(who))) & set(numbers)

def is_socket(number):
    return stat.S_ISSOCK(os.fstat(number).st_mode)

end(in_children(work))
loop.run_until_complete(ask("parent"))
loop.run_until_complete(caller.close())
loop.close()
"""
)


def test_a_child_lets_go_of_sockets_of_an_event_loop_that_shows_but_their_numbers(redis_url: str, echo: str) -> None:
    viewed = Program("-c", _VIEWED, redis_url, echo, forked=True)
    assert viewed.wait(60) == 0, viewed.output
    assert "ended [0, 0, 0]" in viewed.output, viewed.output
    assert "AttributeError" not in viewed.output, viewed.output
