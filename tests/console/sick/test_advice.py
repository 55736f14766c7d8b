"""What is advised fits what is wrong: a Redis that has answered is there, and a file that is missing is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from daebus_console.commands.context import Exit
from tests.console.sick.conftest import carry_out, looking
from tests.support.ports import free_port
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer
from tests.support.tls import tls_server
from tests.support.waiting import eventually

RUNNING = "is it running there?"


@pytest.mark.parametrize("options", ["", "?socket_timeout=5"], ids=["plain", "by redis-py"])
@pytest.mark.parametrize("line", ["services", "request users get_user"])
def test_a_redis_that_takes_no_more_clients_is_running(own_redis: RedisServer, options: str, line: str) -> None:
    with own_redis.client() as client:
        before = client.config_get("maxclients")["maxclients"]
        client.config_set("maxclients", 1)
        try:
            said = carry_out(f"{own_redis.url}{options}", line)
        finally:
            client.config_set("maxclients", before)
    assert said.status == Exit.NO_REDIS
    assert "max number of clients reached" in said.words
    assert RUNNING not in said.words


@pytest.mark.parametrize("name", ["ssl_ca_certs", "ssl_certfile"])
def test_a_file_that_is_missing_is_named(own_redis: RedisServer, name: str) -> None:
    said = carry_out(f"rediss://127.0.0.1:{own_redis.port}/0?{name}=/nonexistent.pem", "services")
    assert said.status == Exit.NO_REDIS
    assert f"cannot read {name}=/nonexistent.pem (No such file or directory)" in said.words
    assert RUNNING not in said.words


@pytest.mark.parametrize(
    "line",
    ["services", "tail --for 1", "request users echo", "send users echo", "broadcast news a=1", "mock users echo"],
)
def test_where_the_password_goes_is_told(line: str) -> None:
    server = RedisServer(password="geheim").start()
    try:
        said = carry_out(server.url.replace(":geheim@", ""), line)
    finally:
        server.close()
    assert said.status == Exit.NO_REDIS
    (error,) = said.heard.errors
    assert "redis://:PASSWORD@HOST" in error
    assert RUNNING not in error


def test_where_nothing_answers_it_is_asked_whether_it_runs() -> None:
    assert RUNNING in carry_out(f"redis://127.0.0.1:{free_port()}/0", "services").words


def test_what_is_no_cluster_is_told_the_url_of_one_server(own_redis: RedisServer) -> None:
    said = carry_out(f"redis+cluster://127.0.0.1:{own_redis.port}", "services").words
    assert "it is no node of a cluster (the URL of one server begins with redis:// or rediss://)" in said
    assert RUNNING not in said


def test_of_tls_it_is_told_what_is_missing(tmp_path: Path) -> None:
    server = tls_server(tmp_path, any_client=True)
    try:
        for url, hint in (
            (server.bare_url.replace("rediss", "redis"), "its URL begins with rediss://"),
            (server.url.replace("redis:", "rediss:"), "the URL of Redis begins with redis://"),
            (server.bare_url, "?ssl_ca_certs=FILE"),
            (f"rediss://127.0.0.1:{server.tls_port}/0?{server.trusting}", "by a name that its certificate is for"),
        ):
            said = carry_out(url, "services")
            assert said.status == Exit.NO_REDIS
            assert hint in said.words
            assert RUNNING not in said.words
        assert carry_out(f"{server.bare_url}?{server.trusting}", "services").status == Exit.DONE
    finally:
        server.close()


def test_where_a_certificate_is_wanted_it_is_told_how_one_is_given(tmp_path: Path) -> None:
    server = tls_server(tmp_path)
    try:
        said = carry_out(f"{server.bare_url}?{server.trusting}", "services").words
    finally:
        server.close()
    assert "?ssl_certfile=FILE&ssl_keyfile=FILE" in said


def test_a_gap_whose_reason_is_known_has_no_cause_that_is_not(own_redis: RedisServer) -> None:
    other = RedisServer().start()
    try:
        with Proxy(own_redis.port) as proxy, looking(proxy.url) as session:
            assert session.wait_up(10)

            def moved_to_one_that_ran_before() -> str:
                """The reason of the latest gap, once neither server can be taken for one that was started anew."""
                proxy.target = other.port if proxy.target == own_redis.port else own_redis.port
                gaps = session.status.gaps
                session.tap.move("it is a replica now, and a master is to be had")
                eventually(lambda: session.status.gaps > gaps and session.status.up)
                with session.lock:
                    reason = [one.aside.gap.reason for one in session.journal.exchanges if one.aside.gap][-1]
                return reason if "another server answers at this address now" in reason else ""

            reason = eventually(moved_to_one_that_ran_before)
    finally:
        other.close()
    assert reason.startswith("moving to another server: ")
    assert "not known" not in reason
