"""A service that may be debugged, somebody who asks it, and a debugger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daebus import Requester
from tests.support.framework_services import serving
from tests.support.gates import Debugger, Shop


@pytest.fixture
def requester(redis_url: str) -> Iterator[Requester]:
    with Requester(redis_url, timeout=20, name="web") as requester:
        yield requester


@pytest.fixture
def shop(redis_url: str, name: str) -> Iterator[Shop]:
    shop = Shop(name)
    with serving(shop.app, redis_url, name):
        yield shop


@pytest.fixture
def debugger(requester: Requester, name: str, shop: Shop) -> Debugger:
    return Debugger(requester, name)
