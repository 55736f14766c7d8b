"""What every test may ask for: a real Redis of its own worker, and one that it may break."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.redis_server import RedisServer, ensure_redis_server
from tests.support.servers import ServerUnavailable

pytest_plugins = ["tests.support.suite.guard", "pytester"]

# Thousands of tests, most of which make a program of many objects and leave it: looked through as often as by default,
# what is alive costs a seventh of the processor time of the TUI's tests.
gc.set_threshold(50_000, 20, 20)


# For a machine that has other things to do as well.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")


def pytest_collection_finish() -> None:
    """What has been imported stays: from here on it is not looked through any more."""
    gc.collect()
    gc.freeze()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Fetch a server once, before workers start, where no redis-server is on the PATH."""
    if hasattr(session.config, "workerinput"):
        return
    try:
        ensure_redis_server()
    except ServerUnavailable as error:
        pytest.exit(f"The tests need a redis-server on the PATH, and none can be fetched: {error}", returncode=3)


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One redis-server for each test worker. Tests on it use names of their own (see `name`)."""
    server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture
def redis_url(shared_redis: RedisServer) -> str:
    return shared_redis.url


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A redis-server of this test alone, to be killed, frozen and restarted."""
    server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture
def name() -> str:
    """A service name (or channel prefix) that no other test uses."""
    return f"svc_{uuid.uuid4().hex[:10]}"
