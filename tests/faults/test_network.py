"""What lies between a service and its Redis fails: silent links, slow readers, rights taken away."""

from __future__ import annotations

import logging
import signal
import threading
import time

import pytest

from daebus import ConnectionLost, DaebusCaller, PermissionDenied
from daebus.service.claims import Claims
from daebus.transport.address import RedisAddress
from daebus.transport.publisher import Publisher
from daebus.wire.envelope import Request
from tests.support.faulty import Echo, patient, works
from tests.support.framework_services import program, serving, subscribers
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("tell_server", [True, False], ids=["server-closed", "both-open"])
def test_a_link_that_falls_silent_is_noticed_within_15_seconds(
    own_redis: RedisServer, name: str, tell_server: bool, caplog: pytest.LogCaptureFixture
) -> None:
    echo = Echo(name)
    with (
        Proxy(own_redis.port) as proxy,
        serving(echo.app, proxy.url, name),
        DaebusCaller(name, redis_url=proxy.url) as caller,
        DaebusCaller(name, redis_url=own_redis.url) as direct,
        caplog.at_level(logging.INFO, "daebus"),
    ):
        assert works(caller)
        proxy.stall(tell_server=tell_server)
        begun = time.monotonic()
        with pytest.raises(ConnectionLost):
            caller.send_request("echo", timeout=60)
        assert time.monotonic() - begun < 15, "the caller"
        eventually(lambda: works(direct), within=15 - (time.monotonic() - begun))
        eventually(lambda: works(caller))
        lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
        assert len(lines) == 2, lines
        assert "no sign of life" in lines[0]
        assert "is back after" in lines[1]
    if tell_server:
        assert max(echo.runs.values()) == 1


def test_a_service_cut_off_for_reading_too_slowly_comes_back(own_redis: RedisServer, name: str) -> None:
    code = """
import sys
from daebus import Daebus
app = Daebus("app")
app.action("echo")(lambda: {"a": 1})
app.run(service=sys.argv[1], redis_url=sys.argv[2])
"""
    with (
        own_redis.client() as client,
        program("-c", code, name, own_redis.url, forked=True, serves=name, url=own_redis.url) as service,
        DaebusCaller(name, redis_url=own_redis.url) as caller,
    ):
        assert works(caller)
        client.config_set("client-output-buffer-limit", "pubsub 1mb 512kb 5")
        service.signal(signal.SIGSTOP)
        # What the sockets hold comes on top of the limit.
        # Valkey 9 counts only what it copies for each subscriber, which messages of 16 KiB are not.
        for _ in range(100):
            pipeline = client.pipeline(transaction=False)
            for _message in range(100):
                pipeline.publish(name, b"x" * 10_000)
            pipeline.execute()
            if not client.pubsub_numsub(name)[0][1]:
                break
        assert subscribers(own_redis.url, name) == 0
        service.signal(signal.SIGCONT)
        begun = time.monotonic()
        eventually(lambda: works(caller))
        assert time.monotonic() - begun < 8
        assert subscribers(own_redis.url, name) == 1
    assert service.output.count("lost the connection") == 1, service.output
    assert service.output.count("is back after") == 1
    assert "Traceback" not in service.output


def test_a_revoked_right_to_subscribe_is_named_and_tried_again_slowly(
    own_redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "svc", "on", ">pw", "+@all", "~*", "&*")
        url = own_redis.url.replace("redis://", "redis://svc:pw@")
        with serving(Echo(name).app, url, name), caplog.at_level(logging.INFO, "daebus"):
            client.execute_command("ACL", "SETUSER", "svc", "resetchannels", "&caller:*")
            time.sleep(7)
            errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
            # Every five seconds: now, and once more; said once, since nothing has changed.
            assert sum(entry["count"] for entry in client.acl_log()) == 2 * len(("its channel", "its control channel"))
            (line,) = errors
            assert f"does not allow subscribing to {name!r}: NOPERM" in line
            assert ":pw@" not in caplog.text
            client.execute_command("ACL", "SETUSER", "svc", "allchannels")
            eventually(lambda: subscribers(own_redis.url, name) == 1)
            with DaebusCaller(name, redis_url=url) as caller:
                assert works(caller)


def test_a_revoked_right_to_publish_is_an_error_of_the_call_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def limited(server: RedisServer) -> str:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "svc", "on", ">pw", "+@all", "~*", "&*")
        return server.url.replace("redis://", "redis://svc:pw@")

    with patient(limited) as one, one.server.client() as client:
        client.execute_command("ACL", "SETUSER", "svc", "-publish")
        with pytest.raises(PermissionDenied, match="does not allow publishing"):
            one.caller.send_request("echo", timeout=60)
        with DaebusCaller(one.name, redis_url=one.server.url) as other, pytest.raises(TimeoutError):
            other.send_request("echo", timeout=0.5)
        assert "NOPERM" in caplog.text
        client.execute_command("ACL", "SETUSER", "svc", "+publish")
        one.recovered()


def test_service_and_caller_work_again_after_replies_were_lost_on_the_way(
    own_redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Proxy(own_redis.port) as proxy,
        serving(Echo(name).app, proxy.url, name),
        DaebusCaller(name, redis_url=proxy.url) as caller,
        caplog.at_level(logging.INFO, "daebus"),
    ):
        assert works(caller)
        # Both publish: the caller calls, the service beats. Only what is published is replied to with a number.
        proxy.swallow(b":1\r\n")
        eventually(lambda: not works(caller) or proxy.dropped > 5, within=30)
        proxy.swallow(None)
        eventually(lambda: all(works(caller) for _ in range(20)), within=30)
    assert not [record for record in caplog.records if record.exc_info]


def test_a_claim_is_not_made_by_the_reply_to_something_else(own_redis: RedisServer, name: str) -> None:
    request, outcomes = Request("echo", {}, request_id="r"), list[bool | ConnectionLost]()

    def claim(claims: Claims) -> None:
        try:
            outcomes.append(claims.take(request, b"x"))
        except ConnectionLost as error:
            outcomes.append(error)

    with Proxy(own_redis.port) as proxy:
        first, second = (Publisher(RedisAddress(url), "test") for url in (own_redis.url, proxy.url))
        claim(Claims(first, name, "one"))
        second.connect()
        proxy.swallow(b"$-1\r\n")
        waiting = threading.Thread(target=claim, args=(Claims(second, name, "two"),))
        waiting.start()
        eventually(lambda: proxy.dropped == 1)
        # The reply to this comes where that to the claim should be.
        with pytest.raises(ConnectionLost, match="a reply to something else"):
            second.publish(name, b"{}")
        waiting.join()
        first.close()
        second.close()
    assert outcomes[0] is True
    assert isinstance(outcomes[1], ConnectionLost)


def test_a_caller_that_said_that_it_is_refused_says_that_this_is_over(
    own_redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def said(level: int) -> list[str]:
        return [r.getMessage() for r in caplog.records if r.levelno == level and "svc:***@" in r.getMessage()]

    url = own_redis.url.replace("redis://", "redis://svc:pw@")
    with own_redis.client() as client, caplog.at_level(logging.INFO, "daebus"):
        client.execute_command("ACL", "SETUSER", "svc", "on", ">pw", "+@all", "~*", "&*")
        with serving(Echo(name).app, own_redis.url, name), DaebusCaller(name, redis_url=url) as caller:
            assert works(caller)
            client.execute_command("ACL", "SETUSER", "svc", "resetpass", ">other")
            client.execute_command("CLIENT", "KILL", "USER", "svc")
            eventually(lambda: said(logging.ERROR), within=30)
            client.execute_command("ACL", "SETUSER", "svc", "resetpass", ">pw")
            eventually(lambda: works(caller), within=30)
    assert ["until it is allowed" in line for line in said(logging.ERROR)] == [True]
    assert ["is back after" in line for line in said(logging.WARNING)] == [True]
