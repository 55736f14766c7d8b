"""What is asked of one node, and what its replies mean: confirmations in twos, refusals, and slots that move."""

from __future__ import annotations

import hiredis
import pytest

from daebus.wire.resp import pack
from daebus_console.engine.live.shards.found import companion
from daebus_console.engine.live.shards.subscriptions import ShardSubscriptions
from daebus_console.engine.live.subscriptions import Refused

OTHER = companion("orders")


class Node:
    def __init__(self) -> None:
        self.confirmed: list[str] = []
        self.left: list[tuple[str, str]] = []
        self.asked = ShardSubscriptions(
            "me", confirmed=self.confirmed.append, left=lambda *told: self.left.append(told)
        )

    def says(self, *replies: object, at: float = 1.0) -> None:
        for reply in replies:
            self.asked.take(reply, at, at)

    def sends(self) -> bytes:
        return self.asked.orders(0.0)


def told(kind: str, *channels: str) -> list[list[object]]:
    return [[kind.encode(), channel.encode(), 1] for channel in channels]


@pytest.fixture
def node() -> Node:
    found = Node()
    found.asked.follow(["orders"])
    assert found.sends() == pack(b"SSUBSCRIBE", b"orders", OTHER.encode())
    return found


def test_a_channel_is_read_when_it_is_confirmed_with_its_companion(node: Node) -> None:
    node.says(*told("ssubscribe", "orders"))
    assert (node.confirmed, node.asked.seen_since("orders")) == ([], None)
    node.says(*told("ssubscribe", OTHER), at=2.0)
    assert (node.confirmed, node.asked.seen_since("orders")) == (["orders"], 2.0)
    assert not node.asked.waiting
    node.asked.unfollow(["orders"])
    assert node.sends() == pack(b"SUNSUBSCRIBE", b"orders", OTHER.encode())
    node.says(*told("sunsubscribe", "orders", OTHER))
    assert (node.asked.seen_since("orders"), node.left, node.asked.waiting) == (None, [], False)


def test_a_slot_that_moves_away_takes_its_channels(node: Node) -> None:
    node.says(*told("ssubscribe", "orders", OTHER), *told("sunsubscribe", "orders", OTHER))
    assert node.left == [("orders", "the slot of 'orders' moves to another node")]
    assert node.asked.seen_since("orders") is None


def test_that_it_moves_while_it_is_left_confuses_nobody(node: Node) -> None:
    node.says(*told("ssubscribe", "orders", OTHER))
    node.asked.unfollow(["orders"])
    node.asked.follow(["payment"])
    assert node.sends()
    # The server has ended it by itself, and then does what it was asked, for nothing.
    node.says(*told("sunsubscribe", "orders", OTHER, "orders", OTHER))
    node.says(*told("ssubscribe", "payment", companion("payment")))
    assert (node.left, node.confirmed) == ([], ["orders", "payment"])
    assert not node.asked.waiting


def test_what_is_elsewhere_is_passed_on(node: Node) -> None:
    node.says(hiredis.ReplyError("MOVED 1234 127.0.0.1:7001"))
    assert node.left == [("orders", "MOVED 1234 127.0.0.1:7001")]
    assert (node.asked.refusal, node.asked.waiting) == (None, False)


def test_a_right_that_is_missing_is_named(node: Node) -> None:
    node.says(hiredis.ReplyError("NOPERM this user has no permissions to access one of the channels used"))
    assert node.confirmed == ["orders"], "there is nothing to wait for"
    assert node.asked.seen_since("orders") is None
    assert "missing rule &orders (ACL SETUSER me &orders)" in str(node.asked.refusal)
    assert node.asked.due(10.0)
    assert node.asked.orders(10.0) == pack(b"SSUBSCRIBE", b"orders", OTHER.encode())
    node.says(*told("ssubscribe", "orders", OTHER))
    assert node.asked.refusal is None


def test_an_old_server_is_said_to_be_old(node: Node) -> None:
    with pytest.raises(Refused, match="needs a cluster of Redis 7"):
        node.says(hiredis.ReplyError("ERR unknown command 'SSUBSCRIBE'"))


def test_a_new_connection_begins_with_all_of_it(node: Node) -> None:
    node.says(*told("ssubscribe", "orders", OTHER))
    assert node.asked.begin() == pack(b"SSUBSCRIBE", b"orders", OTHER.encode())
    assert node.asked.seen_since("orders") is None
    assert node.asked.waiting
