"""Two instances of a service that agree on which message is whose, here within one process."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis

from daebus import Daebus, DaebusCaller, RequestFailed, RequestTimeout, ServiceUnavailable, broadcast, request
from daebus.client.call import Call
from daebus.command.handover import ACTION, HandoverBus, Takeover
from daebus.command.line import Line
from daebus.command.supervised import Supervised
from daebus.command.supervisor import Child, Supervisor
from tests.support.framework_services import serving, subscribers
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


class Pair:
    """An old instance that serves, and a new one that takes over from it."""

    def __init__(self, url: str, name: str, *, shared: bool = False) -> None:
        self.url, self.name, self.shared = url, name, shared
        self.seen: list[tuple[str, int]] = []
        self.cut, self.begun = threading.Event(), threading.Event()
        self.marked: bool | None = None
        self.old, self.new = self._app("old"), self._app("new")
        self.old_bus = HandoverBus(url)
        self.new_bus = HandoverBus(url, Takeover("secret", self._cut, self.begun.is_set))
        self.old.start_on(self.old_bus, shared=shared)
        self.caller = DaebusCaller(name, redis_url=url, timeout=20)
        self._thread: threading.Thread | None = None

    def _app(self, which: str) -> Daebus:
        app = Daebus(self.name, max_workers=1)

        @app.action("note")
        def note() -> dict[str, Any]:
            self.seen.append((which, request.payload["n"]))
            return {"by": which}

        app.on_start(lambda: self.seen.append((which, 0)))
        return app

    def _cut(self, marked: bool) -> None:
        self.marked = marked
        self.cut.set()

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.caller.send_message("note", {"n": number})

    def take_over(self, expected: str | None = "secret") -> None:
        self.old_bus.mark.expected = expected
        self._thread = threading.Thread(target=self._start_new)
        self._thread.start()

    def _start_new(self) -> None:
        with suppress(LookupError, ZeroDivisionError):
            self.new.start_on(self.new_bus, shared=self.shared)

    def begin(self) -> None:
        self.old.finish()
        self.begun.set()
        assert self._thread is not None
        self._thread.join(20)

    def close(self) -> None:
        self.begun.set()
        if self._thread is not None:
            self._thread.join(20)
        self.old.stop()
        self.new.stop()
        self.caller.close()


@pytest.fixture
def pair(redis_url: str, name: str) -> Iterator[Pair]:
    pair = Pair(redis_url, name)
    yield pair
    pair.close()


def test_what_comes_before_the_mark_is_the_old_one_s_and_the_rest_waits_for_the_new(pair: Pair) -> None:
    pair.send(1, 2)
    pair.take_over()
    assert pair.cut.wait(10)
    pair.send(3, 4)
    assert pair.marked is True
    # Both are subscribed, and neither handles what is the new one's before the old one has ended.
    assert subscribers(pair.url, pair.name) == 2
    eventually(lambda: len(pair.seen) == 3)
    pair.old.finish()
    assert pair.seen == [("old", 0), ("old", 1), ("old", 2)]
    pair.begin()
    pair.send(5)
    eventually(lambda: len(pair.seen) == 7)
    assert pair.seen[3:] == [("new", 0), ("new", 3), ("new", 4), ("new", 5)]


def test_a_request_of_which_nobody_waits_for_an_answer_any_more_is_passed_over(pair: Pair) -> None:
    pair.take_over()
    assert pair.cut.wait(10)
    with pytest.raises(RequestTimeout):
        pair.caller.send_request("note", {"n": 1}, timeout=0.3)
    eventually(lambda: pair.new_bus.heard and len(pair.new_bus.heard._held) == 1)
    # A service counts from when a request came in, for its clock is not that of who asked.
    over = time.monotonic() + 0.3
    eventually(lambda: time.monotonic() > over)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(pair.caller.send_request("note", {"n": 2})))
    thread.start()
    eventually(lambda: pair.new_bus.heard and len(pair.new_bus.heard._held) == 2)
    pair.begin()
    thread.join(20)
    assert answers == [{"by": "new"}]
    assert pair.seen == [("old", 0), ("new", 0), ("new", 2)]


def test_where_the_new_one_does_not_start_whoever_asked_it_is_told(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    calls = list[Call]()

    def ask(number: int) -> None:
        # It returns when Redis has the request.
        calls.append(pair.caller._requester.start(pair.name, "note", {"n": number}, timeout=20))

    @pair.new.on_start
    def fail() -> None:
        ask(2)
        raise LookupError("no database")

    pair.take_over()
    assert pair.cut.wait(10)
    ask(1)
    pair.send(4)
    pair.caller._requester.send(f"daebus.control.{pair.name}", "info")
    eventually(lambda: pair.new_bus.heard and len(pair.new_bus.heard._held) == 3)
    pair.begin()
    assert f"{pair.name}: stopped before 1 message that nobody waits for had their turn" in caplog.messages
    for call in calls:
        with pytest.raises(RequestFailed, match="is stopping") as failed:
            call.result()
        assert failed.value.code == "shutting_down"
    assert len(calls) == 2
    assert pair.seen == [("old", 0), ("new", 0)]
    with pytest.raises(ServiceUnavailable):
        ask(3)


def test_where_the_new_one_does_not_start_what_it_shares_is_left_to_another_instance(redis_url: str, name: str) -> None:
    pair, gate, reached = Pair(redis_url, name, shared=True), threading.Event(), threading.Event()
    other = Daebus(name, max_workers=1)

    @other.listen(f"{name}.block")
    def block(_payload: Any) -> None:
        reached.set()
        gate.wait(60)

    other.action("note")(lambda: {"by": "other"})
    pair.new.on_start(lambda: 1 / 0)
    try:
        with serving(other, redis_url, name, shared=True):
            pair.take_over()
            assert pair.cut.wait(10)
            broadcast.send(f"{name}.block", {})
            assert reached.wait(10)
            call = pair.caller._requester.start(name, "note", {"n": 1}, timeout=20)
            eventually(lambda: pair.new_bus.heard and len(pair.new_bus.heard._held) == 1)
            pair.begin()
            assert not pair.new.running
            gate.set()
            assert call.result() == {"by": "other"}
    finally:
        gate.set()
        pair.close()


def test_where_nobody_takes_over_after_all_the_old_one_goes_on(pair: Pair) -> None:
    mark = pair.old_bus.mark
    mark.expected = "other"
    with DaebusCaller(f"daebus.control.{pair.name}", redis_url=pair.url) as control:
        control.send_message(ACTION, {"secret": "not that"})
        control.send_message(ACTION, {"secret": "other"})
        assert mark.given_up.wait(10)
        mark.keep()
        pair.send(1)
        eventually(lambda: pair.seen[-1] == ("old", 1))
        # The same mark means nothing any more.
        control.send_message(ACTION, {"secret": "other"})
        control.send_request("info")
    assert pair.caller.send_request("note", {"n": 2}) == {"by": "old"}


def test_where_the_mark_may_not_be_heard_nothing_is_handled_twice(own_redis: RedisServer, name: str) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        rules = ["on", ">pw", "~*", "+@all", "resetchannels", f"&{name}", "&caller:*"]
        client.execute_command("ACL", "SETUSER", "limited", *rules)
    pair = Pair(own_redis.url.replace("redis://", "redis://limited:pw@"), name)
    try:
        pair.take_over()
        assert pair.cut.wait(10)
        assert pair.marked is False
        pair.send(1)
        eventually(lambda: pair.seen[-1] == ("old", 1))
        pair.begin()
        pair.send(2)
        eventually(lambda: pair.seen[-1] == ("new", 2))
        assert pair.seen == [("old", 0), ("old", 1), ("new", 0), ("new", 2)]
    finally:
        pair.close()


def test_where_redis_is_away_it_cannot_begin(name: str) -> None:
    app = Daebus(name)
    bus = HandoverBus("redis://127.0.0.1:1", Takeover("secret", lambda _marked: None, lambda: True))
    with pytest.raises(ConnectionError, match="cannot connect"):
        app.start_on(bus)
    assert not app.running


def test_a_message_as_long_as_it_likes_is_no_mark(pair: Pair) -> None:
    mark = pair.old_bus.mark
    mark.expected = "secret"
    for data in (b"secret", b'{"action": "handover", "payload": "secret"}', json.dumps({"secret": "secret"}).encode()):
        pair.caller._requester.publish(f"daebus.control.{pair.name}", data)
    assert pair.caller.send_request("note", {"n": 1}) == {"by": "old"}
    assert not mark.given_up.is_set()


def test_finishing_waits_for_a_message_that_is_just_being_taken(
    redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Daebus(name)
    app.action("echo")(lambda: {"n": 1})
    held, gate = threading.Event(), threading.Event()
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url, timeout=20) as caller:
        assert app._service is not None
        crews = app._service._crews
        take = crews.take

        def slowly(*arguments: Any) -> bool:
            held.set()
            assert gate.wait(10)
            return take(*arguments)

        monkeypatch.setattr(crews, "take", slowly)
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(caller.send_request("echo")))
        asking.start()
        assert held.wait(10)
        finishing = threading.Thread(target=app.finish)
        finishing.start()
        finishing.join(0.2)
        assert finishing.is_alive()
        gate.set()
        asking.join(10)
        finishing.join(10)
    assert answers == [{"n": 1}]


def test_the_new_one_is_not_told_to_take_over_before_the_old_one_expects_its_mark() -> None:
    """The mark comes once: an old one that does not know it yet would handle what the new one handles as well."""
    supervisor = Supervisor("x", [], [])
    ends = []
    for _ in range(2):
        ours, theirs = socket.socketpair()
        child = Child.__new__(Child)
        child.line, child.kill_at = Line(ours), None
        ends.append((child, Line(theirs)))
    (old, at_old), (new, at_new) = ends
    supervisor._serving, supervisor._next = old, new
    try:
        supervisor._imported(new, 5.0)
        ((word, secret),) = at_old.read() or ()
        assert word == "expect"
        at_new._socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            at_new._socket.recv(1)
        at_new._socket.setblocking(True)
        at_old.tell("expecting", "another one's")
        supervisor._read(old)
        at_old.tell("expecting", secret)
        supervisor._read(old)
        assert at_new.read() == [("take over", secret)]
        # Where the old one ends before that, the new one simply starts.
        supervisor._imported(new, 5.0)
        supervisor._begin()
        assert at_new.read() == [("start", None)]
    finally:
        supervisor._selector.close()
        for closed in (supervisor._bell, *(line for child, at in ends for line in (child.line, at))):
            closed.close()


def test_a_mark_is_known_before_there_is_a_listener_and_waited_for_as_long_as_its_connection_lives() -> None:
    ours, theirs = socket.socketpair()
    line = Line(ours)
    supervised = Supervised(theirs.detach())
    supervised._app = Daebus("x")
    listening = threading.Thread(target=supervised._listen)
    listening.start()
    try:
        line.tell("expect", "secret")
        assert line.read() == [("expecting", "secret")]
        assert supervised._mark.expected == "secret"
    finally:
        line.close()
        listening.join(10)
        supervised._line.close()
    mark = supervised._mark
    mark.lost()
    assert not mark.given_up.is_set(), "it goes on by another connection"
    waiting = threading.Thread(target=lambda: mark.wait(None, 60))
    waiting.start()
    eventually(lambda: mark._final)
    mark.lost()
    waiting.join(10)
    assert not waiting.is_alive()
    mark.keep()
    assert (mark.given_up.is_set(), mark.expected) == (False, None)
