"""Where Redis is, and what is never said about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus.errors import ConfigurationError
from daebus.transport.address import RedisAddress
from daebus.transport.url import redact_url, resolve_url

SECRET = "s3cr3t"


OBJECTS = (
    "command_packer", "credential_provider", "driver_info", "encoder_class", "event_dispatcher",
    "maint_notifications_config", "maint_notifications_pool_handler", "parser_class", "redis_connect_func", "retry",
    "socket_keepalive_options", "ssl_ocsp_context",
)  # fmt: skip
"""Options of redis-py that must be objects, which no URL can name."""


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
        (f"redis://{SECRET}:@h/0", "redis://***@h/0"),
        (f"redis://{SECRET}@h/0", "redis://***@h/0"),
        (f"redis://{SECRET}/x:y@h/0", "redis://***"),
        (f"redis://:{SECRET}/x@h:1/0", "redis://***"),
        (f"redis://:x?{SECRET}@h:1/0", "redis://***"),
        (f"redis://:x#{SECRET}@h:1/0", "redis://***"),
        (f"redis://h/0?password=x@{SECRET}", "redis://***"),
        (f"redis://h/0#{SECRET}", "redis://h/0?***"),
        (f"redis://ann:{SECRET}", "(a malformed URL)"),
        (f"redis://h:1/{SECRET}", "redis://h:1/***"),
        ("redis://[::1]:7000/0", "redis://[::1]:7000/0"),
        ("redis://[::1]", "redis://[::1]"),
        ("rediss://h?db=1&ssl_cert_reqs=none", "rediss://h?db=1&ssl_cert_reqs=none"),
        (f"{SECRET}://h", "(a malformed URL)"),
        (f"{SECRET}", "(a malformed URL)"),
        (f"unix://ann:{SECRET}@/tmp/r.sock?db=1", "unix://ann:***@/tmp/r.sock?db=1"),
        (f"redis://h/0?password={SECRET}&db=1", "redis://h/0?***"),
        (f"redis://h/0?ssl_certificate_PASSWORD={SECRET}", "redis://h/0?***"),
        (f"redis://:{SECRET}@[bad", "(a malformed URL)"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(st.text(min_size=1), st.text(min_size=1))
def test_whatever_the_password_is_the_url_looks_the_same(one: str, other: str) -> None:
    for form in ("redis://ann:{}@h:1/0", "unix://ann:{}@/tmp/r.sock", "redis://h:1/0?password={}&db=1"):
        shown = {redact_url(form.format(password)) for password in (one, other)}
        whole = redact_url(form.format("x"))
        hidden = {form.partition("://")[0] + "://***", "(a malformed URL)"}
        assert shown <= hidden | {whole}


@given(st.text(alphabet="abc:/?#@&=%[]. \\\n", max_size=12), st.text(alphabet="abc:/?#@&=%[]. \\\n", max_size=12))
def test_no_part_of_a_password_survives_wherever_it_stands(before: str, after: str) -> None:
    password = f"{before}{SECRET}{after}"
    for form in (
        "redis://:{}@h:1/0",
        "redis://ann:{}@h",
        "unix://:{}@/tmp/r",
        "redis://h/0?password={}",
    ):
        url = form.format(password)
        assert SECRET not in redact_url(url)
        assert SECRET not in _what_is_said_of(url)


def _what_is_said_of(url: str) -> str:
    try:
        return repr(RedisAddress(url))
    except ConfigurationError as error:
        return str(error)


def test_a_password_that_cuts_the_url_short_is_refused_with_what_to_do() -> None:
    for url in (f"redis://ann:12/{SECRET}@h:1/0", f"redis://:{SECRET}?@h", f"unix://:{SECRET}#/x@/tmp/r"):
        with pytest.raises(ConfigurationError, match=r"write / \? # and @ in a password as %2F") as caught:
            RedisAddress(url)
        assert SECRET not in str(caught.value)
    assert RedisAddress("redis://ann:12%2F3@h:1/0")
    assert RedisAddress("unix:///tmp/a@b.sock")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://h?nonsense=1", "an option that cannot be: nonsense"),
        ("redis+cluster://h:1,h2:2?nonsense=1", "an option that cannot be: nonsense"),
        ("redis+sentinel://h:1/mymaster?db=1&nonsense=1", "an option that cannot be: nonsense"),
        ("unix:///tmp/redis.sock?nonsense=1", "an option that cannot be: nonsense"),
        *((f"{scheme}://h?{name}=x", "an option that cannot be") for scheme in ("redis", "rediss") for name in OBJECTS),
        ("redis://h?socket_timeout=soon", "an option that cannot be: socket_timeout"),
        ("redis://h?ssl_cert_reqs=none", "an option that cannot be: ssl_cert_reqs"),
        ("rediss://h?ssl_cert_reqs=nonsense", r"an option that cannot be\)"),
    ],
)
def test_an_option_that_cannot_be_is_told_before_anything_is_connected(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"not a usable Redis URL: .* \\(it has {told}"):
        RedisAddress(url)


@pytest.mark.parametrize(
    "query", [f"password=x&{SECRET}=y", "password=x&nonsense=y", f"{SECRET}=1", f"nonsense={SECRET}"]
)
def test_what_may_be_the_rest_of_a_password_is_not_named(query: str) -> None:
    with pytest.raises(ConfigurationError, match="it has an option that cannot be") as caught:
        RedisAddress(f"redis://127.0.0.1:1/0?{query}")
    assert SECRET not in str(caught.value)
    assert ("nonsense" in str(caught.value)) == query.startswith("nonsense")


@pytest.mark.parametrize(
    "query",
    [
        "sharded=false",
        "sharded=false&db=1",
        "db=1&sharded=0",
        "socket_timeout=2&protocol=3",
        "decode_responses=true",
    ],
)
def test_an_option_that_can_be_is_taken(query: str) -> None:
    assert RedisAddress(f"redis://127.0.0.1:1/0?{query}").options()["host"] == "127.0.0.1"
