"""Where Redis is, in exports: every option of its URL, nothing of a password, in the form that each program takes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import redis
import redis.asyncio

from daebus_console.engine.export import FORMATS, ExportOptions, export
from daebus_console.engine.export.where import (
    asking_for_master,
    bare_url,
    for_redis_py,
    for_shell,
    ioredis_options,
    redis_cli_options,
)
from daebus_console.engine.message.exchange import Exchange
from tests.console.cli.conftest import Console
from tests.console.engine.bus import Bus, answer, raw, request
from tests.support.redis_server import RedisServer

OPTIONS = "ssl_cert_reqs=required&ssl_ca_certs=/etc/ca.pem&socket_timeout=5"


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        (f"rediss://joe:s3cret@host:6380/2?{OPTIONS}", f"rediss://joe@host:6380/2?{OPTIONS}"),
        ("redis://:s3cret@host/0", "redis://host/0"),
        ("redis://dev@host", "redis://dev@host"),
        ("redis://joe:***@host?password=***", "redis://joe@host"),
        ("redis://host/0?password=s3cret&ssl_password=s3cret&db=1&username=joe", "redis://host/0?db=1&username=joe"),
        ("unix://joe:s3cret@/run/redis.sock?db=1", "unix://joe@/run/redis.sock?db=1"),
        ("redis://joe:s3cret/slash@host:1/0", "redis://joe@host:1/0"),
        ("redis://[::1]:6379/0?***", "redis://[::1]:6379/0"),
    ],
)
def test_everything_of_the_url_stays_but_its_password(url: str, bare: str) -> None:
    assert bare_url(url) == bare


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://dev@host", "-u redis://host --user dev"),
        ("redis://dev%40home:pw@host:1/3", "-u redis://host:1/3 --user dev@home"),
        ("redis://:pw@host:1", "-u redis://host:1"),
        ("redis://host?username=dev&password=pw&db=4", "-u redis://host/4 --user dev"),
        (
            "rediss://host:6380/0?ssl_ca_certs=/etc/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem&socket_timeout=5",
            "-u rediss://host:6380/0 --cacert /etc/ca.pem --cert /c.pem --key /k.pem",
        ),
        ("rediss://host?ssl_cert_reqs=none", "-u rediss://host --insecure"),
        ("unix://dev:pw@/run/redis.sock?db=1", "-s /run/redis.sock -n 1 --user dev"),
        ("rediss://[::1]:6380/2", "-h ::1 -p 6380 --tls -n 2"),
        ("redis+sentinel://dev:pw@one:26379,two/mymaster/3", "-u redis://MASTER:6379/3 --user dev"),
        ("rediss+sentinel://one/mymaster?ssl_ca_certs=/ca.pem", "-u rediss://MASTER:6379 --cacert /ca.pem"),
        ("redis+cluster://dev:pw@one:7000,two:7001", "-u redis://one:7000 -c --user dev"),
        ("rediss+cluster://one:7000?sharded=true", "-u rediss://one:7000 -c"),
        ("redis://one:7000/0?sharded=true", "-u redis://one:7000/0 -c"),
        ("redis://one?sharded=perhaps", "-u redis://one"),
        ("", ""),
    ],
)
def test_redis_cli_is_told_the_same_in_its_own_words(url: str, options: str) -> None:
    assert redis_cli_options(url) == shlex.split(options)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis+sentinel://dev:pw@one,two:1/mymaster/3", "-u redis://one:26379"),
        ("redis+sentinel://[::1]:5/mymaster", "-h ::1 -p 5"),
        ("rediss+sentinel://one:5/mymaster?sentinel_username=joe&sentinel_password=pw&ssl_ca_certs=/ca.pem",
         "-u rediss://one:5 --user joe --cacert /ca.pem"),
    ],
)  # fmt: skip
def test_redis_cli_is_told_how_to_ask_a_sentinel_for_the_master(url: str, words: str) -> None:
    asked = ["redis-cli", *shlex.split(words), "SENTINEL", "MASTER", "mymaster"]
    assert asking_for_master(url) == asked


def test_redis_cli_asks_nobody_where_there_is_no_sentinel() -> None:
    assert [asking_for_master(url) for url in ("redis://h", "redis+cluster://h:1", "redis+sentinel://", "")] == [[]] * 4


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://one:1/2", 'host: "one", port: 1, username: undefined'),
        ("redis://dev%40home:pw@one", 'host: "one", port: 6379, username: "dev@home"'),
        ("redis://[::1]:5", 'host: "::1", port: 5, username: undefined'),
        ("unix://dev:pw@/run/redis.sock?db=1", 'path: "/run/redis.sock", username: "dev"'),
        ("rediss://one:6380", 'host: "one", port: 6380, username: undefined; tls: {}'),
        (
            "rediss://one?ssl_ca_certs=/ca.pem&ssl_cert_reqs=none",
            'host: "one", port: 6379, username: undefined; tls: { ca: readFileSync("/ca.pem"),'
            " rejectUnauthorized: false }",
        ),
        ("redis+cluster://one:7000,two:7001?sharded=true", 'host: "one", port: 7000, username: undefined'),
        (
            "redis+sentinel://dev:pw@one,two:1/mymaster/3?sentinel_username=joe&sentinel_password=pw",
            'sentinels: [{ host: "one", port: 26379 }, { host: "two", port: 1 }], name: "mymaster",'
            ' sentinelUsername: "joe", sentinelPassword: process.env.SENTINEL_PASSWORD, username: "dev"',
        ),
        (
            "rediss+sentinel://one/mymaster",
            'sentinels: [{ host: "one", port: 26379 }], name: "mymaster", username: undefined; tls: {},'
            " enableTLSForSentinelMode: true",
        ),
    ],
)
def test_nestjs_is_told_the_same_as_ioredis_takes_it(url: str, options: str, exchanges: list[Exchange]) -> None:
    before, _semicolon, after = options.partition("; ")
    wanted = ", ".join([before, "password: process.env.REDIS_PASSWORD", *([after] if after else [])])
    assert ", ".join(ioredis_options(url)) == wanted
    text = export("nestjs", exchanges, ExportOptions(redis=url))
    assert f"  options: {{ {wanted} }},\n" in text
    assert ("import { readFileSync } from 'node:fs';" in text) is ("readFileSync(" in wanted)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("redis://dev:pw@one:1/2?socket_timeout=5", "redis://dev@one:1/2?socket_timeout=5"),
        ("valkeys://one:1", "rediss://one:1"),
        ("unix://dev:pw@/run/redis.sock?db=1", "unix://dev@/run/redis.sock?db=1"),
        ("redis+cluster://dev:pw@one:7000,two:7001?sharded=true", "redis://dev@one:7000"),
        ("rediss+sentinel://dev:pw@one,two:1/mymaster/3?sentinel_username=joe&ssl_ca_certs=/ca.pem",
         "rediss://dev@MASTER:6379/3?ssl_ca_certs=/ca.pem"),
    ],
)  # fmt: skip
def test_faststream_is_given_a_url_that_redis_py_takes(url: str, taken: str, exchanges: list[Exchange]) -> None:
    assert for_redis_py(url) == taken
    redis.asyncio.Redis.from_url(taken)
    text = export("faststream", exchanges, ExportOptions(redis=url))
    assert f'os.environ.get("DAEBUS_REDIS_URL", {taken!r})' in text
    assert ("SENTINEL MASTER mymaster" in text) is ("MASTER:" in taken)
    compile(text, "exported", "exec")


def test_a_url_is_one_word_for_the_shell() -> None:
    url = "redis://joe@host/0?socket_timeout=5&db=1;x='\"\\"
    done = subprocess.run(["sh", "-c", f"printf %s {for_shell(url)}"], capture_output=True, text=True, check=True)
    assert done.stdout == "redis://joe@host/0?socket_timeout=5&db=1;x='%22%5C"


def test_the_line_that_runs_a_test_can_be_pasted(exchanges: list[Exchange]) -> None:
    text = export("pytest", exchanges, ExportOptions(redis="redis://host/0?socket_timeout=5&db=1"))
    assert "DAEBUS_REDIS_URL='redis://host/0?socket_timeout=5&db=1' pytest THIS_FILE" in text


@pytest.fixture
def exchanges() -> list[Exchange]:
    bus = Bus()
    bus >> request("users", "get", id="a")
    bus >> answer("caller:1", id="a")
    bus >> raw("news", '{"n": 1}')
    return list(bus.journal.exchanges)


@pytest.mark.parametrize("name", ["command", "python", "pytest"])
def test_options_of_the_url_survive_in_exports(name: str, exchanges: list[Exchange]) -> None:
    text = export(
        name, exchanges, ExportOptions(redis=f"rediss://joe:s3cret@host:6380/2?{OPTIONS}&ssl_password=s3cret")
    )
    assert f"rediss://joe@host:6380/2?{OPTIONS}" in text


@pytest.mark.parametrize("name", list(FORMATS))
def test_no_password_survives_in_exports(name: str, exchanges: list[Exchange]) -> None:
    for url in ("redis://joe:s3cret@host", "redis://host?password=s3cret", "rediss://host?ssl_password=s3cret&db=1"):
        assert "s3cret" not in export(name, exchanges, ExportOptions(redis=url))


@pytest.mark.parametrize("where", ["the test bus", "(a malformed URL)", "redis://***", "bus://here", "x"])
@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("json", "capture")])
def test_a_bus_that_has_no_url_is_no_redis_to_send_to(name: str, where: str, exchanges: list[Exchange]) -> None:
    def exported(redis: str) -> str:
        # What is asked by redis-cli gets an id of its own each time.
        return re.sub(r"[0-9a-f]{32}", "ID", export(name, exchanges, ExportOptions(redis=redis)))

    assert exported(where) == exported("")


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("url", ["redis+cluster://one:7000,two:7001", "redis+sentinel://one,two:1/main/3", "unix:///r"])
def test_any_url_can_be_named(name: str, url: str, exchanges: list[Exchange]) -> None:
    assert export(name, exchanges, ExportOptions(redis=url))


def test_redis_cli_logs_in_as_the_user_of_the_url(
    own_redis: RedisServer, exchanges: list[Exchange], tmp_path: Path
) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.execute_command("ACL", "SETUSER", "dev", "on", ">s3cret", "allchannels", "+@all")
        client.execute_command("ACL", "SETUSER", "default", "off")
    text = export("redis-cli", exchanges, ExportOptions(redis=own_redis.url.replace("://", "://dev@")))
    environ = {**os.environ, "REDISCLI_AUTH": "s3cret"}
    done = subprocess.run(["sh", "-c", text], env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("0\n0\n", "")


def test_the_verb_names_the_redis_that_it_looked_at(redis_url: str, tmp_path: Path, exchanges: list[Exchange]) -> None:
    path = tmp_path / "capture.jsonl"
    path.write_text(
        export(
            "capture", exchanges, ExportOptions(redis="redis://joe:s3cret@host/1?socket_timeout=5&ssl_password=s3cret")
        )
    )
    assert "s3cret" not in path.read_text()
    done = Console(redis_url)("export", str(path), "--as", "command")
    assert "--redis 'redis://joe@host/1?socket_timeout=5'" in done.out
