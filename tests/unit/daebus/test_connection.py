"""Where Redis is, and what is never said about it."""

from __future__ import annotations

import pytest

from daebus.connection import RedisAddress, client_label, redact_url, resolve_url
from daebus.errors import ConfigurationError, DaebusError

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        ((None, None, None), {}, "redis://localhost:6379/0"),
        ((None, None, None), {"REDIS_URL": "redis://b"}, "redis://b"),
        ((None, None, None), {"REDIS_URL": "redis://b", "DAEBUS_REDIS_URL": "redis://a"}, "redis://a"),
        ((None, "h", None), {"DAEBUS_REDIS_URL": "redis://a"}, "redis://h:6379/0"),
        ((None, None, 7000), {"DAEBUS_REDIS_URL": "redis://a"}, "redis://localhost:7000/0"),
        ((None, "::1", 7000), {}, "redis://[::1]:7000/0"),
        (("redis://u", "h", 7000), {"DAEBUS_REDIS_URL": "redis://a"}, "redis://u"),
    ],
)
def test_the_nearest_setting_wins(
    arguments: tuple[str | None, str | None, int | None], environ: dict[str, str], expected: str
) -> None:
    assert resolve_url(*arguments, environ=environ) == expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        (f"redis://:{SECRET}@h:1/2", "redis://:***@h:1/2"),
        (f"rediss://ann:{SECRET}@h/0", "rediss://ann:***@h/0"),
        (f"redis://ann:{SECRET}@{SECRET}@h/0", "redis://ann:***@h/0"),
        ("redis://ann@h/0", "redis://ann@h/0"),
        (f"unix://ann:{SECRET}@/tmp/r.sock?db=1", "unix://ann:***@/tmp/r.sock?db=1"),
        (f"redis://h/0?password={SECRET}&db=1", "redis://h/0?password=***&db=1"),
        (f"redis://h/0?ssl_certificate_PASSWORD={SECRET}", "redis://h/0?ssl_certificate_PASSWORD=***"),
        (f"redis://:{SECRET}@[bad", "(a malformed URL)"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [f"http://:{SECRET}@h", f"redis://:{SECRET}@h:port/0", f"redis://:{SECRET}@[bad", f"{SECRET}", "redis://h:1?db=x"],
)
def test_a_wrong_url_is_one_clear_error_without_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not a usable Redis URL") as caught:
        RedisAddress(url)
    assert SECRET not in str(caught.value) or url == SECRET
    assert caught.value.__cause__ is None
    assert isinstance(caught.value, DaebusError)


def test_an_address_shows_no_password() -> None:
    address = RedisAddress(f"redis://ann:{SECRET}@h:1/0")
    assert SECRET not in f"{address} {address!r}"


def test_any_name_makes_a_client_name_that_redis_takes() -> None:
    assert client_label("user service\n\u00e9") == "daebus:user%20service%0A%C3%A9"
