"""The service of these tests, running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration_aio.shop import Shop
from tests.support.framework_services import serving


@pytest.fixture
def shop(redis_url: str, name: str) -> Iterator[Shop]:
    shop = Shop(name)
    with serving(shop.app, redis_url, name):
        yield shop
        shop.gate.set()
