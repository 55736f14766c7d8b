"""A console session on a real Redis, and somebody who publishes there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from tests.support.redis_server import RedisServer

Publish = Callable[[str, Any], int]


@pytest.fixture
def publish(own_redis: RedisServer) -> Iterator[Publish]:
    """Publishes bytes as they are, anything else as JSON; returns the receivers."""
    with own_redis.client() as client:

        def publish(channel: str, message: Any) -> int:
            data = message if isinstance(message, bytes) else json.dumps(message).encode()
            return int(client.publish(channel, data))

        yield publish


@pytest.fixture
def open_session(own_redis: RedisServer) -> Iterator[Callable[..., Session]]:
    """Starts sessions on the test's Redis that are up, and stops them afterwards."""
    sessions: list[Session] = []

    def start(url: str | None = None, **settings: Any) -> Session:
        session = Session(url or own_redis.url, Settings(**settings))
        sessions.append(session)
        session.start()
        assert session.wait_up(5), session.status
        return session

    yield start
    for session in sessions:
        session.stop()
