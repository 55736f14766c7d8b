"""What a probe to one's own channel proves, and what its absence does."""

from __future__ import annotations

import pytest

from daebus.transport.proof import BEAT_EVERY, GRACE, PROBE, Greeting, Proof, greeting
from daebus.wire.resp import ErrorReply, PlainReader

MASTER = [b"server", b"redis", b"mode", b"standalone", b"role", b"master"]
REPLICA = [b"mode", b"standalone", b"role", b"replica"]
NODE = [b"mode", b"cluster", b"role", b"replica"]
HERE = object()


class Pair:
    """Connections that publish and listen, without any."""

    def __init__(self) -> None:
        self.proof = Proof("caller:x")
        self.data = b""
        self.begin(0.0)

    def begin(self, at: float, listening: object = HERE) -> None:
        reader = PlainReader()
        reader.feed(self.proof.begin(at, listening))
        self.commands = [reader.gets() for _ in range(self.proof.wanted)]
        published = [words for words in self.commands if words[0] == b"PUBLISH"]
        self.data = published[0][2] if published else b""

    def confirm(self, counted: object = 1, received: object = 1, told: object = MASTER, at: float = 0.0) -> None:
        replies = {b"PUBSUB": [b"caller:x", counted] if isinstance(counted, int) else counted, b"PUBLISH": received}
        told_all = [replies.get(words[0], told) for words in self.commands]
        self.proof.confirmed(self.proof.number, told_all, at)

    def fault(self, at: float, heard_at: float = 0.0, listening: object = HERE) -> str | None:
        found = self.proof.fault(at, listening, heard_at)
        return None if found is None else found.reason


def test_a_probe_that_comes_back_proves_the_way_and_tells_how_long_it_is() -> None:
    pair = Pair()
    pair.confirm()
    assert pair.proof.is_probe(b"caller:x", pair.data)
    pair.proof.arrived(pair.data, 0.25)
    assert (pair.proof.round_trip, pair.proof.proven_at) == (0.25, 0.25)
    assert pair.fault(100.0) is None


def test_only_what_looks_like_it_on_the_own_channel_is_a_probe() -> None:
    proof = Pair().proof
    assert not proof.is_probe(b"caller:y", PROBE + b"1}")
    assert not proof.is_probe(b"caller:x", b'{"request_id":"r"}')


def test_an_older_probe_proves_nothing() -> None:
    pair = Pair()
    old = pair.data
    pair.begin(2.0)
    pair.proof.arrived(old, 2.1)
    assert pair.proof.round_trip is None
    assert pair.proof.is_probe(b"caller:x", old), "and is nobody's message all the same"


def test_one_that_the_server_has_confirmed_and_that_never_comes_tells_that_the_connection_is_mute() -> None:
    pair = Pair()
    pair.confirm()
    assert pair.fault(BEAT_EVERY / 2) is None
    assert pair.fault(BEAT_EVERY) is None, "whoever was held up looks once more"
    assert pair.proof.look_at(BEAT_EVERY) == BEAT_EVERY + GRACE
    assert "does not arrive" in str(pair.fault(BEAT_EVERY + GRACE))


def test_while_other_things_come_it_may_stand_behind_them() -> None:
    pair = Pair()
    pair.confirm()
    for at in range(2, 20):
        assert pair.fault(float(at), heard_at=at - 0.01) is None
    assert pair.fault(25.0, heard_at=19.0) is None
    assert pair.fault(25.0 + GRACE, heard_at=19.0) is not None


def test_one_that_the_server_has_not_confirmed_says_nothing_of_the_one_that_listens() -> None:
    assert Pair().fault(100.0) is None


def test_a_server_that_does_not_know_us_is_another_one_though_the_probe_arrives() -> None:
    pair = Pair()
    pair.confirm(counted=0, received=0)
    pair.proof.arrived(pair.data, 0.1)
    assert "another server" in str(pair.fault(0.2))


def test_where_the_count_is_wrong_again_and_again_it_is_not_believed_any_more() -> None:
    pair = Pair()
    found = []
    for number in range(10):
        pair.begin(float(number), listening := object())
        pair.confirm(counted=0)
        pair.proof.arrived(pair.data, number + 0.1)
        found.append(pair.fault(number + 0.2, listening=listening))
    assert [reason is not None for reason in found] == [True] * 3 + [False] * 7


def test_a_replica_is_no_place_to_be_but_in_a_cluster() -> None:
    pair = Pair()
    pair.confirm(told=REPLICA)
    found = pair.proof.fault(0.1, HERE, 0.0)
    assert found is not None
    assert found.moved
    pair.begin(1.0)
    pair.confirm(counted=0, told=NODE)
    assert pair.fault(1.1) is None, "each node counts its own"


def test_of_a_connection_that_was_made_again_meanwhile_nothing_is_known() -> None:
    pair = Pair()
    pair.confirm(counted=0)
    assert pair.fault(10.0, listening=object()) is None
    assert not pair.proof.under_way


@pytest.mark.parametrize("refused", [b"NUMSUB", b"PUBLISH"])
def test_what_may_not_be_done_is_not_tried_again_on_that_connection(refused: bytes) -> None:
    pair = Pair()
    no = ErrorReply("NOPERM this user has no permissions")
    pair.confirm(counted=no if refused == b"NUMSUB" else 1, received=no if refused == b"PUBLISH" else 1)
    pair.begin(2.0)
    assert not [words for words in pair.commands if refused in words]
    assert pair.commands[-1] == [b"HELLO"]
    pair.confirm(at=2.0)
    assert pair.fault(3.0) is None
    pair.begin(4.0, listening=object())
    assert len(pair.commands) == 3, "it may be allowed by now"


def test_a_server_that_is_busy_refuses_for_a_while_only() -> None:
    pair = Pair()
    pair.confirm(counted=ErrorReply("BUSY"), received=ErrorReply("BUSY"), told=ErrorReply("BUSY"))
    pair.begin(2.0)
    assert len(pair.commands) == 3


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (MASTER, Greeting("standalone", "master")),
        ([b"mode", b"sentinel", b"role", b"slave"], Greeting("sentinel", "replica")),
        (ErrorReply("ERR unknown command"), Greeting()),
        (None, Greeting()),
        ([b"mode"], Greeting()),
        ([b"mode", 3, b"role", None], Greeting()),
        ([[b"mode"], b"x", b"role", b"master"], Greeting("", "master")),
    ],
)
def test_what_a_server_says_of_itself(reply: object, found: Greeting) -> None:
    assert greeting(reply) == found
