"""What CLUSTER NODES says, and whom of several nodes to believe."""

from __future__ import annotations

import pytest

from daebus.transport.places.nodes import View, agreed, view
from daebus.transport.places.route import Place
from daebus.transport.places.sentinels import master_told
from daebus.wire.resp import ProtocolError
from daebus.wire.sharded import slot_of

ASKED = Place("10.0.0.9", 7000)
TEXT = """\
aa 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460 [93-<-bb]
bb 127.0.0.1:7001@17001,two.example master - 0 1 2 connected 5461-10922 16383
cc 127.0.0.1:7002@17002,,shard-id=x master,fail - 1 1 3 connected 10923-16382
dd [fd00::1]:7003@17003 slave aa 0 1 1 connected
ee 127.0.0.1:7004@17004 slave,fail? bb 0 1 2 connected
ff :0@0 slave,noaddr cc 0 1 3 disconnected
"""


def seen(text: str = TEXT) -> View:
    return view(text, ASKED)


def test_each_line_is_a_node() -> None:
    found = seen()
    assert [node.place for node in found.nodes] == [
        ASKED,
        Place("two.example", 7001),
        Place("127.0.0.1", 7002),
        Place("fd00::1", 7003),
        Place("127.0.0.1", 7004),
        Place("", 0),
    ]
    assert found.good == {"aa", "bb", "dd"}
    assert [node.id for node in found.nodes if node.is_failed] == ["cc"]
    assert [node.id for node in found.nodes if node.is_master] == ["aa", "bb", "cc"]
    assert found.myself is not None
    assert found.myself.id == "aa"


def test_a_slot_has_an_owner_or_none() -> None:
    found = seen()
    owners = [found.owner(slot) for slot in (0, 5460, 5461, 16383, 10923)]
    assert [owner and owner.id for owner in owners] == ["aa", "aa", "bb", "bb", "cc"]
    assert seen("aa 127.0.0.1:7000@17000 myself,master - 0 0 1 connected\n").owner(7) is None


@pytest.mark.parametrize("text", ["nonsense", "aa 127.0.0.1:x@1 master - 0 0 1 connected", "aa b c d"])
def test_what_is_none_of_it_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="CLUSTER NODES"):
        seen(text)


def shown(number: str, **others: str) -> View:
    """What a node sees: itself, and others with their flags."""
    lines = [f"{number} h:{ord(number[0])}@2 myself,master - 0 0 1 connected"]
    lines += [f"{one} h:{ord(one[0])}@2 master,{flag} - 0 0 1 connected" for one, flag in others.items()]
    return seen("\n".join(lines))


def test_one_that_is_cut_off_is_not_believed() -> None:
    found = agreed([shown("a", b="fail?", c="fail?"), shown("b", a="fail", c=""), shown("c", a="fail", b="")])
    assert found is not None
    assert found.good == {"b", "c"}
    assert [node.id for node in found.nodes if node.is_failed] == ["a"]


def test_one_that_the_others_have_forgotten_is_none() -> None:
    found = agreed([shown("a", b="", c=""), shown("b", c=""), shown("c", b="")])
    assert found is not None
    assert {node.id for node in found.nodes} == {"b", "c"}


def test_what_a_node_says_of_its_slots_counts() -> None:
    one = seen("a h:1@2 myself,master - 0 0 1 connected 0-9\nb h:2@3 master - 0 0 1 connected 10-20\n")
    two = seen("b h:2@3 myself,master - 0 0 1 connected 10-19\na h:1@2 master - 0 0 1 connected\n")
    for views in ([one, two], [two, one]):
        found = agreed(views)
        assert found is not None
        assert [node and node.id for node in (found.owner(5), found.owner(19), found.owner(20))] == ["a", "b", None]
    assert agreed([]) is None


@pytest.mark.parametrize(
    ("key", "slot"),
    [(b"", 0), (b"123456789", 0x31C3), (b"foo", 12182), (b"{user1}.a", 8106), (b"a{}{user1}", slot_of(b"a{}{user1}"))],
)
def test_the_slot_of_a_key(key: bytes, slot: int) -> None:
    assert slot_of(key) == slot


def test_what_stands_in_braces_says_the_slot() -> None:
    assert slot_of(b"x{tag}1") == slot_of(b"y{tag}2") == slot_of(b"tag")
    assert slot_of(b"{}tag") != slot_of(b"tag")


def test_what_a_sentinel_says_of_the_master() -> None:
    told = [b"name", b"m", b"ip", b"h", b"port", b"7", b"config-epoch", b"4", b"role-reported-time", b"1500"]
    found = master_told(told)
    assert found is not None
    assert (found.place, found.epoch, found.seconds) == (Place("h", 7), 4, 1.5)
    for bad in (None, b"x", [], [b"ip", b"h"], [b"ip", b"h", b"port", b"x"], [b"ip", 5, b"port", b"7"]):
        assert master_told(bad) is None
