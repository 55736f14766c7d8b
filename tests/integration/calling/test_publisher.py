"""Publishing from many threads over one connection: what is sent, what is told, and to whom."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress

import pytest

from daebus.errors import ConnectionLost, PermissionDenied, RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.commands import Delivery, Pending, probing
from daebus.transport.proof import Proof
from daebus.transport.publisher import Publisher
from daebus.transport.sockets import connection as connection_module
from daebus.transport.sockets import writing as writing_module
from daebus.transport.sockets.writing import TOGETHER
from tests.support.framework_services import Tap
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer
from tests.support.transport import all_written, another_writes, connection_of
from tests.support.waiting import eventually

Outcome = Delivery | RedisUnavailable


@pytest.fixture
def publisher(own_redis: RedisServer) -> Iterator[Publisher]:
    publisher = Publisher(RedisAddress(own_redis.url), "test")
    publisher.connect()
    yield publisher
    publisher.close()


def soon(seconds: float = 10) -> float:
    return time.monotonic() + seconds


def told_within(publisher: Publisher, outcomes: list[Outcome], count: int) -> None:
    def probe() -> bool:
        publisher.look(0)
        return len(outcomes) == count

    eventually(probe)


def in_threads(count: int, work: object) -> list[threading.Thread]:
    assert callable(work)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_whoever_does_not_wait_is_told_what_became_of_it(publisher: Publisher, own_redis: RedisServer) -> None:
    outcomes: list[Outcome] = []
    publisher.submit("nobody", b"x", outcomes.append, soon())
    told_within(publisher, outcomes, 1)
    with Tap(own_redis.url, "somebody"):
        publisher.submit("somebody", b"x", outcomes.append, soon())
        told_within(publisher, outcomes, 2)
    counts = [(one.receivers, one.subscribers) for one in outcomes if isinstance(one, Delivery)]
    assert counts == [(0, 0), (1, 1)]


def test_a_refusal_is_told_to_whoever_does_not_wait(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "mute", "on", ">pw", "+@all", "-publish", "~*", "&*")
    publisher = Publisher(RedisAddress(own_redis.url.replace("redis://", "redis://mute:pw@")), "test")
    outcomes: list[Outcome] = []
    failures: list[RedisUnavailable] = []
    publisher.submit("somewhere", b"x", outcomes.append, soon())
    publisher.post("somewhere", b"x", failed=failures.append)
    told_within(publisher, outcomes, 1)
    assert isinstance(outcomes[0], PermissionDenied)
    eventually(lambda: publisher.look() is None and len(failures) == 1)
    assert isinstance(failures[0], PermissionDenied)
    publisher.close()


def test_a_loss_is_told_to_each_of_many_once(publisher: Publisher, own_redis: RedisServer) -> None:
    own_redis.freeze()
    outcomes: list[Outcome] = []
    for thread in in_threads(30, lambda number: publisher.submit(f"c{number}", b"x", outcomes.append, soon(60))):
        thread.join()
    assert outcomes == []
    own_redis.kill()
    told_within(publisher, outcomes, 30)
    assert all(type(one) is ConnectionLost for one in outcomes)
    publisher.look(0)
    assert len(outcomes) == 30
    own_redis.start()
    assert publisher.publish("again", b"x") == 0


def test_each_message_of_many_threads_arrives_once_and_in_the_order_of_its_thread(
    publisher: Publisher, own_redis: RedisServer
) -> None:
    def work(number: int) -> None:
        for count in range(50):
            # Now and then one that is sent alone.
            filling = b"-" * (TOGETHER if count % 20 == 7 else 10)
            publisher.post("flow", b"%d %d " % (number, count) + filling)

    with Tap(own_redis.url, "flow") as tap:
        for thread in in_threads(16, work):
            thread.join()
        publisher.confirm()
        eventually(lambda: len(tap.collect()) == 16 * 50)
        seen: dict[bytes, list[int]] = {}
        for _channel, data in tap.collect(0.1):
            number, count, _filling = data.split(b" ", 2)
            seen.setdefault(number, []).append(int(count))
    assert all(counts == list(range(50)) for counts in seen.values())
    assert len(seen) == 16


@pytest.mark.parametrize("size", [10, TOGETHER + 1], ids=["small", "large"])
def test_a_message_that_could_not_be_sent_in_time_never_is(
    publisher: Publisher, own_redis: RedisServer, size: int
) -> None:
    connection = connection_of(publisher)
    failures: list[RedisUnavailable] = []
    with Tap(own_redis.url, "late", "late.posted", "late.end") as tap:
        # Another thread is in the middle of writing.
        with another_writes(connection):
            begun = time.monotonic()
            with pytest.raises(RedisUnavailable, match="nothing was sent") as caught:
                publisher.publish("late", b"x" * size, soon(0.3))
            assert time.monotonic() - begun < 5
            assert not isinstance(caught.value, ConnectionLost)
            publisher.post("late.posted", b"x", soon(0.1), failures.append)
            time.sleep(0.2)
        assert publisher.publish("late.end", b"x") == 1
        assert [channel for channel, _data in tap.collect(0.3)] == ["late.end"]
    assert "nothing was sent" in str(failures[0])
    assert len(failures) == 1


def test_what_was_left_while_another_thread_wrote_is_sent_after_all(
    publisher: Publisher, own_redis: RedisServer
) -> None:
    connection = connection_of(publisher)
    outcomes: list[Outcome] = []
    with Tap(own_redis.url, "left") as tap:
        with another_writes(connection):
            publisher.submit("left", b"x", outcomes.append, soon())
            assert outcomes == []
        told_within(publisher, outcomes, 1)
        assert tap.next() == ("left", b"x")


HUGE = b"x" * 32_000_000
"""More than a socket takes while nobody reads at its other end."""


def writing_on() -> bool:
    """Whether a thread is at it that finishes what another had no time for."""
    return any(thread.name == "daebus-writing-on" for thread in threading.enumerate())


@pytest.fixture
def stalled(publisher: Publisher, own_redis: RedisServer) -> Iterator[list[RedisUnavailable]]:
    """A Redis that is stopped in the middle of a message whose time is over, and with what that message failed."""
    failures: list[RedisUnavailable] = []
    publisher.connect()
    own_redis.freeze()
    begun = time.monotonic()
    publisher.post("huge", HUGE, soon(1), failures.append)
    assert time.monotonic() - begun < 4, "longer than it has"
    assert writing_on()
    yield failures
    own_redis.thaw()
    eventually(lambda: not writing_on())


def test_what_could_not_be_written_in_time_breaks_nothing_of_others(
    publisher: Publisher, own_redis: RedisServer, stalled: list[RedisUnavailable]
) -> None:
    outcomes: list[Outcome] = []
    begun = time.monotonic()
    for number in range(3):
        publisher.submit(f"after.{number}", b"x", outcomes.append, soon(60))
    publisher.look(0)
    with pytest.raises(RedisUnavailable, match="nothing was sent"):
        publisher.publish("hasty", b"x", soon(0.2))
    with pytest.raises(RedisUnavailable, match="nothing was sent"):
        publisher.publish("hasty", HUGE, soon(0.2))
    assert time.monotonic() - begun < 4, "none waits for the stalled one"
    assert outcomes == []
    own_redis.thaw()
    told_within(publisher, outcomes, 3)
    assert all(isinstance(one, Delivery) for one in outcomes)
    assert stalled == []
    assert publisher.publish("again", b"x") == 0


def test_a_socket_that_takes_nothing_for_long_is_dead(
    publisher: Publisher, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing_module, "TAKES_WITHIN", 1.0)
    failures: list[RedisUnavailable] = []
    own_redis.freeze()
    # It may take its time, of which a busy machine would use up a part before anything is written; this thread may not.
    publisher.post("huge", HUGE, None, failures.append, patience=soon(0.5))
    eventually(lambda: failures and not writing_on())
    assert [type(one) for one in failures] == [RedisUnavailable]
    assert "takes no more data, before it had all of the message" in str(failures[0])
    own_redis.thaw()
    assert publisher.publish("again", b"x") == 0


def test_a_slow_network_is_not_dead_while_it_takes_something(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "REPLY_WITHIN", 2.0)
    with Proxy(own_redis.port, pace=0.01) as proxy:
        publisher = Publisher(RedisAddress(proxy.url), "test")
        begun = time.monotonic()
        assert publisher.publish("huge", HUGE, soon(60)) == 0
        assert time.monotonic() - begun > connection_module.REPLY_WITHIN, "it took long enough to be held for dead"
        publisher.close()


def test_of_a_question_that_is_not_answered_it_is_not_said_that_a_message_may_arrive(
    publisher: Publisher, own_redis: RedisServer
) -> None:
    # As after a loss: it is asked first who subscribes.
    publisher._presence.connected(None, again=True)
    own_redis.freeze()
    with pytest.raises(RedisUnavailable, match=r"did not answer in time; nothing was sent$") as failed:
        publisher.deliver("news", b"{}", soon(0.5))
    assert not isinstance(failed.value, ConnectionLost)
    own_redis.thaw()


def test_closing_ends_what_is_still_being_written(
    publisher: Publisher, own_redis: RedisServer, stalled: list[RedisUnavailable]
) -> None:
    publisher.close()
    eventually(lambda: not writing_on())
    assert [type(one) for one in stalled] == [RedisUnavailable]
    assert "before it had all of the message" in str(stalled[0])
    own_redis.thaw()
    assert publisher.publish("again", b"x") == 0


def test_an_interrupt_leaves_no_half_of_a_command(
    publisher: Publisher, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connection_of(publisher)
    give = connection._stream.write

    def interrupted(data: bytes | memoryview) -> int:
        give(data[:10])
        raise KeyboardInterrupt

    monkeypatch.setattr(connection._stream, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publisher.publish("news", b"x")
    assert publisher.publish("news", b"x") == 0


def test_closing_tells_whoever_is_under_way(publisher: Publisher, own_redis: RedisServer) -> None:
    own_redis.freeze()
    outcomes: list[Outcome] = []
    problems: list[RedisUnavailable] = []

    def publish(_number: int) -> None:
        try:
            publisher.publish("somewhere", b"x", soon(60))
        except RedisUnavailable as problem:
            problems.append(problem)

    publisher.submit("somewhere", b"x", outcomes.append, soon(60))
    connection = connection_of(publisher)
    threads = in_threads(3, publish)
    eventually(lambda: connection.in_flight == 4 and all_written(connection))
    publisher.close()
    for thread in threads:
        thread.join(10)
    assert [type(one) for one in (*outcomes, *problems)] == [ConnectionLost] * 4
    own_redis.thaw()
    assert publisher.publish("somewhere", b"x") == 0


def test_a_loss_is_noticed_before_something_is_written(publisher: Publisher, own_redis: RedisServer) -> None:
    for _ in range(20):
        publisher.post("somewhere", b"x")
        with own_redis.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")
        assert publisher.publish("somewhere", b"x") == 0


def test_a_connection_that_owes_a_reply_for_long_is_not_written_to(
    publisher: Publisher, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "REPLY_WITHIN", 0.3)
    monkeypatch.setattr("daebus.transport.pause.ANSWERS_WITHIN", 0.15)
    failures: list[RedisUnavailable] = []
    own_redis.freeze()
    publisher.post("somewhere", b"x", failed=failures.append)
    time.sleep(0.4)
    with pytest.raises(RedisUnavailable, match="does not answer"):
        publisher.publish("somewhere", b"x", soon(0.5))
    assert "no reply for" in str(failures[0])
    own_redis.thaw()
    assert publisher.publish("somewhere", b"x") == 0


def test_an_interrupt_where_it_is_to_be_found_out_if_redis_lives_leaves_no_doubt(
    publisher: Publisher, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_thread: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(connection_module, "REPLY_WITHIN", 0.3)
    own_redis.freeze()
    publisher.post("somewhere", b"x")
    with monkeypatch.context() as patch:
        patch.setattr("daebus.transport.pause.begin", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publisher.publish("somewhere", b"x", soon(30))
    own_redis.thaw()
    assert publisher.publish("somewhere", b"x", soon(30)) == 0


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_connects_anew(publisher: Publisher) -> None:
    child = os.fork()
    if child == 0:
        os._exit(publisher.publish("somewhere", b"x"))
    assert os.waitpid(child, 0)[1] == 0
    assert publisher.publish("somewhere", b"x") == 0


def test_that_nobody_subscribes_is_not_said_where_the_connection_takes_no_question_any_more(
    publisher: Publisher,
) -> None:
    """A writer has met an error, and is about to read what the server has said before it closed."""
    publisher.publish("nobody", b"")
    connection = connection_of(publisher)
    connection.usable = False
    told: list[Outcome] = []
    command = Pending(b"", 0, time.monotonic() + 10)
    command.connection = connection
    publisher._tell(command, Delivery(0, 0, time.monotonic()), told.append)
    assert [type(one) for one in told] == [RedisUnavailable]
    assert "nobody subscribes there, so nothing was handled" in str(told[0])


@pytest.mark.parametrize("sent", [True, False], ids=["sent", "unsent"])
def test_a_loss_is_told_as_one_where_who_is_to_end_the_commands_does_not(
    publisher: Publisher, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    """It has been interrupted, or its time to write does not come; the time of whoever waits is not over."""
    connection = connection_of(publisher)
    own_redis.freeze()
    errors: list[RedisUnavailable] = []

    def publish(_number: int) -> None:
        with pytest.raises(RedisUnavailable) as caught:
            publisher.publish("somewhere", b"x", soon(60))
        errors.append(caught.value)

    end_all, main = connection._end_all, threading.current_thread()

    def interrupted(error: ConnectionLost) -> None:
        if threading.current_thread() is main:
            raise KeyboardInterrupt
        end_all(error)

    with nullcontext() if sent else another_writes(connection):
        (thread,) = in_threads(1, publish)
        eventually(lambda: connection.in_flight == 1 and connection.leadership.leader is not None)
        if sent:
            monkeypatch.setattr(connection, "_end_all", interrupted)
        with pytest.raises(KeyboardInterrupt) if sent else nullcontext():
            connection.fail("it has ended")
        thread.join(10)
    assert type(errors[0]) is (ConnectionLost if sent else RedisUnavailable)
    assert "it has ended" in str(errors[0])


@pytest.mark.parametrize("gone", [False, True], ids=["kept from running", "taken for gone"])
def test_threads_that_connect_at_the_same_time_come_to_use_one_connection(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """On a machine with too much to do, one may take seconds to connect: what others send is not given up for it."""
    publisher.close()
    monkeypatch.setattr("daebus.transport.sockets.leader.OVERDUE_AFTER", 0.0)
    if gone:
        monkeypatch.setattr("daebus.transport.sockets.leader.is_held", lambda _name, _value: False)
    dial, begun, go_on = publisher._dial, threading.Event(), threading.Event()

    def slow(until: float) -> object:
        if not begun.is_set():
            begun.set()
            go_on.wait(20)
        return dial(until)

    monkeypatch.setattr(publisher, "_dial", slow)
    first = threading.Thread(target=publisher.connect)
    first.start()
    assert begun.wait(20)
    second = threading.Thread(target=publisher.publish, args=("channel", b"data"))
    second.start()
    second.join(20 if gone else 0.1)
    used = publisher._connection
    assert (used is not None) is gone
    go_on.set()
    first.join(20)
    second.join(20)
    assert publisher._connection is not None
    assert publisher._connection.error is None
    assert not gone or publisher._connection is used


ASKS: list[Callable[[Publisher], object]] = [
    lambda publisher: publisher.deliver("nobody", b"x", soon()),
    lambda publisher: publisher.submit("nobody", b"x", lambda _outcome: None, soon()),
    lambda publisher: publisher.confirm(soon()),
    lambda publisher: publisher.is_at_replica(10),
    lambda publisher: publisher.beat(probing(Proof("nobody"), Proof("nobody").begin(0.0, None), lambda _command: None)),
]


@pytest.mark.parametrize("ask", ASKS, ids=["deliver", "submit", "confirm", "is_at_replica", "beat"])
def test_a_connection_some_of_whose_replies_were_lost_on_the_way_ends(
    own_redis: RedisServer, ask: Callable[[Publisher], object]
) -> None:
    with Proxy(own_redis.port) as proxy:
        publisher = Publisher(RedisAddress(proxy.url), "test")
        try:
            publisher.connect()
            connection = connection_of(publisher)
            told: list[RedisUnavailable] = []
            proxy.swallow(b":0")
            publisher.post("nobody", b"x", failed=told.append)
            eventually(lambda: proxy.dropped == 1)
            proxy.swallow(None)
            with suppress(ConnectionLost):
                ask(publisher)
            eventually(lambda: publisher.look() or connection.error is not None)
            assert "lost on the way" in str(connection.error)
            assert [type(error) for error in told] == [ConnectionLost]
            assert publisher.deliver("nobody", b"x", soon())[:2] == (0, 0)
        finally:
            publisher.close()


def test_a_server_that_hangs_up_is_not_said_to_take_too_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        publisher = Publisher(RedisAddress(f"redis://127.0.0.1:{server.getsockname()[1]}"), "test")
        with pytest.raises(RedisUnavailable, match="cannot connect to Redis") as caught:
            # Less than connecting may take.
            publisher.publish("orders", b"{}", soon(2))
        thread.join()
    assert type(caught.value) is RedisUnavailable, caught.value
