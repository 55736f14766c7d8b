"""What becomes of an asyncio caller when Redis or the connection goes away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import shutil
import subprocess
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from daebus import (
    AsyncDaebusCaller,
    ConfigurationError,
    ConnectionLost,
    DaebusError,
    PermissionDenied,
    RedisRefused,
    RedisUnavailable,
    RequestFailed,
    RequestTimeout,
)
from daebus.transport.aio.connection import LOOK_AFTER
from tests.integration_aio.shop import Shop, connections, open_files, pending, until
from tests.support.framework_services import serving, subscribers
from tests.support.ports import free_port
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault


@pytest.fixture
def frail(own_redis: RedisServer, name: str) -> Iterator[Shop]:
    """The service, on the Redis that may be broken."""
    shop = Shop(name)
    with serving(shop.app, own_redis.url, name):
        yield shop
        shop.gate.set()


async def works(caller: AsyncDaebusCaller) -> None:
    """Return when calls are answered."""
    async with asyncio.timeout(20):
        while True:
            try:
                assert await caller.send_request("echo", {"a": 1}, timeout=2) == {"a": 1}
                return
            except DaebusError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("options", ["", "?socket_timeout=5"], ids=["plain", "by redis-py"])
def test_a_server_that_takes_no_more_clients_says_so(own_redis: RedisServer, options: str) -> None:
    async def told() -> str:
        async with AsyncDaebusCaller("x", redis_url=f"{own_redis.url}{options}") as caller:
            with pytest.raises(RedisUnavailable) as caught:
                await caller.send_request("y")
        # What was sent to a server that had closed it already may have cost us its words.
        return str(caught.value) if isinstance(caught.value, RedisRefused) else ""

    with own_redis.client() as client:
        client.config_set("maxclients", 1)
        try:
            assert "max number of clients reached" in eventually(lambda: asyncio.run(told()))
        finally:
            client.config_set("maxclients", 1000)


def test_redis_killed_under_32_calls(own_redis: RedisServer, frail: Shop) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(frail.name, redis_url=own_redis.url, timeout=60) as caller:
            asking = [asyncio.create_task(caller.send_request("block")) for _ in range(32)]
            await until(lambda: len(frail.notes) == 32)
            begun = time.monotonic()
            await asyncio.to_thread(own_redis.kill)
            outcomes = await asyncio.gather(*asking, return_exceptions=True)
            assert time.monotonic() - begun < 10, "they are not to wait for their timeout of 60 s"
            assert Counter(map(type, outcomes)) == {ConnectionLost: 32}
            assert "may have been handled" in str(outcomes[0])
            assert pending(caller) == 0
            with pytest.raises(RedisUnavailable, match="cannot connect"):
                await caller.send_request("echo")
            frail.gate.set()
            await asyncio.to_thread(own_redis.start)
            await works(caller)

    asyncio.run(main())


def test_redis_restarted_under_a_stream_of_calls_runs_none_twice(own_redis: RedisServer, frail: Shop) -> None:
    async def main() -> None:
        def more_than(count: int) -> bool:
            return len(frail.notes) > count

        numbers = iter(range(1_000_000))
        over = asyncio.Event()
        async with AsyncDaebusCaller(frail.name, redis_url=own_redis.url, timeout=3) as caller:

            async def ask() -> None:
                while not over.is_set():
                    try:
                        await caller.send_request("note", {"n": next(numbers)})
                    except DaebusError:
                        await asyncio.sleep(0.01)

            asking = [asyncio.create_task(ask()) for _ in range(32)]
            for _ in range(2):
                await until(partial(more_than, len(frail.notes) + 100))
                await asyncio.to_thread(own_redis.kill)
                await asyncio.to_thread(own_redis.start)
            await until(partial(more_than, len(frail.notes) + 100))
            over.set()
            await asyncio.gather(*asking)
            assert pending(caller) == 0
        assert max(Counter(note["n"] for note in frail.notes).values()) == 1

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
def test_connections_killed_by_the_server(own_redis: RedisServer, frail: Shop, kind: str) -> None:
    def kill() -> None:
        with own_redis.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    async def main() -> None:
        async with AsyncDaebusCaller(frail.name, redis_url=own_redis.url) as caller:
            for _ in range(5):
                await works(caller)
                await asyncio.to_thread(kill)

    asyncio.run(main())


@pytest.mark.parametrize("kinds", [["pubsub"], ["normal"], ["pubsub", "normal"]], ids="-".join)
def test_what_was_closed_while_the_loop_stood_still_costs_no_call(
    own_redis: RedisServer, frail: Shop, kinds: list[str]
) -> None:
    def kill() -> None:
        with own_redis.client() as client:
            for kind in kinds:
                client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            # The loop stands still meanwhile, for longer than what counts as a moment.
            time.sleep(2 * LOOK_AFTER)
            eventually(lambda: subscribers(own_redis.url, frail.name) == 1)

    with asyncio.Runner() as runner:
        caller = AsyncDaebusCaller(frail.name, redis_url=own_redis.url)
        for _ in range(3):
            assert runner.run(caller.send_request("echo", {"a": 1})) == {"a": 1}
            kill()
            assert runner.run(caller.send_request("echo", {"a": 1})) == {"a": 1}
            kill()
            runner.run(caller.send_message("note", {"n": 1}))
        runner.run(caller.close())


def test_losing_the_connection_to_publish_on_leaves_those_alone_that_wait(own_redis: RedisServer, frail: Shop) -> None:
    def kill() -> None:
        with own_redis.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    async def main() -> None:
        async with AsyncDaebusCaller(frail.name, redis_url=own_redis.url, timeout=60) as caller:
            asking = asyncio.create_task(caller.send_request("block"))
            await until(lambda: frail.notes)
            await asyncio.to_thread(kill)
            await works(caller)
            frail.gate.set()
            assert await asking == {"unblocked": True}

    asyncio.run(main())


def test_a_frozen_redis_holds_no_call_beyond_its_timeout_and_runs_nothing_twice(
    own_redis: RedisServer, frail: Shop
) -> None:
    async def main() -> None:
        async with (
            AsyncDaebusCaller(frail.name, redis_url=own_redis.url) as caller,
            AsyncDaebusCaller(frail.name, redis_url=own_redis.url) as newcomer,
        ):
            await works(caller)
            own_redis.freeze()
            for asker in (caller, newcomer):
                begun = time.monotonic()
                with pytest.raises(RequestTimeout):
                    await asker.send_request("note", {"a": 1}, timeout=0.5)
                assert 0.5 <= time.monotonic() - begun < 9
                assert pending(asker) == 0
            own_redis.thaw()
            await works(caller)
            await works(newcomer)
            assert len(frail.notes) <= 1

    asyncio.run(main())


def test_a_call_cancelled_while_connecting_leaves_nothing_behind(own_redis: RedisServer, frail: Shop) -> None:
    async def main() -> None:
        caller = AsyncDaebusCaller(frail.name, redis_url=own_redis.url, timeout=60)
        own_redis.freeze()
        before = open_files()
        asking = [asyncio.create_task(caller.send_request("echo")) for _ in range(5)]
        await until(lambda: open_files() > before)
        for task in asking[:4]:
            task.cancel()
        outcomes = await asyncio.gather(*asking[:4], return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
        own_redis.thaw()
        assert await asking[4] == {}
        await caller.close()
        await until(lambda: open_files() == before)

    asyncio.run(main())


def test_the_connections_of_a_loop_that_was_closed_while_a_call_waited_go_with_the_caller(
    own_redis: RedisServer, frail: Shop
) -> None:
    """As long as they were held by what closes them, and held the call that held the caller, nothing ever went."""

    async def begun() -> None:
        caller = AsyncDaebusCaller(frail.name, redis_url=own_redis.url)
        call = asyncio.create_task(caller.send_request("block"))
        await until(lambda: "blocking" in frail.notes)
        assert not call.done()

    with own_redis.client() as client:
        before = len(client.client_list())
        loop = asyncio.new_event_loop()
        loop.run_until_complete(begun())
        assert len(client.client_list()) > before
        loop.close()
        del loop
        with warnings.catch_warnings():
            # Python says of each transport, rightly, that nobody has closed it.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        eventually(lambda: len(client.client_list()) == before)


@pytest.mark.parametrize("how", ["out of time", "cancelled"])
def test_what_a_call_has_begun_to_connect_is_there_for_the_next(own_redis: RedisServer, frail: Shop, how: str) -> None:
    """Else calls that have less time than connecting takes, and more than an answer does, would fail for ever."""

    async def main() -> None:
        caller = AsyncDaebusCaller(frail.name, redis_url=own_redis.url)
        own_redis.freeze()
        if how == "cancelled":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await caller.send_request("echo")
        else:
            with pytest.raises(RequestTimeout, match="nothing was sent"):
                await caller.send_request("echo", timeout=0.2)
        own_redis.thaw()
        session = caller._sessions[asyncio.get_running_loop()]
        await until(lambda: session._publisher is not None)
        await caller.close()
        assert pending(caller) == 0
        # Closed meanwhile, it is not connected.
        own_redis.freeze()
        with pytest.raises(RequestTimeout, match="nothing was sent"):
            await caller.send_request("echo", timeout=0.2)
        await caller.close()
        own_redis.thaw()
        await works(caller)
        await caller.close()
        loop, this = asyncio.get_running_loop(), asyncio.current_task()
        await until(lambda: asyncio.all_tasks(loop) == {this})

    # What a test before has left to the garbage collector is not to go meanwhile.
    gc.collect()
    before = open_files()
    asyncio.run(main())
    assert open_files() == before


def test_a_half_open_connection_is_noticed(
    own_redis: RedisServer, frail: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daebus.transport.aio.connection.HEARTBEAT_AFTER", 0.3)

    async def main() -> None:
        async with AsyncDaebusCaller(frail.name, redis_url=own_redis.url, timeout=60) as caller:
            asking = asyncio.create_task(caller.send_request("block"))
            await until(lambda: frail.notes)
            # It lives, though silent: pings are answered.
            assert await asyncio.wait([asking], timeout=1.0) == (set(), {asking})
            own_redis.freeze()
            begun = time.monotonic()
            with pytest.raises(ConnectionLost, match="no sign of life"):
                await asking
            assert time.monotonic() - begun < 10
            own_redis.thaw()
            frail.gate.set()
            await works(caller)

    asyncio.run(main())


def test_a_slow_network_is_not_dead_while_it_takes_something(
    own_redis: RedisServer, frail: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daebus.transport.aio.connection.HEARTBEAT_AFTER", 1.0)

    async def main(url: str) -> None:
        async with AsyncDaebusCaller(frail.name, redis_url=url, timeout=60, max_message=25_000_000) as caller:
            begun = time.monotonic()
            with pytest.raises(RequestFailed, match="unknown action"):
                await caller.send_request("nothing", {"text": "x" * 24_000_000})
            assert time.monotonic() - begun > 2.0, "it took long enough to be held for dead"

    with Proxy(own_redis.port, pace=0.01) as proxy:
        asyncio.run(main(proxy.url))


def test_nothing_is_left_behind_by_many_losses(own_redis: RedisServer, frail: Shop) -> None:
    def kill() -> None:
        with own_redis.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    async def main() -> None:
        label = f"{frail.name}.web"
        async with AsyncDaebusCaller(frail.name, redis_url=own_redis.url, name=label) as caller:
            await works(caller)
            before = open_files()
            for _ in range(20):
                await asyncio.to_thread(kill)
                await works(caller)
            await until(lambda: open_files() <= before)
            assert await asyncio.to_thread(connections, own_redis, label) == 2
            assert pending(caller) == 0
            assert len(asyncio.all_tasks()) == 2

    asyncio.run(main())


def test_a_one_way_message_is_confirmed_or_an_error(own_redis: RedisServer, frail: Shop) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(frail.name, redis_url=own_redis.url) as caller:
            assert await caller.send_message("note", {}) == 1
            own_redis.freeze()
            publisher = caller._session()._publisher
            assert publisher is not None
            before = publisher._protocol.in_flight
            sending = asyncio.create_task(caller.send_message("note", {}))
            await until(lambda: publisher._protocol.in_flight > before)
            await asyncio.to_thread(own_redis.kill)
            with pytest.raises(ConnectionLost):
                await sending
            with pytest.raises(RedisUnavailable, match="cannot connect"):
                await caller.send_message("note", {})

    asyncio.run(main())


def test_refusals_are_named_and_show_no_password(own_redis: RedisServer, frail: Shop) -> None:
    with own_redis.client() as client:
        rights = ["+publish", "+subscribe", "+ping", "resetchannels", f"&{frail.name}", "&caller:*"]
        client.execute_command("ACL", "SETUSER", "web", "on", ">s3cr3t", "-@all", *rights)
    url = own_redis.url.replace("redis://", "redis://web:s3cr3t@")

    async def main() -> None:
        async with AsyncDaebusCaller(frail.name, redis_url=url) as caller:
            assert await caller.send_request("echo", {"a": 1}) == {"a": 1}
        async with AsyncDaebusCaller("elsewhere", redis_url=url) as caller:
            with pytest.raises(PermissionDenied, match="NOPERM"):
                await caller.send_request("echo")
            with pytest.raises(PermissionDenied, match="NOPERM"):
                await caller.send_message("echo")
            assert pending(caller) == 0
        async with AsyncDaebusCaller(frail.name, redis_url=url.replace("s3cr3t", "wr0ng")) as caller:
            with pytest.raises(PermissionDenied, match="refused us") as caught:
                await caller.send_request("echo")
            assert "wr0ng" not in str(caught.value)
        with own_redis.client() as client:
            client.execute_command("ACL", "SETUSER", "web", "resetchannels", f"&{frail.name}")
        async with AsyncDaebusCaller(frail.name, redis_url=url) as caller:
            with pytest.raises(PermissionDenied, match="does not allow subscribing"):
                await caller.send_request("echo")

    asyncio.run(main())


def test_an_option_that_cannot_be_is_not_shown(redis_url: str, name: str) -> None:
    with pytest.raises(ConfigurationError, match="it has an option that cannot be") as caught:
        AsyncDaebusCaller(name, redis_url=f"{redis_url}?s3cr3t=1")
    assert "s3cr3t" not in str(caught.value)


def test_an_option_of_ours_is_none_of_redis_py(own_redis: RedisServer, frail: Shop) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(frail.name, redis_url=f"{own_redis.url}?sharded=false&protocol=2") as caller:
            assert await caller.send_request("echo", {"n": 1}) == {"n": 1}

    asyncio.run(main())


def test_no_redis_there_is_told_to_every_task_that_waits(caplog: pytest.LogCaptureFixture, name: str) -> None:
    async def main() -> None:
        caller = AsyncDaebusCaller(name, "127.0.0.1", free_port())
        outcomes = await asyncio.gather(*(caller.send_request("x") for _ in range(32)), return_exceptions=True)
        assert Counter(map(type, outcomes)) == {RedisUnavailable: 32}
        assert "cannot connect to Redis at redis://127.0.0.1:" in str(outcomes[0])

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    assert [line for line in caplog.messages if "asyncio" not in line] == []


def test_over_tls_and_a_unix_socket(tmp_path: Path, name: str) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate of this test")
    key, certificate, port = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem"), free_port()
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate]
    subprocess.run([*command, *subject], check=True, capture_output=True)
    options = ["--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key]
    path = str(tmp_path / "redis.sock")
    server = RedisServer(*options, "--tls-auth-clients", "no", "--tls-ca-cert-file", certificate, "--unixsocket", path)
    try:
        server.start()
    except RuntimeError:
        server.close()
        pytest.skip("this redis-server is built without TLS")
    shop = Shop(name)
    tls = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}"
    before = open_files()

    async def main() -> None:
        payload = {"data": "x" * 1_000_000}
        for url in (tls, f"unix://{path}"):
            async with AsyncDaebusCaller(name, redis_url=url) as caller:
                assert await caller.send_request("echo", payload) == payload
                assert len(await asyncio.gather(*(caller.send_request("echo") for _ in range(50)))) == 50
        async with AsyncDaebusCaller(name, redis_url=f"rediss://127.0.0.1:{port}/0") as caller:
            with pytest.raises(RedisUnavailable, match="certificate"):
                await caller.send_request("echo")

    try:
        with serving(shop.app, server.url, name):
            asyncio.run(main())
        assert open_files() <= before
    finally:
        server.close()


def test_calls_are_answered_again_after_replies_were_lost_on_the_way(
    own_redis: RedisServer, frail: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(proxy: Proxy) -> None:
        async with AsyncDaebusCaller(frail.name, redis_url=proxy.url) as caller:
            await works(caller)
            proxy.swallow(b":1\r\n")
            while proxy.dropped < 3:
                with contextlib.suppress(DaebusError):
                    await caller.send_request("echo", {"a": 1}, timeout=2)
            proxy.swallow(None)
            answered = 0
            async with asyncio.timeout(30):
                while answered < 20:
                    try:
                        await caller.send_request("echo", {"a": 1}, timeout=2)
                        answered += 1
                    except DaebusError:
                        answered = 0

    with Proxy(own_redis.port) as proxy:
        asyncio.run(main(proxy))
    assert "Fatal error" not in caplog.text
