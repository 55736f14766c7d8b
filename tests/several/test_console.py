"""The console on several servers: it shows everybody and everything, with gaps where it moved."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from daebus import DaebusCaller
from daebus_console.demo.demo import Demo
from daebus_console.engine.export import ExportOptions, export
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.session import Session
from tests.console.engine.bus import Bus, raw
from tests.support.hammer import hammering
from tests.support.several import Cluster, Sentinels, is_old, order
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("several"), pytest.mark.fault]


@contextmanager
def looking(url: str) -> Iterator[Session]:
    with Session(url) as session:
        assert session.wait_up(10), session.status.problem
        yield session


def exchanges(session: Session) -> list[Exchange]:
    with session.lock:
        found = [session.journal.exchange(number) for number in range(session.journal.next_number)]
    return [one for one in found if one is not None]


def answered(session: Session, service: str) -> int:
    mine = [one for one in exchanges(session) if (one.target, one.action) == (service, "echo")]
    return sum(1 for one in mine if one.state is State.OK)


def services(session: Session) -> set[str]:
    with session.lock:
        return {name for name, entry in session.directory.services.items() if entry.instances}


def test_on_one_node_it_sees_the_services_and_exchanges_of_all(cluster: Cluster) -> None:
    with (
        hammering(cluster.nodes[1].url, callers=0) as one,
        hammering(cluster.nodes[5].url, callers=0) as two,
        looking(cluster.nodes[3].url) as session,
    ):
        assert session.wait_for(lambda: {one.name, two.name} <= services(session), 10), services(session)
        for hammer, node in ((one, cluster.nodes[0]), (two, cluster.nodes[4])):
            with DaebusCaller(hammer.name, redis_url=node.url) as caller:
                for _ in range(20):
                    caller.send_request("echo")
            eventually(lambda: answered(session, hammer.name) == 20)  # noqa: B023 - asked at once
        counted = session.directory.services[one.name].subscribers
        assert counted == 1


def test_heartbeats_are_no_traffic(cluster: Cluster) -> None:
    with hammering(cluster.url, callers=1) as hammer, looking(cluster.url) as session:
        eventually(lambda: session.correlator.probes > 0)
        hammer.goes_on()
        with session.lock:
            kinds = {one.opened.kind for one in exchanges(session)}
        assert kinds <= {Kind.REQUEST, Kind.RESPONSE, Kind.GAP}


def test_where_the_node_is_lost_there_is_a_gap_and_it_goes_on_elsewhere(cluster: Cluster) -> None:
    with hammering(cluster.url_of(cluster.nodes[0]), callers=1) as hammer, looking(cluster.url) as session:
        assert session.tap.node is not None
        there = next(node for node in cluster.nodes if str(node.port) in str(session.tap.node))
        there.kill()
        assert session.wait_for(lambda: session.status.gaps == 1 and session.status.up, 20)
        before = answered(session, hammer.name)
        eventually(lambda: answered(session, hammer.name) > before + 3, within=20)


def test_another_node_after_the_connection_was_cut_was_not_started_anew(cluster: Cluster) -> None:
    with looking(cluster.url) as session:
        there = str(session.tap.node)
        for node in cluster.nodes:
            if str(node.port) in there:
                order(node, "CLIENT", "KILL", "TYPE", "pubsub")
        assert session.wait_for(lambda: session.status.gaps == 1 and session.status.up, 20)
        gap = next(one.aside.gap for one in exchanges(session) if one.opened.kind is Kind.GAP)
        assert gap is not None
        if str(session.tap.node) == there:
            assert "perhaps by CLIENT KILL" in gap.reason
        else:
            place = gap.reason.partition("not known; another server now: ")[2]
            assert place
            assert place in str(session.tap.node)


def test_it_follows_the_master_of_sentinels_with_a_gap_that_says_so(sentinels: Sentinels) -> None:
    with hammering(sentinels.url, callers=1) as hammer, looking(sentinels.url) as session:
        session.wait_for(lambda: hammer.name in services(session), 10)
        sentinels.fail_over()
        assert session.wait_for(lambda: session.status.gaps == 1 and session.status.up, 20)
        gap = next(one for one in exchanges(session) if one.opened.kind is Kind.GAP)
        assert gap.aside.gap is not None
        assert "not the master of 'mymaster' any more" in gap.aside.gap.reason
        assert f"another server now: 127.0.0.1:{sentinels.master().port}" in gap.aside.gap.reason
        before = answered(session, hammer.name)
        eventually(lambda: answered(session, hammer.name) > before + 3, within=20)
        # The sentinels greet each other on that bus.
        eventually(lambda: session.correlator.probes > 3)
        assert {one.target for one in exchanges(session) if one.opened.kind is not Kind.GAP} >= {hammer.name}
        assert "__sentinel__:hello" not in {one.target for one in exchanges(session)}


def test_commands_for_redis_cli_go_to_the_master(sentinels: Sentinels) -> None:
    journal = Bus()
    journal >> raw("news", '{"n": 1}')
    text = export("redis-cli", list(journal.journal.exchanges), ExportOptions(redis=sentinels.url))
    comment, command = text.splitlines()
    asking = comment.partition("MASTER:6379: ")[2]
    told = subprocess.run(["sh", "-c", asking], capture_output=True, text=True, check=True).stdout.split("\n")
    host, port = (told[told.index(name) + 1] for name in ("ip", "port"))
    assert int(port) == sentinels.master().port
    command = command.replace("MASTER:6379", f"{host}:{port}")
    with sentinels.master().client() as client, client.pubsub() as listener:
        listener.subscribe("news")
        eventually(lambda: client.pubsub_numsub("news")[0][1])
        assert subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.parametrize("options", ["", "/0?sharded=true"], ids=["classic", "sharded"])
def test_the_demo_runs_in_a_cluster(cluster: Cluster, options: str) -> None:
    if options and is_old():
        pytest.skip("Redis 6 has no sharded Pub/Sub")
    with (
        Demo(f"{cluster.url}{options}", ["users", "stock", "payment"], client=False) as demo,
        DaebusCaller("users", redis_url=demo.url, timeout=20) as caller,
    ):
        assert demo.casualties() == []
        assert caller.send_request("list_users")
