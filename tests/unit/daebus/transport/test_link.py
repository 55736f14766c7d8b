"""A conversation with Redis that ends: what became of it is told once, by the error that is meant."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.transport.link import Link


@pytest.fixture
def ends() -> Iterator[tuple[Link, socket.socket]]:
    """A link and the other end of its socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Link(ours, "redis://here"), theirs


def test_the_end_is_told_once(ends: tuple[Link, socket.socket]) -> None:
    link, theirs = ends
    theirs.close()
    with pytest.raises(ConnectionLost) as caught:
        link.next_reply(time.monotonic() + 10)
    assert str(caught.value) == "lost the connection to Redis at redis://here: Redis closed the connection"


def test_what_takes_no_more_is_told_once(ends: tuple[Link, socket.socket]) -> None:
    link, _theirs = ends
    with pytest.raises(ConnectionLost) as caught:
        link.send(b"x" * 10_000_000, time.monotonic())
    assert str(caught.value) == "lost the connection to Redis at redis://here: Redis takes no more data"


def test_a_server_that_does_not_answer_is_not_told_to_be_lost(ends: tuple[Link, socket.socket]) -> None:
    link, _theirs = ends
    with pytest.raises(RedisUnavailable) as caught:
        link.next_reply(time.monotonic())
    assert not isinstance(caught.value, ConnectionLost)
    assert str(caught.value) == "Redis at redis://here does not answer"
