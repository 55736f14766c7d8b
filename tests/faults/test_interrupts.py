"""Exceptions that signals raise in threads that call: they reach that thread's code, and break nothing for good."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
import redis

from daebus import ConnectionLost, Daebus, Requester, request
from tests.support.framework_services import Program, Tap, serving
from tests.support.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

INTERRUPTS = 10_000
_CODE = f"""
import random, signal, sys, threading, time
from daebus import DaebusCaller, PayloadError, RedisUnavailable

url, name = sys.argv[1:]
caller = DaebusCaller(name, redis_url=url, timeout=30)
caller.send_request("echo", {{}})


class Interrupt(Exception):
    pass


armed = ended = False
odd = []
beside = dict(answered=0, lost=0)


def interrupt(*_):
    if armed:
        raise Interrupt


def ask_beside():
    n = 0
    while not ended:
        n += 1
        try:
            assert caller.send_request("echo", {{"beside": n}}) == {{"beside": n}}
            beside["answered"] += 1
        except RedisUnavailable:
            # With the connection that was interrupted; the next is another one.
            beside["lost"] += 1
        except Exception as error:
            odd.append(f"{{error!r}} from {{error.__cause__!r}}")


signal.signal(signal.SIGALRM, interrupt)
other = threading.Thread(target=ask_beside)
other.start()
interrupts = n = 0
while interrupts < {INTERRUPTS} or beside["answered"] <= 100:
    try:
        try:
            armed = True
            # Again after that, where what was interrupted was a destructor, which raises nothing.
            signal.setitimer(signal.ITIMER_REAL, random.uniform(20e-6, 400e-6), 0.05)
            while True:
                n += 1
                answer = caller.send_request("echo", {{"n": n}})
                assert answer == {{"n": n}}, answer
        finally:
            armed = False
    except Interrupt:
        interrupts += 1
    except RedisUnavailable:
        pass
    except PayloadError as error:
        # It came while JSON was written, where it is taken for one of the payload's own code.
        assert isinstance(error.__cause__, Interrupt)
        interrupts += 1
    except Exception as error:
        odd.append(f"{{error!r}} from {{error.__cause__!r}}")
    finally:
        armed = False
ended = True
signal.setitimer(signal.ITIMER_REAL, 0)
other.join(60)
assert not other.is_alive()
assert odd == [], odd[:5]
assert interrupts > beside["lost"], beside
assert caller.send_request("echo", {{"after": 1}}) == {{"after": 1}}
begun = time.monotonic()
caller.close()
del caller
assert time.monotonic() - begun < 10
print("all well", interrupts, beside)
"""


@pytest.fixture
def echo(redis_url: str, name: str) -> Iterator[str]:
    app = Daebus(name, max_workers=4)
    app.action("echo")(lambda: request.payload)
    with serving(app, redis_url, name):
        yield name


def test_a_caller_outlives_interrupts_at_random_moments(redis_url: str, echo: str) -> None:
    program = Program("-c", _CODE, redis_url, echo)
    assert program.wait(280) == 0, program.output
    assert "all well" in program.output, program.output


def test_what_comes_behind_a_message_that_an_interrupt_has_lost_is_not_taken_for_all(redis_url: str, name: str) -> None:
    """Else a stream ends well, and a part of it is missing."""

    def reply(number: int) -> str:
        told = {"status": "success", "payload": {"n": number}, "request_id": "b", "final": number == 3}
        return json.dumps(told)

    with Requester(redis_url, timeout=60) as requester, Tap(redis_url, name), redis.Redis.from_url(redis_url) as client:
        reads, streams = requester.start(name, "x", request_id="a"), requester.start(name, "x", request_id="b")
        replies = requester._replies
        assert replies is not None
        take, leadership = replies._take, replies.listener.leadership

        def interrupted(data: bytes) -> None:
            if b'"n": 2' in data:
                raise KeyboardInterrupt
            take(data)

        def publish() -> None:
            eventually(lambda: leadership.leader is reads.waiter or reads.waiter in leadership.followers)
            with client.pipeline() as together:
                for number in (1, 2, 3):
                    together.publish(requester.reply_channel, reply(number))
                together.execute()

        replies._take = interrupted
        publishing = threading.Thread(target=publish)
        publishing.start()
        with pytest.raises(KeyboardInterrupt):
            reads.result()
        publishing.join()
        replies._take = take
        assert next(streams.replies()).payload == {"n": 1}
        with pytest.raises(ConnectionLost, match="may have been handled"):
            streams.result()


_CONNECTING = """
import gc, signal, socket, sys, warnings
from daebus.transport.address import RedisAddress
from daebus.transport.commander import Commander


class Interrupt(Exception):
    pass


def interrupt(*_):
    raise Interrupt


warnings.simplefilter("error", ResourceWarning)
left = []
sys.unraisablehook = left.append
signal.signal(signal.SIGALRM, interrupt)
# It takes no more connections than those that nobody has taken from it yet.
with socket.socket() as server:
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    first = [socket.socket() for _ in range(4)]
    for each in first:
        each.setblocking(False)
        each.connect_ex(server.getsockname())
    commander = Commander(RedisAddress(f"redis://127.0.0.1:{server.getsockname()[1]}"), "test")
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        commander.connect()
    except Interrupt:
        pass
    for each in first:
        each.close()
gc.collect()
assert not left, left
print("all well")
"""


def test_an_interrupt_while_connecting_leaves_no_socket_open() -> None:
    program = Program("-c", _CONNECTING)
    assert program.wait(60) == 0, program.output
    assert "all well" in program.output, program.output
