"""The table of docs/acl.md: exactly those users, and all works with each; with one right less something does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daebus import Daebus, DaebusCaller, DaebusError, request
from daebus_console.commands.context import Exit
from tests.console.sick.conftest import PASSWORD, Bus, carry_out, looking
from tests.support.redis_server import RedisServer

PAGE = Path(__file__).resolve().parents[3] / "docs" / "acl.md"
LINES = re.findall(r"`ACL SETUSER (\S+) reset on >PASSWORD ([^`]+)`", PAGE.read_text().replace("\\|", "|"))
RULES = {name: re.findall(r"\([^)]*\)|\S+", rules) for name, rules in LINES}


@pytest.fixture
def bus(own_redis: RedisServer) -> Bus:
    return Bus(own_redis)


def start(bus: Bus, url: str, name: str = "orders", *, shared: bool = False) -> Daebus:
    """A service that echoes, and asks `payment` where it is told to."""
    app = Daebus(name)

    @app.action("echo")
    def echo() -> object:
        """Give back what was sent."""
        return request.payload

    @app.action("pay")
    def pay() -> object:
        with DaebusCaller("payment") as payment:
            return payment.send_request("echo", {"paid": True})

    app.start(service=name, redis_url=url, shared=shared)
    return app


def test_every_line_of_the_table_is_tested() -> None:
    several = {"orders_cluster", "shared_cluster", "caller_cluster", "console_cluster", "asking"}
    several |= {"orders_sharded", "shared_sharded", "caller_sharded", "console_sharded"}
    assert set(RULES) == {"orders", "orders_shared", "orders_asking", "caller", "console", "watcher"} | several, (
        "those of several servers are tested in tests/several"
    )


@pytest.mark.parametrize("user", ["orders", "orders_shared", "orders_asking"])
def test_a_service(bus: Bus, user: str, caplog: pytest.LogCaptureFixture) -> None:
    payment = start(bus, bus.server.url, "payment")
    app = start(bus, bus.user(user, *RULES[user]), shared=user == "orders_shared")
    try:
        with DaebusCaller("orders", redis_url=bus.server.url) as caller:
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
            with pytest.raises(DaebusError, match="unknown action"):
                caller.send_request("nonsense", {})
            if user == "orders_asking":
                assert caller.send_request("pay", {}) == {"paid": True}
        assert "Give back what was sent." in carry_out(bus.server.url, "services orders").shown
    finally:
        app.stop(grace=1)
        payment.stop(grace=1)
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR") and "unknown" not in
                record.getMessage()]  # fmt: skip


def test_a_caller(bus: Bus) -> None:
    app = start(bus, bus.server.url)
    with DaebusCaller("orders", redis_url=bus.user("caller", *RULES["caller"])) as caller:
        assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        caller.send_message("echo", {"n": 2})
        app.stop(grace=1)
        with pytest.raises(DaebusError, match="nobody serves"):
            caller.send_request("echo", {})


@pytest.mark.parametrize("user", ["console", "watcher"])
def test_the_console_sees_everything_and_lacks_nothing(bus: Bus, user: str) -> None:
    app = start(bus, bus.server.url)
    try:
        url = bus.user(user, *RULES[user])
        with looking(url) as session:
            assert session.wait_for(lambda: "orders" in session.directory.services, 10)
            assert session.wait_for(lambda: bool(session.directory.services["orders"].instances), 10)
            assert session.status.blind is None
            assert (session.status.discovery_problem, session.status.discovery_lacks) == (None, None)
        for line in ("services", "tail --for 0.1", "stats --for 0.1"):
            said = carry_out(url, line)
            assert said.status == Exit.DONE
            assert "missing rule" not in said.words + said.shown
            assert PASSWORD not in said.words + said.shown
        for line in ("request orders echo n:=1", "send orders echo n:=1", "broadcast news n:=1"):
            said = carry_out(url, line)
            assert said.status == (Exit.DONE if user == "console" else Exit.NO_REDIS)
    finally:
        app.stop(grace=1)


NEEDED = [
    ("orders", "+subscribe"),
    ("orders", "&orders"),
    ("caller", "+subscribe"),
    ("caller", "+publish"),
    ("caller", "&caller:*"),
    ("caller", "&orders"),
]


@pytest.mark.parametrize(("user", "rule"), NEEDED)
def test_with_one_right_less_it_does_not_work(bus: Bus, user: str, rule: str) -> None:
    url = bus.user(user, *(one for one in RULES[user] if one != rule))
    if user == "orders":
        with pytest.raises(DaebusError, match="NOPERM"):
            start(bus, url)
        return
    app = start(bus, bus.server.url)
    with DaebusCaller("orders", redis_url=url) as caller, pytest.raises(DaebusError, match="NOPERM"):
        caller.send_request("echo", {}, timeout=2)
    app.stop(grace=1)


@pytest.mark.parametrize("rule", ["+psubscribe", "+pubsub", "+publish", "&*"])
def test_the_console_names_the_right_it_lacks(bus: Bus, rule: str) -> None:
    app = start(bus, bus.server.url)
    url = bus.user("console", *(one for one in RULES["console"] if one != rule))
    said = carry_out(url, "services")
    assert f"missing rule {rule}" in said.words
    assert "ACL SETUSER console" in said.words
    app.stop(grace=1)
