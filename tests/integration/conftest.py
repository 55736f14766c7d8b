"""The shop, serving, and somebody who calls it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daebus import DaebusCaller
from tests.integration.shop import Shop
from tests.support.framework_services import serving


@pytest.fixture
def shop(redis_url: str, name: str) -> Iterator[Shop]:
    shop = Shop(redis_url, name)
    with serving(shop.app, redis_url, name):
        yield shop
        shop.gate.set()


@pytest.fixture
def caller(shop: Shop) -> Iterator[DaebusCaller]:
    with DaebusCaller(shop.name, redis_url=shop.url, name="web") as caller:
        yield caller
