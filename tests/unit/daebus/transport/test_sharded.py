"""Sharded Pub/Sub without a server: names in a slot, who has which slot, what the server says by itself, URLs."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from daebus.command.program import main
from daebus.transport.places.nodes import Node, View
from daebus.transport.places.route import Place, is_sharded, sharded_url
from daebus.transport.places.slots import Slots
from daebus.transport.url import redact_url
from daebus.wire.protocol import MOVED_AWAY, NEED_DATA, Alive, Message, ShardedProtocol, Subscribed, Unsubscribed
from daebus.wire.resp import ProtocolError
from daebus.wire.sharded import beside, slot_of, watched

A, B = Place("a", 1), Place("b", 2)


@pytest.mark.parametrize("channel", ["orders", "a{b}c", "a}b", "{}x", "{", "x{", "é"])
def test_a_name_beside_another_is_in_its_slot(channel: str) -> None:
    name = beside("caller:1", channel)
    assert name.startswith("caller:1")
    assert slot_of(name.encode()) == slot_of(channel.encode()) == slot_of(watched(channel.encode()))


def node(name: str, place: Place, low: int, high: int, *, epoch: int = 0, good: bool = True) -> Node:
    return Node(name, place, good, True, ((low, high),), epoch=epoch)


def test_of_two_that_claim_a_slot_the_newer_one_has_it() -> None:
    slots = Slots(lambda one: one.place)
    assert slots.owner(5) is None
    slots.take(View((node("a", A, 0, 9, epoch=2), node("b", B, 0, 5, epoch=3))))
    assert (slots.owner(5), slots.owner(6), slots.owner(10)) == (B, A, None)
    slots.take(View((node("a", A, 0, 9, epoch=2), node("b", B, 0, 5, epoch=3, good=False))))
    assert slots.owner(5) == A
    assert slots.masters == {A}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_reads_them_though_a_thread_that_it_has_not_was_at_it() -> None:
    parent, reads, goes_on = os.getpid(), threading.Event(), threading.Event()

    def place_of(one: Node) -> Place:
        if os.getpid() == parent:
            reads.set()
            goes_on.wait(60)
        return one.place

    slots = Slots(place_of)
    slots.take(View((node("a", A, 0, 9),)))
    reader = threading.Thread(target=slots.owner, args=(5,))
    reader.start()
    reads.wait(60)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(30)
        os._exit(0 if slots.owner(5) == A else 1)
    goes_on.set()
    reader.join()
    assert os.waitpid(child, 0)[1] == 0


def test_what_a_node_says_of_a_move_is_believed_until_the_others_know() -> None:
    slots = Slots(lambda one: one.place)
    slots.take(View((node("a", A, 0, 9),)))
    assert slots.is_settled(3)
    slots.moved(3, B)
    assert (slots.owner(3), slots.owner(4)) == (B, A)
    assert not slots.is_settled(3)
    assert slots.settles_at(3) > time.monotonic()
    assert not slots.has_long_left(3, A)
    # Unless somebody is found to be elsewhere: it may have moved once more.
    slots.unsettled(3)
    assert slots.owner(3) == A
    assert not slots.is_settled(3)


def test_the_end_of_a_subscription_that_nobody_asked_for() -> None:
    protocol = ShardedProtocol()
    assert protocol.subscribe([b"s"]) == b"*2\r\n$10\r\nSSUBSCRIBE\r\n$1\r\ns\r\n"
    protocol.receive_data(b"*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n*3\r\n$8\r\nsmessage\r\n$1\r\ns\r\n$1\r\nx\r\n")
    assert [protocol.next_event() for _ in range(3)] == [Subscribed(b"s"), Message(b"s", b"x"), NEED_DATA]
    protocol.heartbeat(b"s")
    protocol.receive_data(b"*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n")
    assert protocol.next_event() == Alive(None)
    protocol.receive_data(b"*3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n")
    with pytest.raises(ProtocolError, match=MOVED_AWAY):
        protocol.next_event()


def test_the_end_that_was_asked_for() -> None:
    protocol = ShardedProtocol()
    protocol.subscribe([b"s"])
    protocol.unsubscribe()
    protocol.receive_data(b"*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n*3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n")
    assert [protocol.next_event() for _ in range(2)] == [Subscribed(b"s"), Unsubscribed()]


def test_urls() -> None:
    assert sharded_url("redis://u:p@h:1/0") == "redis+cluster://u:p@h:1/0?sharded=true"
    assert sharded_url("rediss+cluster://h:1,h2:2?ssl_ca_certs=x").endswith("?ssl_ca_certs=x&sharded=true")
    assert is_sharded("redis+cluster://h:1?sharded=true")
    assert not is_sharded("redis+cluster://h:1?sharded=false")
    assert redact_url("redis+cluster://u:p@h:1?sharded=true") == "redis+cluster://u:***@h:1?sharded=true"


def test_who_does_not_know_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "a:app", "--service", "a", "--reload", "--redis", "redis+cluster://127.0.0.1:1?sharded=true"])
    assert "do not go together" in capsys.readouterr().err
