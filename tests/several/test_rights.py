"""The lines of docs/acl.md for clusters and sentinels: all works with each; with less it is said what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daebus import Daebus, DaebusCaller, DaebusError, PermissionDenied, RequestTimeout, ServiceUnavailable, request
from daebus_console.engine.message.exchange import State
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.sick.conftest import carry_out
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.several import MASTER, Cluster, Sentinels, is_old, order
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("several")
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "acl.md").read_text().replace("\\|", "|")
LINES = re.findall(r"`ACL SETUSER (\S+) (reset resetchannels on >PASSWORD [^`]+)`", PAGE)
RULES = {name: rules.split()[4:] for name, rules in LINES}
NEW = ("ssubscribe", "(")
"""What Redis 6 does not know."""


def test_each_line_is_taken_as_it_stands(own_redis: RedisServer) -> None:
    taken = 0
    for name, line in LINES:
        # That one is for a sentinel.
        if name != "asking" and not (is_old() and any(sign in line for sign in NEW)):
            order(own_redis, "ACL", "SETUSER", name, *re.findall(r"\([^)]*\)|\S+", line))
            taken += 1
    assert taken >= 9


@pytest.fixture
def new() -> None:
    if is_old():
        pytest.skip("Redis 6 has no sharded Pub/Sub")


def user(servers: list[RedisServer], name: str, *, without: str = "") -> None:
    rules = [rule for rule in RULES[name] if rule != without]
    for server in servers:
        order(server, "ACL", "SETUSER", name, "reset", "resetchannels", "on", ">s3cr3t", *rules)


def as_user(url: str, name: str) -> str:
    return url.replace("://", f"://{name}:s3cr3t@")


def orders() -> Daebus:
    app = Daebus("orders")
    app.action("echo")(lambda: request.payload)
    return app


def echoes(session: Session, state: State) -> int:
    return sum(one.action == "echo" and one.state is state for one in list(session.journal.exchanges))


def outcome(caller: DaebusCaller) -> object:
    try:
        return caller.send_request("echo", timeout=0.3)
    except DaebusError as error:
        return error


@pytest.mark.parametrize(("line", "shared"), [("orders_cluster", False), ("shared_cluster", True)])
def test_a_service_and_a_caller(cluster: Cluster, line: str, shared: bool, caplog: pytest.LogCaptureFixture) -> None:
    nodes: list[RedisServer] = [*cluster.nodes]
    user(nodes, line)
    user(nodes, "caller_cluster")
    url = as_user(cluster.url, line)
    with DaebusCaller("orders", redis_url=as_user(cluster.url, "caller_cluster")) as caller:
        with serving(orders(), url, "orders", shared=shared), serving(orders(), url, "orders", shared=shared):
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        # For a moment somebody is taken to be there still.
        eventually(lambda: isinstance(outcome(caller), ServiceUnavailable))
    assert not [record for record in caplog.records if "NOPERM" in record.getMessage()]


@pytest.mark.usefixtures("new")
@pytest.mark.parametrize(("line", "shared"), [("orders_sharded", False), ("shared_sharded", True)])
def test_sharded_pub_sub(cluster: Cluster, line: str, shared: bool, caplog: pytest.LogCaptureFixture) -> None:
    user([*cluster.nodes], line)
    user([*cluster.nodes], "caller_sharded")
    url = f"{as_user(cluster.url, line)}?sharded=true"
    with DaebusCaller("orders", redis_url=as_user(cluster.url, "caller_sharded"), sharded=True) as caller:
        with serving(orders(), url, "orders", shared=shared), serving(orders(), url, "orders", shared=shared):
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        eventually(lambda: isinstance(outcome(caller), ServiceUnavailable))
    assert not [record for record in caplog.records if "NOPERM" in record.getMessage()]


@pytest.mark.usefixtures("new")
def test_sharded_pub_sub_says_which_right_is_missing(cluster: Cluster) -> None:
    for without, said in (
        ("+cluster|nodes", "cluster.nodes"),
        ("+ssubscribe", "ssubscribe"),
        ("+spublish", "spublish"),
    ):
        user([*cluster.nodes], "caller_sharded", without=without)
        # What another connection of this process has learned is not to help.
        url = f"{as_user(cluster.url, 'caller_sharded')}?sharded=true&socket_timeout={2 + len(said)}"
        with (
            serving(orders(), f"{cluster.url}?sharded=true", "orders"),
            DaebusCaller("orders", redis_url=url) as caller,
            pytest.raises(PermissionDenied, match=said),
        ):
            caller.send_request("echo")


@pytest.mark.usefixtures("new")
def test_sharded_pub_sub_without_the_right_to_count(cluster: Cluster) -> None:
    user([*cluster.nodes], "caller_sharded", without="+pubsub|shardnumsub")
    url = f"{as_user(cluster.url, 'caller_sharded')}?sharded=true"
    with DaebusCaller("orders", redis_url=url) as caller:
        with pytest.raises(RequestTimeout):
            caller.send_request("echo", timeout=0.5)
        with serving(orders(), f"{cluster.url}?sharded=true", "orders"):
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}


def test_a_caller_that_may_not_ask_which_nodes_there_are_is_never_told_that_nobody_serves(cluster: Cluster) -> None:
    user([*cluster.nodes], "caller_cluster", without="+cluster|nodes")
    url = as_user(cluster.url_of(cluster.nodes[0]), "caller_cluster")
    with DaebusCaller("orders", redis_url=url) as caller:
        with pytest.raises(RequestTimeout):
            caller.send_request("echo", timeout=0.5)
        with serving(orders(), cluster.nodes[1].url, "orders"):
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}


def test_the_console(cluster: Cluster) -> None:
    user([*cluster.nodes], "console_cluster")
    with (
        serving(orders(), cluster.nodes[1].url, "orders"),
        Session(as_user(cluster.url, "console_cluster")) as session,
    ):
        assert session.wait_for(lambda: bool(session.directory.services.get("orders")), 10)
        assert session.wait_for(lambda: bool(session.directory.services["orders"].instances), 10)
        assert (session.status.blind, session.status.discovery_problem, session.status.discovery_lacks) == (None,) * 3


@pytest.mark.usefixtures("new")
def test_the_console_with_sharded_pub_sub(cluster: Cluster) -> None:
    user([*cluster.nodes], "console_sharded")
    url = f"{cluster.url}?sharded=true"
    with serving(orders(), url, "orders"), Session(as_user(url, "console_sharded")) as session:
        assert session.wait_for(lambda: bool(session.directory.services.get("orders")), 10)
        assert session.wait_for(lambda: bool(session.directory.services["orders"].instances), 10)
        with DaebusCaller("orders", redis_url=url) as caller:

            def is_seen_answered() -> bool:
                # The first answer is seen only where the console reads the new channel within 50 ms.
                caller.send_request("echo", {"n": 1})
                return session.wait_for(lambda: echoes(session, State.OK) >= 1, 0.2)

            eventually(is_seen_answered)
        with Sender(session) as sender:
            assert sender.request("orders", "echo", {"n": 2}).result() == {"n": 2}
            assert session.wait_for(lambda: echoes(session, State.OK) >= 2, 10)
            assert sender.send("orders", "echo", {"n": 3}).subscribers == 1
        assert session.wait_for(lambda: echoes(session, State.SENT) == 1, 10)
        assert (session.status.blind, session.status.discovery_problem, session.status.discovery_lacks) == (None,) * 3
        assert session.status.gaps == 0


@pytest.mark.usefixtures("new")
@pytest.mark.parametrize("without", ["+ssubscribe", "+pubsub", "+spublish", "&*"])
def test_the_console_with_sharded_pub_sub_names_the_right_that_it_lacks(cluster: Cluster, without: str) -> None:
    user([*cluster.nodes], "console_sharded", without=without)
    rights = ("&orders", "&daebus.control.*", "&daebus.watched:*") if without == "&*" else ()
    for node in cluster.nodes:
        order(node, "ACL", "SETUSER", "console_sharded", *rights)
    url = f"{cluster.url}?sharded=true"
    # What another connection of this process has learned is not to help.
    limited = f"{as_user(url, 'console_sharded')}&socket_timeout={2 + len(without)}"
    with serving(orders(), url, "orders"), Session(limited) as session:

        def said() -> str:
            status = session.status
            return " ".join(filter(None, (status.blind, status.discovery_problem, status.discovery_lacks)))

        rule = {"+pubsub": "+pubsub|shardchannels", "&*": "&daebus.channels"}.get(without, without)
        eventually(lambda: "missing rule" in said() and f" {rule} " in said(), within=20)
        if without == "&*":
            eventually(lambda: session.tap.seen_since("orders"))
            eventually(lambda: session.tap.partly)


@pytest.mark.usefixtures("new")
def test_without_the_channels_that_are_subscribed_to_along_with_others_their_rule_is_named(cluster: Cluster) -> None:
    channels = ("&daebus.channels", "&daebus.control.*", "&caller:*", "&orders")
    user([*cluster.nodes], "console_sharded", without="&*")
    for node in cluster.nodes:
        order(node, "ACL", "SETUSER", "console_sharded", *channels)
    url = f"{cluster.url}?sharded=true"
    with serving(orders(), url, "orders"), Session(f"{as_user(url, 'console_sharded')}&socket_timeout=21") as session:
        eventually(lambda: "missing rule &daebus.watched:* " in (session.status.blind or ""), within=20)
        for node in cluster.nodes:
            order(node, "ACL", "SETUSER", "console_sharded", "&daebus.watched:*")
        eventually(lambda: session.status.blind is None, within=20)
        assert session.tap.seen_since("orders")
        for node in cluster.nodes:
            order(node, "ACL", "SETUSER", "console_sharded", "resetchannels", "&daebus.watched:*", *channels[:3])
        eventually(lambda: "missing rule &orders " in (session.status.blind or ""), within=20)


@pytest.mark.usefixtures("new")
def test_who_may_not_announce_his_channels_lacks_nothing(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("orders_sharded", "caller_sharded"):
        user([*cluster.nodes], name, without="&daebus.channels")
    url = f"{cluster.url}?sharded=true"
    for node in cluster.nodes:
        order(node, "ACL", "LOG", "RESET")
    with (
        Session(url) as session,
        serving(orders(), as_user(url, "orders_sharded"), "orders"),
        DaebusCaller("orders", redis_url=as_user(url, "caller_sharded")) as caller,
    ):
        assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        eventually(lambda: session.tap.seen_since("orders"))
        assert caller.send_request("echo", {"n": 2}) == {"n": 2}
    assert not [record for record in caplog.records if "NOPERM" in record.getMessage()]
    refused = [entry for node in cluster.nodes for entry in logged(node) if entry["object"] == "daebus.channels"]
    assert [entry["count"] for entry in refused] == [1, 1], "once for each of both"


def logged(node: RedisServer) -> list[dict[str, object]]:
    with node.client(decode_responses=True) as client:
        return list(client.acl_log())


def test_whoever_asks_a_sentinel(sentinels: Sentinels) -> None:
    for name, without in (("asking", ""), ("asking", "+sentinel|master")):
        user([*sentinels.sentinels], name, without=without)
        hosts = sentinels.url.partition("://")[2].partition("/")[0]
        url = f"redis+sentinel://{hosts}/{MASTER}?sentinel_username=asking&sentinel_password=s3cr3t"
        with DaebusCaller("orders", redis_url=url) as caller:
            if not without:
                assert caller._requester.publish("orders", b"{}") == 0
                continue
            # What another connection of this process has learned is not to help.
            with pytest.raises(PermissionDenied, match=r"^the sentinel at .* does not allow asking for the master"):
                DaebusCaller("orders", redis_url=f"{url}&socket_timeout=1").send_request("echo")
            for line in ("services", "request orders echo"):
                said = carry_out(f"{url}&socket_timeout=1", line).words
                # Of Redis 6 the error names no subcommand.
                assert re.search(r"ACL SETUSER asking \+sentinel(\|master)?\), at each sentinel", said)
