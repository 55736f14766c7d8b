"""Callers that are closed, or held by nobody any more, while they connect: nobody waits for what is under way."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterator

import pytest

from daebus import DaebusCaller, DaebusError
from daebus.client.replies import Replies
from daebus.transport import address


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A server that says nothing to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def connecting(caller: DaebusCaller) -> Replies:
    """Have it ask with so little time that it still connects when that is over."""
    with pytest.raises(DaebusError):
        caller.send_request("get", timeout=0.1)
    replies = caller._requester._replies
    assert replies is not None
    return replies


def drop(held: list[DaebusCaller]) -> None:
    held.clear()
    gc.collect()


@pytest.mark.parametrize(
    "end",
    [
        lambda held: held[0]._requester.close(),
        lambda held: held[0].close(),
        drop,
    ],
    ids=["requester", "caller", "dropped"],
)
def test_who_closes_does_not_wait_for_what_connects(
    mute: socket.socket, monkeypatch: pytest.MonkeyPatch, end: Callable[[list[DaebusCaller]], None]
) -> None:
    monkeypatch.setattr(address, "CONNECT_TIMEOUT", 60.0)
    held = [DaebusCaller("anybody", redis_url=f"redis://127.0.0.1:{mute.getsockname()[1]}")]
    replies = connecting(held[0])
    keeper = replies._keeper
    assert keeper is not None
    waited: list[float | None] = []
    monkeypatch.setattr(keeper, "join", waited.append)
    end(held)
    assert replies.listener.connecting
    assert not waited
    mute.close()
    monkeypatch.undo()
    keeper.join(60)
    assert not keeper.is_alive()
    assert not replies.listener.connected
