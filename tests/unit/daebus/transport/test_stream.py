"""A connected socket: whoever waits for it waits, also beside one who should have gone."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator

import pytest

from daebus.transport.sockets.stream import Stream
from tests.support.waiting import eventually


@pytest.fixture
def ends() -> Iterator[tuple[Stream, socket.socket]]:
    """A stream and the other end of its socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Stream(ours), theirs


@pytest.mark.parametrize("poll", [True, False], ids=["poll", "select"])
def test_it_waits_until_there_is_something_or_the_time_is_over(poll: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not poll:
        monkeypatch.delattr(select, "poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Stream(ours)
        assert not stream.wait_readable(0.01)
        theirs.send(b"x")
        assert stream.wait_readable(10)
        assert stream.wait_writable(10)
        assert stream.may_have_ended() is not poll
        theirs.close()
        assert stream.may_have_ended()


def test_two_may_wait_at_once(ends: tuple[Stream, socket.socket]) -> None:
    stream, theirs = ends
    found: list[bool] = []
    began = threading.Barrier(3)

    def wait() -> None:
        began.wait()
        found.append(stream.wait_readable(30))

    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    began.wait()
    # The second to come finds the first one waiting, and sees what comes as well.
    assert stream.wait_readable(0.3) is False
    theirs.send(b"x")
    eventually(lambda: found == [True, True], what="both have seen it")
    for thread in threads:
        thread.join()
