"""Claims that go out together: who asks, what each is told, and what becomes of those that are withdrawn."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from daebus.errors import ConnectionLost, RedisRefused
from daebus.service.claims import Claims
from daebus.service.together import Mate, Together
from daebus.testing import LocalBus
from daebus.wire.envelope import Request
from daebus.wire.resp import ErrorReply


class Redis:
    """Answers commands with what it is told to, and keeps what it was asked."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.asked: list[list[bytes]] = []

    def __call__(self, commands: Sequence[bytes]) -> list[Any]:
        self.asked.append(list(commands))
        return [self.replies.pop(0) for _ in commands]


def judge(reply: Any) -> bool:
    if isinstance(reply, ErrorReply):
        raise RedisRefused(str(reply), reply.code)
    return bool(reply)


def three(redis: Any) -> list[Mate]:
    together = Together(redis, judge)
    return [together.add(Request("a", {}, request_id=name), name.encode()) for name in "abc"]


def test_the_first_asks_for_all() -> None:
    redis = Redis(b"OK", None, b"OK")
    mates = three(redis)
    assert [mate.take() for mate in mates] == [True, False, True]
    assert [mate.is_ours() for mate in mates] == [True, False, True]
    assert redis.asked == [[b"a", b"b", b"c"]]


def test_each_is_refused_by_itself() -> None:
    first, second, third = three(Redis(b"OK", ErrorReply("OOM no memory"), b"OK"))
    assert first.take()
    with pytest.raises(RedisRefused, match="OOM"):
        second.take()
    assert second.is_ours() is None
    assert third.take()


def test_what_is_withdrawn_is_not_claimed() -> None:
    redis = Redis(b"OK", b"OK")
    first, second, third = three(redis)
    assert second.is_ours() is None
    assert [first.take(), third.take()] == [True, True]
    assert redis.asked == [[b"a", b"c"]]
    assert second.is_ours() is None


def test_a_loss_is_told_to_each() -> None:
    def lost(_commands: Sequence[bytes]) -> list[Any]:
        raise ConnectionLost("gone")

    mates = three(lost)
    raised = []
    for mate in mates:
        with pytest.raises(ConnectionLost, match="gone") as caught:
            mate.take()
        raised.append(caught.value)
        assert mate.is_ours() is None
    assert len(set(map(id, raised))) == 3


def test_whoever_asks_may_be_interrupted() -> None:
    def interrupted(_commands: Sequence[bytes]) -> list[Any]:
        raise KeyboardInterrupt

    mates = three(interrupted)
    with pytest.raises(KeyboardInterrupt):
        mates[0].take()
    with pytest.raises(ConnectionLost, match="interrupted while claiming"):
        mates[1].take()


def test_others_wait_for_whoever_asks() -> None:
    asking, goes_on = threading.Event(), threading.Event()

    def slow(commands: Sequence[bytes]) -> list[Any]:
        asking.set()
        assert goes_on.wait(30)
        return [b"OK"] * len(commands)

    first, second, third = three(slow)
    taken: list[bool] = []
    threads = [threading.Thread(target=lambda mate=mate: taken.append(mate.take())) for mate in (first, second)]  # type: ignore[misc]  # of this turn
    threads[0].start()
    assert asking.wait(30)
    threads[1].start()
    ours: list[bool | None] = []
    threads.append(threading.Thread(target=lambda: ours.append(third.is_ours())))
    threads[2].start()
    assert (taken, ours) == ([], [])
    goes_on.set()
    for thread in threads:
        thread.join(30)
    assert (taken, ours) == ([True, True], [True])


def test_of_two_instances_one_has_each() -> None:
    bus = LocalBus()
    requests = [(Request("a", {}, request_id=name), name.encode()) for name in "abcd"]
    one, two = (Claims(bus.publisher("test"), "svc", instance) for instance in ("one", "two"))
    assert two.take(*requests[2])
    mates = []
    for claims in (one, two):
        together = claims.together()
        assert together is not None
        commands = [(request, claims.command(request, data)) for request, data in requests]
        mates.append([together.add(request, command) for request, command in commands if command is not None])
    assert [mate.take() for mate in mates[0]] == [True, True, False, True]
    assert [mate.take() for mate in mates[1]] == [False, False, False, False]
    assert one.command(Request("a", {}), b"x") is None
