"""A connection over a socket pair, with the test as the server: writing, reading, and exceptions in the middle."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from daebus import ConnectionLost, RedisUnavailable
from daebus.transport.commands import Pending
from daebus.transport.sockets import connection as connection_module
from daebus.transport.sockets import writing as writing_module
from daebus.transport.sockets.connection import Connection
from daebus.transport.sockets.leader import Leadership
from daebus.transport.sockets.stream import Stream
from daebus.transport.sockets.waiter import Waiter
from daebus.wire.resp import ErrorReply
from tests.support.waiting import eventually


class Pair:
    """Both ends."""

    def __init__(self) -> None:
        ours, self.server = socket.socketpair()
        self.server.settimeout(10)
        self.stream = Stream(ours)
        self.leadership = Leadership()
        self.connection = Connection(self.stream, "here", self.leadership)
        self.ended: list[Pending] = []

    def command(self, data: bytes, wanted: int = 1, within: float = 60) -> Pending:
        return Pending(data, wanted, time.monotonic() + within, self.ended.append)

    def submit(self, data: bytes, **options: float) -> Pending:
        command = self.command(data, **options)  # type: ignore[arg-type]
        assert self.connection.submit(command)
        return command

    def read(self) -> None:
        """Read as a leader does."""
        waiter = Waiter()
        try:
            assert self.leadership.take(waiter)
            if self.connection.receive(10):
                self.connection.settle()
        finally:
            self.connection.leave(waiter)


@pytest.fixture
def pair() -> Iterator[Pair]:
    one = Pair()
    yield one
    one.connection.fail("the test is over")
    one.server.close()


def test_commands_of_many_threads_arrive_whole_and_have_their_replies(pair: Pair) -> None:
    def send(number: int) -> None:
        for _ in range(20):
            pair.submit(b"%03d." % number * 50)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    received = b""
    while len(received) < 160 * 200:
        received += pair.server.recv(65536)
    parts = {received[at : at + 200] for at in range(0, len(received), 200)}
    assert parts == {b"%03d." % number * 50 for number in range(8)}
    pair.server.sendall(b":1\r\n" * 160)
    while pair.connection.in_flight:
        pair.read()
    assert len(pair.ended) == 160
    assert all(command.replies == [1] for command in pair.ended)


def test_what_is_left_for_later_goes_out_with_the_next(pair: Pair) -> None:
    later = pair.command(b"later ")
    assert pair.connection.submit(later, later=True)
    assert pair.connection.unsent
    pair.submit(b"now")
    assert pair.server.recv(100) == b"later now"


def test_nothing_is_sent_after_it_is_due(pair: Pair) -> None:
    late = pair.submit(b"late", within=-1)
    pair.submit(b"good")
    assert pair.server.recv(100) == b"good"
    assert isinstance(late.error, RedisUnavailable)
    assert not isinstance(late.error, ConnectionLost)
    assert "nothing was sent" in str(late.error)


@pytest.mark.parametrize("others", [0, 1])
def test_of_what_is_sent_nobody_is_told_that_it_was_withdrawn(pair: Pair, others: int) -> None:
    withdrawn: list[bool] = []

    class Withdrawn(Pending):
        """Withdrawn by another thread, as soon as the one that writes has looked whether it is due."""

        @property
        def due(self) -> float:
            found = self._until
            if not withdrawn:
                withdrawn.append(True)
                withdrawn[0] = self.withdraw()
            return found

        @due.setter
        def due(self, until: float) -> None:
            self._until = until

    command = Withdrawn(b"withdrawn ", 1, time.monotonic() + 60)
    for _ in range(others):
        assert pair.connection.submit(pair.command(b"other "), later=True)
    pair.connection.submit(command)
    pair.submit(b"last")
    assert (b"withdrawn" in pair.server.recv(100)) is not withdrawn[0]


def test_a_full_socket_is_written_to_by_another_thread_when_the_time_of_one_is_over(pair: Pair) -> None:
    large = pair.submit(b"x" * 8_000_000)
    assert pair.connection.full
    pair.submit(b"behind")
    pair.connection.write_on(time.monotonic())
    received = bytearray()
    while len(received) < 8_000_006:
        received += pair.server.recv(1 << 20)
    assert received.endswith(b"xbehind")
    assert large.error is None
    eventually(lambda: not pair.connection.unsent)


def test_the_end_of_the_server_ends_what_was_sent_and_what_was_not(pair: Pair) -> None:
    sent = pair.submit(b"sent")
    unsent = pair.command(b"unsent")
    assert pair.connection.submit(unsent, later=True)
    assert pair.server.recv(100) == b"sent"
    pair.server.close()
    with pytest.raises(ConnectionLost, match="closed the connection"):
        pair.read()
    assert isinstance(sent.error, ConnectionLost)
    assert isinstance(unsent.error, RedisUnavailable)
    assert not isinstance(unsent.error, ConnectionLost)
    assert not pair.connection.submit(pair.command(b"more"))
    assert pair.stream._socket.fileno() == -1


def test_after_a_failed_write_the_last_words_of_the_server_are_heard(pair: Pair) -> None:
    refused = pair.submit(b"too large")
    pair.server.sendall(b"-ERR Protocol error: invalid bulk length\r\n")
    pair.server.close()
    pair.submit(b"another")
    assert isinstance(refused.replies[0], ErrorReply)
    assert "invalid bulk length" in str(refused.replies[0])
    assert pair.connection.error is not None


def test_an_interrupt_while_waiting_costs_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_timeout: float) -> bool:
        raise KeyboardInterrupt

    command = pair.submit(b"ping")
    with monkeypatch.context() as patch:
        patch.setattr(pair.stream, "wait_readable", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pair.read()
    assert pair.connection.error is None
    pair.server.sendall(b"+PONG\r\n")
    pair.read()
    assert command.replies == [b"PONG"]


@pytest.mark.parametrize("where", ["_stream.read", "_protocol.receive_data", "_protocol.take_replies"])
def test_an_interrupt_in_the_middle_of_reading_ends_the_connection(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    pair.submit(b"ping")
    pair.server.sendall(b"+PONG\r\n")
    inner, name = where.split(".")
    monkeypatch.setattr(getattr(pair.connection, inner), name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        pair.read()
    assert pair.connection.error is not None
    assert pair.leadership.take(Waiter())
    assert not pair.connection.submit(pair.command(b"more"))


def test_an_interrupt_while_one_is_told_leaves_the_others_to_be_told(pair: Pair) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    told: list[object] = []
    first, second = pair.submit(b"first"), pair.submit(b"second")
    first.ended, second.ended = interrupted, told.append
    pair.server.sendall(b"+PONG\r\n+PONG\r\n")
    with pytest.raises(KeyboardInterrupt):
        pair.read()
    assert told == [second]
    assert pair.connection.error is None


def test_an_interrupt_in_the_middle_of_writing_ends_the_connection_and_loses_no_command(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_data: bytes) -> int:
        raise KeyboardInterrupt

    first = pair.command(b"first")
    assert pair.connection.submit(first, later=True)
    monkeypatch.setattr(pair.stream, "write", interrupted)
    second = pair.command(b"second")
    with pytest.raises(KeyboardInterrupt):
        pair.connection.submit(second)
    assert pair.connection.error is not None
    # Some of it may have arrived.
    assert isinstance(first.error, ConnectionLost)
    assert isinstance(second.error, ConnectionLost)
    assert len(pair.ended) == 2


def test_an_interrupt_while_commands_are_ended_leaves_them_to_the_next_that_comes(pair: Pair) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    def left(name: bytes, told: Callable[[Pending], object]) -> Pending:
        command = Pending(name, 1, time.monotonic() + 60, told)
        assert pair.connection.submit(command, later=True)
        return command

    told: list[object] = []
    pair.submit(b"sent").ended = interrupted
    second = pair.submit(b"sent, too")
    second.ended = told.append
    left(b"unsent", interrupted)
    fourth = left(b"unsent, too", told.append)
    # It was interrupted, for the first command, for the third; the last comes to the end.
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            pair.connection.fail("ended by another thread")
    assert told == [second]
    pair.connection.fail("ended by another thread")
    assert told == [second, fourth]
    assert isinstance(second.error, ConnectionLost)
    assert "nothing was sent" in str(fourth.error)
    assert pair.connection.in_flight == 0


@pytest.mark.parametrize("by", ["whoever failed it", "nobody"])
@pytest.mark.parametrize("sent", [True, False], ids=["sent", "unsent"])
def test_whoever_waits_when_it_fails_is_told_of_that_however_the_commands_are_ended(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, by: str, sent: bool
) -> None:
    for module in (connection_module, writing_module):
        monkeypatch.setattr(module, "OVERDUE_AFTER", 0.05 if by == "nobody" else 60.0)
    command, waiter = pair.command(b"x"), Waiter()
    command.waiter = waiter
    assert pair.connection.submit(command, later=not sent)
    end_all = pair.connection._end_all
    # It is known that it is lost, and nobody knows of any commands any more: they are about to be ended.
    monkeypatch.setattr(pair.connection, "_end_all", lambda _error: None)
    lost = pair.connection.fail("ended by another thread")
    assert not command.done
    if by != "nobody":
        threading.Thread(target=end_all, args=(lost,)).start()
    pair.connection.see_ended(command, waiter, time.monotonic() + 60)
    assert isinstance(command.error, RedisUnavailable)
    assert isinstance(command.error, ConnectionLost) is sent
    assert ("nothing was sent" in str(command.error)) is not sent
    assert "ended by another thread" in str(command.error)
    assert pair.ended == [command]


def test_what_an_interrupted_writer_has_left_is_written_by_whoever_waits_for_the_reply(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (connection_module, writing_module):
        monkeypatch.setattr(module, "OVERDUE_AFTER", 0.01)
    left = pair.command(b"left")
    # As it stands where a second interrupt came when what the first had left was to be written.
    assert pair.connection.submit(left, later=True)

    def answer() -> None:
        assert pair.server.recv(100) == b"left"
        pair.server.sendall(b"+PONG\r\n")

    server = threading.Thread(target=answer)
    server.start()
    waiter = Waiter()
    assert pair.leadership.take(waiter)
    pair.connection.read_until(lambda: left.done, time.monotonic() + 30)
    pair.connection.leave(waiter)
    server.join()
    assert left.replies == [b"PONG"]


def test_any_threads_may_ask_at_once_whether_it_has_ended_whatever_is_unread(pair: Pair) -> None:
    pair.server.sendall(b":1\r\n")
    problems: list[object] = []

    def ask() -> None:
        try:
            for _ in range(500):
                # Where several ask at the same moment, one may be told that it cannot be known.
                pair.connection.may_have_ended()
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert not pair.connection.may_have_ended()
    pair.server.close()
    assert pair.connection.may_have_ended()


@pytest.mark.parametrize("sent", [b"+OK\r\n", b""], ids=["something comes", "nothing comes"])
def test_one_that_fails_while_it_is_read_is_freed_by_its_reader(
    pair: Pair, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ends it leaves the socket to the thread that is at it, which may lead no more when it comes back."""
    wait, read = pair.stream.wait_readable, pair.stream.read

    def fails(_timeout: float = 0.0) -> bool:
        pair.connection.fail("ended by another thread")
        return False

    pair.server.sendall(sent)
    if sent:
        monkeypatch.setattr(pair.stream, "read", lambda: (read(), fails())[0])
    else:
        monkeypatch.setattr(pair.stream, "wait_readable", lambda timeout: wait(0) or fails(timeout))
    assert pair.connection.receive(0.1) is bool(sent)
    assert pair.stream._socket.fileno() == -1


def test_one_that_has_failed_is_not_read(pair: Pair) -> None:
    pair.connection.fail("ended by another thread")
    with pytest.raises(ConnectionLost, match="ended by another thread"):
        pair.connection.receive(0.1)
    assert pair.stream._socket.fileno() == -1


def test_a_writer_that_the_system_keeps_from_running_is_not_taken_for_gone(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes meanwhile is left to it, however long it stands still."""
    write = pair.stream.write
    for module in (connection_module, writing_module):
        monkeypatch.setattr(module, "OVERDUE_AFTER", 0.0)
    given: list[bool] = []

    def stands_still(data: bytes) -> int:
        sent = write(data)
        if data == b"one":
            thread = threading.Thread(target=lambda: given.append(pair.connection.submit(pair.command(b"two"))))
            thread.start()
            thread.join(10)
        return sent

    monkeypatch.setattr(pair.stream, "write", stands_still)
    assert pair.connection.submit(pair.command(b"one"))
    assert given == [True]
    assert (pair.ended, pair.connection.error) == ([], None)
    assert pair.server.recv(100) == b"onetwo"


def test_a_writer_that_is_gone_ends_the_connection(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands where interrupts came again and again: nobody knows how far it got."""
    for module in (connection_module, writing_module):
        monkeypatch.setattr(module, "OVERDUE_AFTER", 0.0)
    one = pair.command(b"one")
    assert pair.connection.submit(one)
    pair.connection._writing[None] = writing_module.Hold()
    assert not pair.connection.submit(pair.command(b"two"))
    assert [type(command.error) for command in pair.ended] == [ConnectionLost]
    assert pair.ended == [one]


def test_a_leader_that_the_system_keeps_from_running_while_it_reads_stays_the_leader(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that read at the same time might put the pieces in the wrong order."""
    monkeypatch.setattr("daebus.transport.sockets.leader.OVERDUE_AFTER", 0.0)
    read, other = pair.stream.read, Waiter()
    taken: list[bool] = []

    def stands_still() -> bytes | None:
        data = read()
        thread = threading.Thread(target=lambda: taken.append(pair.leadership.take(other)))
        thread.start()
        thread.join(10)
        return data

    monkeypatch.setattr(pair.stream, "read", stands_still)
    pair.server.sendall(b"+OK\r\n")
    command = pair.command(b"one")
    assert pair.connection.submit(command)
    pair.connection.look()
    assert (taken, command.replies) == ([False] * len(taken), [b"OK"])
    assert taken


def test_two_threads_that_tell_at_the_same_time_tell_of_each_command_once_and_of_all(pair: Pair) -> None:
    """One that takes over 1 s in the middle of it is taken for gone, and another one goes on."""
    told: list[str] = []

    def ended(name: str) -> Pending:
        def end(_command: Pending) -> None:
            told.append(name)
            if name == "first":
                other = threading.Thread(target=pair.connection._tell)
                other.start()
                other.join(10)

        return Pending(b"", 1, time.monotonic() + 60, end)

    for name in ("first", "second", "third"):
        command = ended(name)
        command.replies.append(1)
        pair.connection._done.append(command)
    pair.connection._tell()
    assert sorted(told) == ["first", "second", "third"]
    assert not pair.connection._done


def test_a_command_that_is_sent_once_more_while_it_is_told_of_is_not_told_of_without_its_reply(pair: Pair) -> None:
    told: list[list[object]] = []

    def again(command: Pending) -> None:
        command.ask_again(b"MORE", lambda asked: told.append(asked.replies))
        other = threading.Thread(target=pair.connection._tell)
        other.start()
        other.join(10)

    command = Pending(b"", 1, time.monotonic() + 60, again)
    command.replies.append(1)
    pair.connection._done.append(command)
    pair.connection._tell()
    assert (told, list(pair.connection._done)) == ([], [])


def test_one_that_an_interrupt_has_left_half_made_goes_without_a_word() -> None:
    # What it would say in its destructor is an error of this test.
    one = Connection.__new__(Connection)
    del one
    gc.collect()
