"""A Redis to connect to, and what is never said about it."""

from __future__ import annotations

import pytest

from daebus.connection import RedisAddress, client_label
from daebus.errors import ConfigurationError, DaebusError

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "url",
    [f"http://:{SECRET}@h", f"redis://:{SECRET}@h:port/0", f"redis://:{SECRET}@[bad", f"{SECRET}", "redis://h:1?db=x"],
)
def test_a_wrong_url_is_one_clear_error_without_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not a usable Redis URL") as caught:
        RedisAddress(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert isinstance(caught.value, DaebusError)


def test_an_address_shows_no_password() -> None:
    address = RedisAddress(f"redis://ann:{SECRET}@h:1/0")
    assert SECRET not in f"{address} {address!r}"


def test_any_name_makes_a_client_name_that_redis_takes() -> None:
    assert client_label("user service\n\u00e9") == "daebus:user%20service%0A%C3%A9"
