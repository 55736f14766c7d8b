"""What a call is told while it waits, by whichever thread reads; and answers that are sent with others."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import (
    ConnectionLost,
    Daebus,
    DaebusCaller,
    DaebusError,
    PermissionDenied,
    RequestTimeout,
    ServiceUnavailable,
    request,
    response,
)
from daebus.client.call import Call
from daebus.client.replies import Replies
from daebus.transport.sockets.connection import Connection
from tests.support.framework_services import Tap, serving, subscribers
from tests.support.redis_server import RedisServer
from tests.support.transport import all_written, another_writes, connection_of, is_freed
from tests.support.waiting import eventually


class Slow:
    """A service whose handlers take as long as they are told, before or after they have answered."""

    def __init__(self, name: str) -> None:
        self.app = Daebus(name, max_workers=3)
        self.gate = threading.Event()
        self.sent: list[int] = []
        self._register(self.app)

    def _register(self, app: Daebus) -> None:
        @app.action("echo")
        def echo() -> dict[str, Any]:
            return request.payload

        @app.action("wait")
        def wait() -> dict[str, Any]:
            self.gate.wait(20)
            return {}

        @app.action("before")
        def before() -> int:
            if request.payload.get("wait"):
                self.gate.wait(20)
            return response.send({"n": request.payload.get("n")})

        @app.action("after")
        def after() -> None:
            response.send({})
            if request.payload.get("wait"):
                self.gate.wait(20)

        @app.action("parts")
        def parts() -> None:
            self.sent.append(response.send({}, final=False))
            self.sent.append(response.send({}))


@pytest.fixture
def slow(own_redis: RedisServer, name: str) -> Iterator[Slow]:
    service = Slow(name)
    with serving(service.app, own_redis.url, name):
        yield service
        service.gate.set()


@pytest.fixture
def caller(own_redis: RedisServer, name: str) -> Iterator[DaebusCaller]:
    with DaebusCaller(name, redis_url=own_redis.url, timeout=15) as caller:
        yield caller


class Waiting:
    """A call in a thread of its own."""

    def __init__(self, caller: DaebusCaller, action: str, **options: Any) -> None:
        self.outcome: Any = None
        self.took = 0.0
        self._thread = threading.Thread(target=self._run, args=(caller, action, options))
        self._thread.start()

    def _run(self, caller: DaebusCaller, action: str, options: dict[str, Any]) -> None:
        begun = time.monotonic()
        try:
            self.outcome = caller.send_request(action, **options)
        except DaebusError as error:
            self.outcome = error
        self.took = time.monotonic() - begun

    def end(self) -> Any:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.outcome


def commander_of(caller: DaebusCaller) -> Connection:
    """What the caller sends its requests through."""
    return connection_of(caller._requester._publisher)


def in_flight(caller: DaebusCaller) -> int:
    return commander_of(caller).in_flight


def test_a_dead_service_is_told_while_another_call_reads(
    slow: Slow, caller: DaebusCaller, own_redis: RedisServer
) -> None:
    waiting = Waiting(caller, "wait")
    eventually(lambda: caller._requester.pending == 1)
    nobody = DaebusCaller("nobody.at.all", redis_url=own_redis.url, timeout=15)
    nobody._requester = caller._requester
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailable, match=r"nobody\.at\.all"):
        nobody.send_request("anything")
    assert time.monotonic() - begun < 5
    assert caller._requester.pending == 1
    slow.gate.set()
    assert waiting.end() == {}


def test_a_refusal_of_redis_is_told_while_the_call_waits(slow: Slow, name: str, own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "mute", "on", ">pw", "+@all", "-publish", "~*", "&*")
    url = own_redis.url.replace("redis://", "redis://mute:pw@")
    with DaebusCaller(name, redis_url=url, timeout=15) as mute:
        begun = time.monotonic()
        with pytest.raises(PermissionDenied, match="publishing"):
            mute.send_request("echo")
        assert time.monotonic() - begun < 5
        assert mute._requester.pending == 0


def test_a_call_whose_request_has_arrived_outlives_the_connection_it_was_sent_on(
    slow: Slow, caller: DaebusCaller, own_redis: RedisServer
) -> None:
    waiting = Waiting(caller, "wait")
    eventually(lambda: caller._requester.pending == 1)
    # Redis has confirmed it.
    eventually(lambda: in_flight(caller) == 0)
    host, port = commander_of(caller)._stream._socket.getsockname()
    with own_redis.client() as client:
        # That one alone: an answer that the service sends by one that it does not know to be lost is lost, too.
        assert client.execute_command("CLIENT", "KILL", "ADDR", f"{host}:{port}") == 1
    slow.gate.set()
    assert waiting.end() == {}
    assert caller.send_request("echo", {"a": 1}) == {"a": 1}


def test_a_call_is_told_of_the_loss_before_redis_has_confirmed_it(
    slow: Slow, caller: DaebusCaller, own_redis: RedisServer
) -> None:
    caller.send_request("echo")
    own_redis.freeze()
    calls = [Waiting(caller, "echo") for _ in range(20)]
    connection = commander_of(caller)
    # Those that had not been written yet would be told that nothing was sent. Redis may have confirmed the first one,
    # and nobody has looked yet.
    eventually(lambda: caller._requester.pending == 20 and connection.in_flight >= 20 and all_written(connection))
    own_redis.kill()
    outcomes = [call.end() for call in calls]
    assert {type(outcome) for outcome in outcomes} == {ConnectionLost}
    assert max(call.took for call in calls) < 10
    own_redis.start()
    eventually(lambda: subscribers(own_redis.url, caller.target_service) == 1)
    assert caller.send_request("echo", {"a": 1}) == {"a": 1}


def test_a_call_ends_at_its_timeout_while_another_thread_writes(
    slow: Slow, caller: DaebusCaller, name: str, own_redis: RedisServer
) -> None:
    caller.send_request("echo")
    connection = commander_of(caller)
    with Tap(own_redis.url, name) as tap:
        with another_writes(connection):
            begun = time.monotonic()
            with pytest.raises(RequestTimeout):
                caller.send_request("echo", {"late": True}, timeout=0.3)
            assert time.monotonic() - begun < 5
        assert caller.send_request("echo", {"a": 1}) == {"a": 1}
        assert [json.loads(data)["payload"] for _channel, data in tap.collect(0.3)] == [{"a": 1}]


def test_closing_while_others_call_leaves_nothing_open(slow: Slow, caller: DaebusCaller) -> None:
    stop = threading.Event()
    answers: list[Any] = []
    problems: list[DaebusError] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(caller.send_request("echo", {"a": 1}))
            except DaebusError as problem:
                problems.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        time.sleep(0.01)
        caller._requester.close()
    stop.set()
    for thread in threads:
        thread.join(20)
    assert answers
    assert {str(answer) for answer in answers} == {"{'a': 1}"}
    caller._requester.close()
    # A socket that was left open would be a ResourceWarning, which is an error here.
    assert caller._requester.pending == 0


def test_an_answer_does_not_wait_for_what_its_handler_does_after_it(slow: Slow, caller: DaebusCaller) -> None:
    for _ in range(20):
        caller.send_request("after")
    begun = time.monotonic()
    assert caller.send_request("after", {"wait": True}) == {}
    assert time.monotonic() - begun < 5


def test_an_answer_does_not_wait_for_the_next_handler(
    slow: Slow, caller: DaebusCaller, name: str, own_redis: RedisServer
) -> None:
    for _ in range(20):
        caller.send_request("before")
    messages = [
        {"action": "before", "payload": {"n": n, "wait": n == 1}, "reply_to": "replies." + name, "request_id": str(n)}
        for n in range(3)
    ]
    with Tap(own_redis.url, "replies." + name) as tap, own_redis.client() as client:
        pipeline = client.pipeline(transaction=False)
        for message in messages:
            pipeline.publish(name, json.dumps(message))
        pipeline.execute()
        found = {json.loads(tap.next()[1])["payload"]["n"] for _ in range(2)}
        assert found == {0, 2}
        slow.gate.set()
        assert json.loads(tap.next()[1])["payload"]["n"] == 1


def test_a_handler_learns_whether_anybody_listens_to_its_stream(
    slow: Slow, caller: DaebusCaller, name: str, own_redis: RedisServer
) -> None:
    assert caller.send_request("parts") == {}
    with own_redis.client() as client:
        client.publish(name, json.dumps({"action": "parts", "reply_to": "nobody", "request_id": "1"}))
        eventually(lambda: len(slow.sent) == 4)
    assert slow.sent == [1, 1, 0, 1]


def test_a_caller_closed_between_connecting_and_sending_leaves_no_connection(
    slow: Slow, caller: DaebusCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.send_request("echo")
    requester = caller._requester
    register, publishers, connections = requester._register, list[Any](), list[Connection]()

    def closed_meanwhile(call: Call) -> Any:
        publishers.append(register(call))
        connections.append(connection_of(publishers[0]))
        requester.close()
        return publishers[0]

    with monkeypatch.context() as patch:
        patch.setattr(requester, "_register", closed_meanwhile)
        with pytest.raises(ConnectionLost, match="closed"):
            caller.send_request("echo")
    assert is_freed(connections[0])
    assert publishers[0]._connection is None
    assert caller.send_request("echo", {"a": 1}) == {"a": 1}


def test_threads_whose_answers_come_at_once_get_them_even_if_none_asks_again(
    slow: Slow, caller: DaebusCaller, own_redis: RedisServer
) -> None:
    caller.send_request("echo")
    for _ in range(10):
        # They are all answered in one go, by a Redis that wakes up, and then their threads end.
        calls = [Waiting(caller, "echo", payload={"n": n}) for n in range(30)]
        own_redis.freeze()
        own_redis.thaw()
        assert [call.end() for call in calls] == [{"n": n} for n in range(30)]
        assert max(call.took for call in calls) < 5


def test_parts_come_once_where_another_thread_just_closes_the_caller(
    redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, closing, go_on = Daebus(name), threading.Event(), threading.Event()
    got: list[Any] = []
    close = Replies.close

    @app.action("parts")
    def parts() -> Iterator[dict[str, int]]:
        yield from ({"n": number} for number in range(4))

    def kept_from_running(replies: Replies, *, wait: bool = True) -> None:
        closing.set()
        go_on.wait(60)
        close(replies, wait=wait)

    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        caller.send_request("parts")
        replies = caller._requester._replies
        assert replies is not None
        # The keeper reads.
        eventually(lambda: replies.listener.leadership.leader)
        with monkeypatch.context() as patched:
            patched.setattr(Replies, "close", kept_from_running)
            thread = threading.Thread(target=caller.close)
            thread.start()
            assert closing.wait(10)
        assert caller.send_request("parts", on_progress=got.append) == {"n": 3}
        go_on.set()
        thread.join()
    assert got == [{"n": 0}, {"n": 1}, {"n": 2}]
