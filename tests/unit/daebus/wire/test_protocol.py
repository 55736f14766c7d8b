"""The protocol core, by transcripts: what goes in, what is told. Each is read in one piece and byte by byte."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import pytest

from daebus.wire import resp
from daebus.wire.protocol import (
    NEED_DATA,
    Alive,
    Command,
    Event,
    Lost,
    Message,
    NeedData,
    Protocol,
    Refused,
    Replied,
    Subscribed,
    Unsubscribed,
)
from daebus.wire.resp import ErrorReply, PlainReader, ProtocolError, pack


@pytest.fixture(params=["as installed", "plain"], autouse=True)
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr("daebus.wire.protocol.make_reader", PlainReader)
    else:
        assert resp.make_reader is not PlainReader


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    for number in range(len(data)):
        yield data[number : number + 1]


@pytest.fixture(params=[whole, byte_by_byte], ids=["whole", "byte by byte"])
def pieces(request: pytest.FixtureRequest) -> Callable[[bytes], Iterator[bytes]]:
    cut: Callable[[bytes], Iterator[bytes]] = request.param
    return cut


Cut = Callable[[bytes], Iterator[bytes]]


@pytest.mark.parametrize("replies", [b"*0\r\n", b"+OK\r\n", b"$-1\r\n"], ids=["list", "text", "nothing"])
def test_a_reply_that_cannot_be_to_what_was_asked_ends_the_conversation(replies: bytes) -> None:
    for take in (False, True):
        protocol, done = Protocol(), deque[Command]()
        command = Command(pack(b"PUBLISH", b"a", b"x"))
        command.kind = int
        protocol.send(command)
        protocol.receive_data(replies)
        with pytest.raises(ProtocolError, match="lost on the way"):
            protocol.take_replies(done) if take else protocol.next_event()
        assert not command.replies
        assert not done
        lost = protocol.lose()
        assert lost is not None
        assert lost.command is command


@pytest.mark.parametrize("first", [b":1\r\n", b"*2\r\n$1\r\nb\r\n:1\r\n"], ids=["a number", "another channel"])
def test_so_does_a_count_of_another_channel(first: bytes) -> None:
    protocol, done = Protocol(), deque[Command]()
    command = Command(pack(b"PUBSUB", b"NUMSUB", b"a") + pack(b"PUBLISH", b"a", b"x"), 2)
    command.kind, command.counted = int, b"a"
    protocol.send(command)
    protocol.receive_data(first)
    with pytest.raises(ProtocolError, match="lost on the way"):
        protocol.take_replies(done)


def test_an_error_is_a_reply_to_anything() -> None:
    protocol, done = Protocol(), deque[Command]()
    command = Command(pack(b"PUBSUB", b"NUMSUB", b"a") + pack(b"PUBLISH", b"a", b"x"), 2)
    command.kind, command.counted = int, b"a"
    protocol.send(command)
    protocol.receive_data(b"-NOPERM no\r\n-NOPERM no\r\n")
    protocol.take_replies(done)
    assert list(done) == [command]


def told(protocol: Protocol, data: bytes, cut: Cut) -> list[Event]:
    """All that is told while the data comes in."""
    events: list[Event] = []
    for piece in cut(data):
        protocol.receive_data(piece)
        while not isinstance(event := protocol.next_event(), NeedData):
            events.append(event)
    return events


def shown(events: list[Event]) -> list[str]:
    """The same, to be compared: an error reply is equal to nothing."""
    return [repr(event) for event in events]


SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
HELLO = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n"


def test_replies_come_in_the_order_of_their_commands(pieces: Cut) -> None:
    protocol = Protocol()
    first, second = Command(b"one"), Command(b"two", wanted=2)
    assert protocol.send(first) + protocol.send(second) == b"onetwo"
    assert (protocol.in_flight, protocol.oldest) == (2, first)
    assert told(protocol, b":7\r\n*2\r\n$1\r\na\r\n:0\r\n", pieces) == [Replied(first)]
    assert (protocol.in_flight, protocol.oldest) == (1, second)
    assert told(protocol, b"+OK\r\n", pieces) == [Replied(second)]
    assert (first.replies, second.replies) == ([7], [[b"a", 0], b"OK"])
    assert (protocol.in_flight, protocol.oldest) == (0, None)


def test_an_error_is_a_reply_like_any_other(pieces: Cut) -> None:
    protocol = Protocol()
    command = Command(b"", wanted=2)
    protocol.send(command)
    assert told(protocol, b"-NOPERM no\r\n:1\r\n", pieces) == [Replied(command)]
    assert isinstance(command.replies[0], ErrorReply)
    assert command.replies[0].code == "NOPERM"
    assert command.replies[1] == 1


def test_what_stood_before_an_oversized_command_has_its_reply_and_the_command_the_reason(pieces: Cut) -> None:
    protocol = Protocol()
    good, large = Command(b""), Command(b"")
    protocol.send(good)
    protocol.send(large)
    behind = Command(b"")
    protocol.send(behind)
    data = b":1\r\n-ERR Protocol error: invalid bulk length\r\n"
    events: list[Event] = []

    def read() -> None:
        for piece in pieces(data):
            protocol.receive_data(piece)
            while not isinstance(event := protocol.next_event(), NeedData):
                events.append(event)

    with pytest.raises(ProtocolError, match="invalid bulk length"):
        read()
    assert events == [Replied(good), Replied(large)]
    assert str(large.replies[0]) == "ERR Protocol error: invalid bulk length"
    assert protocol.lose() == Lost(behind, undone=True, refused=True)


@pytest.mark.parametrize(
    "data",
    [
        b":1\r\n:2\r\n+OK\r\n-NOPERM no\r\n",
        b":1\r\n",
        b":1\r\n-ERR Protocol error: invalid bulk length\r\n",
        b":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n",
        b":1\r\n?\r\n",
    ],
    ids=["all", "one", "the server gives up", "one too many", "nonsense"],
)
def test_replies_taken_at_once_are_those_that_are_told_one_by_one(data: bytes, pieces: Cut) -> None:
    outcomes = []
    for at_once in (False, True):
        protocol = Protocol()
        commands = [Command(b""), Command(b"", wanted=2), Command(b"")]
        for command in commands:
            protocol.send(command)
        done: deque[Command] = deque()
        problem = ""
        try:
            for piece in pieces(data):
                protocol.receive_data(piece)
                if at_once:
                    protocol.take_replies(done)
                else:
                    while isinstance(event := protocol.next_event(), Replied):
                        done.append(event.command)
                    # What the server gives up with is told of with the next one.
                    protocol.next_event()
        except (ProtocolError, ValueError) as error:
            problem = str(error)
        outcomes.append(
            (
                [commands.index(command) for command in done],
                [[repr(reply) for reply in command.replies] for command in commands],
                protocol.in_flight,
                problem,
            )
        )
    assert outcomes[0] == outcomes[1]


def all_lost(protocol: Protocol, unwritten: int = 0) -> list[Lost]:
    found = []
    while (lost := protocol.lose(unwritten)) is not None:
        found.append(lost)
        protocol.forget(lost.command)
    return found


def test_a_command_of_which_a_part_was_not_written_is_known_to_be_undone() -> None:
    protocol = Protocol()
    first, second = Command(b"12345"), Command(b"123")
    sent = protocol.send(first) + protocol.send(second)
    assert len(sent) == 8
    lost = [Lost(first, undone=False, refused=False), Lost(second, undone=True, refused=False)]
    assert all_lost(protocol, unwritten=1) == lost


def test_what_was_written_a_byte_too_little_is_undone() -> None:
    protocol = Protocol()
    commands = [Command(b"12345"), Command(b"123")]
    for command in commands:
        protocol.send(command)
    assert [lost.undone for lost in all_lost(protocol, unwritten=4)] == [True, True]


def test_messages_come_between_confirmations(pieces: Cut) -> None:
    protocol = Protocol()
    assert protocol.subscribe([b"a", b"b"]) == pack(b"SUBSCRIBE", b"a") + pack(b"SUBSCRIBE", b"b")
    data = SUBSCRIBED + HELLO + b"*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n" + HELLO
    assert told(protocol, data, pieces) == [
        Subscribed(b"a"),
        Message(b"a", b"hello"),
        Subscribed(b"b"),
        Message(b"a", b"hello"),
    ]


def test_a_channel_that_is_refused_is_named(pieces: Cut) -> None:
    protocol = Protocol()
    protocol.subscribe([b"a", b"secret", b"a"])
    events = told(protocol, SUBSCRIBED + b"-NOPERM no\r\n" + SUBSCRIBED, pieces)
    assert shown(events) == shown([Subscribed(b"a"), Refused(b"secret", ErrorReply("NOPERM no")), Subscribed(b"a")])


@pytest.mark.parametrize("answer", [SUBSCRIBED, b"-MISCONF cannot save\r\n", b"-LOADING\r\n", b"-BUSY a script\r\n"])
def test_any_answer_to_a_heartbeat_is_a_sign_of_life(answer: bytes, pieces: Cut) -> None:
    protocol = Protocol()
    protocol.subscribe([b"a"])
    told(protocol, SUBSCRIBED, whole)
    assert protocol.heartbeat(b"a") == pack(b"SUBSCRIBE", b"a")
    events = told(protocol, HELLO + answer + HELLO, pieces)
    assert [type(event) for event in events] == [Message, Alive, Message]


def test_the_end_comes_after_what_was_published_before(pieces: Cut) -> None:
    protocol = Protocol()
    protocol.subscribe([b"a", b"b"])
    told(protocol, SUBSCRIBED * 2, whole)
    assert protocol.unsubscribe() == pack(b"UNSUBSCRIBE")
    data = HELLO + b"*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n" + b"*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n"
    assert told(protocol, data, pieces) == [Message(b"a", b"hello"), Unsubscribed()]


def test_a_server_that_has_nothing_to_unsubscribe_may_say_so_by_an_error(pieces: Cut) -> None:
    # Valkey 8.0.1 does.
    protocol = Protocol()
    protocol.subscribe([])
    protocol.unsubscribe()
    assert told(protocol, b"-NOSUB not in subscribed mode\r\n", pieces) == [Unsubscribed()]


def test_a_message_is_a_message_on_a_connection_that_listens_only(pieces: Cut) -> None:
    protocol = Protocol()
    command = Command(b"")
    protocol.send(command)
    assert told(protocol, HELLO, pieces) == [Replied(command)]


@pytest.mark.parametrize("data", [b"+OK\r\n", b"-ERR max number of clients reached\r\n"])
def test_a_reply_that_nobody_asked_for_is_an_error_with_its_words(data: bytes, pieces: Cut) -> None:
    protocol = Protocol()
    with pytest.raises(ProtocolError, match="nobody asked for") as caught:
        told(protocol, data, pieces)
    assert ("max number" in str(caught.value)) == data.startswith(b"-")


@pytest.mark.parametrize("data", [b"+OK\r\n", b"*0\r\n", b"*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n", b":1\r\n"])
def test_a_confirmation_that_is_none_is_an_error(data: bytes, pieces: Cut) -> None:
    protocol = Protocol()
    protocol.subscribe([b"a"])
    with pytest.raises(ProtocolError):
        told(protocol, data, pieces)


def test_what_is_not_the_protocol_is_an_error() -> None:
    protocol = Protocol()
    protocol.send(Command(b""))
    protocol.receive_data(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ProtocolError):
        protocol.next_event()


def test_what_was_in_flight_is_known_when_the_connection_is_lost() -> None:
    protocol = Protocol()
    commands = [Command(b"", wanted=2), Command(b"")]
    for command in commands:
        protocol.send(command)
    told(protocol, b":1\r\n", whole)
    lost = [Lost(command, undone=False, refused=False) for command in commands]
    # Whoever asks may be interrupted before it has told of it.
    assert [protocol.lose(), protocol.lose()] == [lost[0], lost[0]]
    assert all_lost(protocol) == lost
    assert protocol.in_flight == 0
    protocol.forget(commands[0])


def test_confirmations_are_no_commands_that_are_lost() -> None:
    protocol = Protocol()
    protocol.subscribe([b"a"])
    protocol.heartbeat(b"a")
    assert protocol.lose() is None


def test_it_says_whether_something_is_left() -> None:
    protocol = Protocol()
    protocol.subscribe([b"a"])
    protocol.receive_data(SUBSCRIBED + HELLO + HELLO[:7])
    for _ in range(2):
        assert protocol.next_event() is not NEED_DATA
    assert protocol.has_data()
    assert protocol.next_event() is NEED_DATA
    protocol.receive_data(HELLO[7:])
    assert protocol.next_event() == Message(b"a", b"hello")
    assert not protocol.has_data()
