"""Names that a message tells and no channel can have: half a surrogate pair. The session reads and asks on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daebus_console.engine.message.exchange import State
from daebus_console.engine.session import Session
from tests.console.live.conftest import Publish
from tests.support.redis_server import RedisServer

OpenSession = Callable[..., Session]
HALF = "half\ud800"


def states(session: Session) -> list[State]:
    return [one.state for one in session.journal.exchanges]


@pytest.mark.parametrize("globs", [("*",), ("us*", "half*")], ids=["all", "some"])
def test_a_request_that_wants_its_answer_there_times_out_like_any(
    open_session: OpenSession, publish: Publish, globs: tuple[str, ...]
) -> None:
    session = open_session(patterns=globs)
    asked = {"action": "get", "payload": {}, "reply_to": HALF, "request_id": "1", "timeout": 0.1}
    publish("users", asked)
    assert session.wait_for(lambda: states(session) == [State.TIMEOUT], 20)
    publish("users", {**asked, "request_id": "2"})
    assert session.wait_for(lambda: states(session) == [State.TIMEOUT] * 2, 20)


def test_one_that_is_on_the_screen_keeps_nobody_from_being_found(
    open_session: OpenSession, own_redis: RedisServer
) -> None:
    """Whoever answers a question of ours may call itself whatever it likes."""
    session = open_session()
    session.look_at([HALF, f"daebus.control.{HALF}"], [HALF])
    with own_redis.client() as client, client.pubsub() as pubsub:
        pubsub.subscribe("news")
        assert session.wait_for(lambda: "news" in session.directory.channels, 10)
