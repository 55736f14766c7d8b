"""The table of docs/acl.md: exactly those users, and all works with each; with one right less something does not."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from daebus import Daebus, DaebusCaller, DaebusError, Requester, RequestTimeout, request
from daebus.client.call import Call
from daebus_console.commands.context import Exit
from tests.console.sick.conftest import PASSWORD, Bus, carry_out, looking
from tests.support.framework_services import subscribers
from tests.support.instances import instances
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

PAGE = Path(__file__).resolve().parents[3] / "docs" / "acl.md"
LINES = re.findall(
    r"`ACL SETUSER (\S+) reset resetchannels on >PASSWORD ([^`]+)`", PAGE.read_text().replace("\\|", "|")
)
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


def test_while_redis_refuses_claims_nothing_is_refused_that_another_instance_has(bus: Bus, name: str) -> None:
    rules = [one.replace("orders", name) for one in RULES["orders_shared"]]
    url = bus.user("orders_shared", *rules, f"&{name}.event")
    asked: list[Call] = []
    with (
        instances(url, name, 2, max_workers=1) as several,
        Requester(bus.server.url, timeout=30) as requester,
        bus.server.client() as client,
    ):
        for number in range(2):
            asked.append(requester.start(name, "block", {"n": number}))
            eventually(lambda: sum(len(instance.handled) for instance in several) == len(asked))
        first = next(instance for instance in several if instance.handled == [{"n": 0}])
        client.config_set("maxmemory", 1)
        try:
            first.gate.set()
            assert asked[0].result() == {"by": first.number}
            # It has got round to the second one, which the other is handling.
            service = first.app._service
            assert service is not None
            eventually(lambda: service._dispatcher.counts["elsewhere"] == 1)
        finally:
            client.config_set("maxmemory", 0)
        several[1 - first.number].gate.set()
        assert asked[1].result() == {"by": 1 - first.number}


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


@pytest.mark.parametrize(
    ("user", "rule"),
    [("orders", "+ping"), ("orders", "+unsubscribe"), ("caller", "+ping"), ("caller", "+pubsub|numsub")],
)
def test_with_one_of_these_less_it_works_all_the_same(bus: Bus, user: str, rule: str) -> None:
    assert rule in RULES[user]
    url = bus.user(user, *(one for one in RULES[user] if one != rule))
    app = start(bus, url if user == "orders" else bus.server.url)
    with DaebusCaller("orders", redis_url=url if user == "caller" else bus.server.url) as caller:
        assert caller.send_request("echo", {"n": 1}) == {"n": 1}
    app.stop(grace=1)


def test_without_reply_channels_one_way_messages_go_and_no_answer_comes(bus: Bus) -> None:
    app = start(bus, bus.user("orders", *(one for one in RULES["orders"] if one != "&caller:*")))
    with DaebusCaller("orders", redis_url=bus.server.url) as caller, pytest.raises(RequestTimeout):
        caller.send_request("echo", {}, timeout=0.5)
    url = bus.user("caller", *(one for one in RULES["caller"] if one != "&caller:*"))
    with DaebusCaller("orders", redis_url=url) as caller:
        assert caller.send_message("echo", {}) == 1
    app.stop(grace=1)


@pytest.mark.parametrize("without", ["", "+unsubscribe"])
def test_a_service_that_stops_is_subscribed_no_more_where_it_may_unsubscribe(bus: Bus, without: str) -> None:
    app, gate, entered = Daebus("orders"), threading.Event(), threading.Event()

    @app.action("wait")
    def wait() -> object:
        entered.set()
        gate.wait(20)
        return {}

    url = bus.user("orders", *(one for one in RULES["orders"] if one != without))
    app.start(service="orders", redis_url=url)
    stopping = threading.Thread(target=lambda: app.stop(grace=20))
    with DaebusCaller("orders", redis_url=bus.server.url) as caller:
        caller.send_message("wait", {})
        assert entered.wait(20)
        stopping.start()
        service = app._service
        assert service is not None
        # As far as it knows, it has unsubscribed.
        eventually(lambda: service._listener.finished)
        assert subscribers(bus.server.url, "orders") == (1 if without else 0)
        gate.set()
        stopping.join()


@pytest.mark.parametrize("rule", ["+psubscribe", "+pubsub", "+publish", "&*"])
def test_the_console_names_the_right_it_lacks(bus: Bus, rule: str) -> None:
    app = start(bus, bus.server.url)
    url = bus.user("console", *(one for one in RULES["console"] if one != rule))
    said = carry_out(url, "services")
    assert f"missing rule {rule}" in said.words
    assert "ACL SETUSER console" in said.words
    app.stop(grace=1)
