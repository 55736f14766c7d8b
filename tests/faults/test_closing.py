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
def mute() -> Iterator[str]:
    """The URL of a server that says nothing to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


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
    mute: str, monkeypatch: pytest.MonkeyPatch, end: Callable[[list[DaebusCaller]], None]
) -> None:
    # Less than the keeper is waited for where it may end at once.
    monkeypatch.setattr(address, "CONNECT_TIMEOUT", 1.9)
    held = [DaebusCaller("anybody", redis_url=mute)]
    replies = connecting(held[0])
    end(held)
    assert replies.listener.connecting
    assert replies._keeper is not None
    replies._keeper.join(60)
    assert not replies._keeper.is_alive()
    assert not replies.listener.connected
