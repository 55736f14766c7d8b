"""What the taps of several nodes tell, told as by one: each thing once, and nothing that is so already."""

from __future__ import annotations

import hiredis
import pytest

from daebus.transport.places.route import Place
from daebus_console.engine.live.shards.account import Account
from daebus_console.engine.live.shards.subscriptions import ShardSubscriptions

A, B = Place("h", 1), Place("h", 2)


class Heard:
    """A listener that notes what it hears."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.account = Account(self, lambda: 7.0, "me")
        self.asked = {place: ShardSubscriptions("me", confirmed=str, left=lambda *_told: None) for place in (A, B)}
        for place, asked in self.asked.items():
            self.account.add(place, asked)

    def on_batch(self, at: float, batch: list[tuple[str, bytes]]) -> None:
        assert at == 7.0
        self.told += [f"{channel} {data.decode()}" for channel, data in batch]

    def on_up(self, at: float) -> None:
        self.told.append("up")

    def on_down(self, at: float, reason: str) -> None:
        self.told.append(f"down: {reason}")

    def on_idle(self, at: float) -> None:
        self.told.append("idle")

    def on_refused(self, at: float, reason: str) -> None:
        self.told.append(f"refused: {reason}")

    def on_whole(self, at: float) -> None:
        self.told.append("whole")

    def on_cause(self, at: float, cause: str) -> None:
        self.told.append(f"cause: {cause}")

    def on_part_lost(self, at: float, reason: str) -> None:
        self.told.append(f"part lost: {reason}")

    def on_part_back(self, at: float) -> None:
        self.told.append("part back")

    def take(self) -> list[str]:
        told, self.told = self.told, []
        return told


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def both_up(heard: Heard) -> Heard:
    for place in (A, B):
        heard.account.node_up(place)
    heard.account.rise()
    assert heard.take() == ["up"]
    return heard


def test_it_is_up_when_each_node_was_tried_and_one_is_read_at(heard: Heard) -> None:
    account = heard.account
    assert not account.all_tried
    account.node_up(A)
    assert not account.all_tried
    assert not account.node_down(B, "refused")
    assert account.all_tried
    assert heard.take() == []
    account.rise()
    assert heard.take() == ["up", "part lost: refused"]
    assert (account.partly, account.missing) == (True, "refused")


def test_it_is_not_up_while_all_nodes_are_down(heard: Heard) -> None:
    account = heard.account
    assert not account.node_down(A, "closed")
    assert account.node_down(B, "refused")
    assert not account.all_tried
    account.rise()
    assert heard.take() == ["down: refused"]
    assert not account.up
    assert account.missing is None, "all of it is, and that was told"


def test_a_part_is_lost_and_back_once_however_much_it_is(both_up: Heard) -> None:
    account = both_up.account
    account.find(["orders"])
    account.lose(["orders", "never read"], "its slot moves")
    account.node_down(A, "closed")
    assert both_up.take() == ["part lost: its slot moves"]
    account.find(["orders"])
    assert account.missing == "closed"
    account.node_up(A)
    assert both_up.take() == ["part back"]
    assert (account.partly, account.missing) == (False, None)


def test_the_last_node_that_is_lost_is_the_end_until_all_rises_anew(both_up: Heard) -> None:
    account = both_up.account
    assert not account.node_down(A, "closed")
    assert account.node_down(B, "reset")
    assert both_up.take() == ["part lost: closed", "down: reset"]
    account.node_up(B)
    assert both_up.take() == []
    account.rise()
    assert both_up.take() == ["up", "part lost: closed"]


def test_the_channels_of_a_node_that_has_no_slots_any_more_are_missing_until_they_are_read_elsewhere(
    both_up: Heard,
) -> None:
    account = both_up.account
    account.find(["orders"])
    account.drop(A, ["orders"])
    assert both_up.take() == ["part lost: h:1 has no slots any more"]
    assert account.misses("orders")
    assert not account.misses(A)
    account.node_down(A, "closed")
    assert not account.misses(A), "it is none any more"
    account.find(["orders"])
    assert both_up.take() == ["part back"]


def test_what_several_nodes_refuse_is_told_once(both_up: Heard) -> None:
    account = both_up.account
    refusal = "NOPERM this user has no permissions to access one of the channels used"
    for place, asked in both_up.asked.items():
        asked.follow(["orders"])
        asked.orders(0.0)
        asked.take(hiredis.ReplyError(refusal), 1.0, 1.0)
        account.node_refuses(place, refuses=True)
    (told,) = both_up.take()
    assert told.startswith("refused: missing rule &daebus.watched:* &orders")
    assert account.partly
    account.node_refuses(A, refuses=False)
    assert both_up.take() == []
    account.node_refuses(B, refuses=False)
    assert both_up.take() == ["whole"]


def test_nothing_came_only_where_nothing_did(both_up: Heard) -> None:
    both_up.account.idle(0.0)
    both_up.account.batch([("orders", b"{}")])
    both_up.account.idle(3600.0)
    both_up.account.cause("its buffer was full")
    assert both_up.take() == ["idle", "orders {}", "cause: its buffer was full"]
