"""URLs that lead to several servers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus.errors import ConfigurationError
from daebus.transport.address import RedisAddress
from daebus.transport.places.route import Place, route_from, route_of
from daebus.transport.url import redact_url

SECRET = "s3cr3t"


def test_sentinels_have_a_port_and_a_password_of_their_own() -> None:
    url = f"rediss+sentinel://ann:{SECRET}@h1,h2:7,[::1]/shop/3?sentinel_username=bob&sentinel_password=p%2Fw&ssl_cert_reqs=none"
    route = route_of(url)
    assert route is not None
    assert route.seeds == (Place("h1", 26379), Place("h2", 7), Place("::1", 26379))
    assert route.master == "shop"
    assert route.node(Place("m", 1)) == f"rediss://ann:{SECRET}@m:1/3?ssl_cert_reqs=none"
    assert route.sentinel(Place("::1", 2)) == "rediss://bob:p%2Fw@[::1]:2/0?ssl_cert_reqs=none"
    assert str(RedisAddress(url)) == "rediss+sentinel://ann:***@h1,h2:7,[::1]/shop/3?***"


def test_a_cluster_is_any_of_its_nodes() -> None:
    route = route_of("redis+cluster://:pw@h:7000,h2")
    assert route is not None
    assert route.seeds == (Place("h", 7000), Place("h2", 6379))
    assert route.node(Place("n", 7005)) == "redis://:pw@n:7005/0"


def test_a_node_leads_to_its_cluster() -> None:
    route = route_from("redis://ann:pw@h:7000/0?ssl_check_hostname=no")
    assert route is not None
    assert (route.kind, route.seeds) == ("cluster", (Place("h", 7000),))
    assert route.node(Place("n", 1)) == "redis://ann:pw@n:1/0?ssl_check_hostname=no"
    assert route_from("unix:///tmp/redis.sock") is None


def test_other_urls_name_one_server() -> None:
    for url in ("redis://h", "rediss://h", "unix:///tmp/x", "nonsense"):
        assert route_of(url) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis+sentinel://h:1", "the name of the master is missing"),
        ("redis+sentinel://h:1/", "the name of the master is missing"),
        ("redis+sentinel://h:1/a b", "the name of the master is missing"),
        ("redis+sentinel://h:1/m/x", "the database after the name of the master"),
        ("redis+sentinel://h:99999/m", "a port is a whole number"),
        ("redis+sentinel://h:x/m", "hosts stand as HOST:PORT"),
        ("redis+sentinel:///m", "hosts stand as HOST:PORT"),
        ("redis+sentinel://h,,h2/m", "hosts stand as HOST:PORT"),
        ("redis+cluster://", "hosts stand as HOST:PORT"),
        ("redis+cluster://h:1/1", "a cluster has database 0 only"),
        ("redis+cluster://h:1/0?no_such=%zz&db=x", "it has an option that cannot be"),
        ("redis+nonsense://h", "expected redis"),
        ("rediss+unix://h", "expected redis"),
        (f"redis+cluster://ann:{SECRET}/x@h:1", "write / . # and @ in a password as %2F"),
        (f"redis+sentinel://ann:{SECRET}@h:1/m?x=@", "an @ stands after the host"),
    ],
)
def test_what_is_none_is_refused_with_a_reason(url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        RedisAddress(url)
    assert SECRET not in str(caught.value)


def test_what_is_no_host_is_not_shown() -> None:
    assert redact_url(f"redis+cluster://h:1,ann:{SECRET}") == "(a malformed URL)"
    assert redact_url(f"redis+sentinel://h:1/{SECRET}:x") == "redis+sentinel://h:1/***"
    assert redact_url(f"redis+sentinel://h/m?sentinel_password={SECRET}") == "redis+sentinel://h/m?***"


@given(st.text(alphabet="abc:/?#@&=%[],. \\\n", max_size=12), st.text(alphabet="abc:/?#@&=%[],. \\\n", max_size=12))
def test_no_part_of_a_password_survives_wherever_it_stands(before: str, after: str) -> None:
    password = f"{before}{SECRET}{after}"
    for form in (
        "redis+sentinel://:{}@h:1,h2/m",
        "redis+cluster://ann:{}@h,h2",
        "redis+sentinel://h/m?sentinel_password={}",
    ):
        url = form.format(password)
        assert SECRET not in redact_url(url)
        try:
            said = repr(RedisAddress(url))
        except ConfigurationError as error:
            said = str(error)
        assert SECRET not in said
