"""Why nothing comes of it where Redis itself keeps the service or its caller out."""

from __future__ import annotations

import pytest

from daebus import DaebusCaller
from daebus.errors import DaebusError, RequestTimeout
from daebus_console.commands.context import Exit
from daebus_console.engine.message.exchange import State
from daebus_console.engine.session import Session
from tests.console.sick.conftest import SERVICE, Bus, carry_out
from tests.support.redis_server import RedisServer

ALL = ("+@all", "~*", "&*")


def test_a_service_whose_user_may_not_subscribe(own_redis: RedisServer) -> None:
    bus = Bus(own_redis)
    bus.user(SERVICE, "+@all", "~*", "&caller:*")
    said = carry_out(bus.user("looker", *ALL), f"why {SERVICE}")
    assert said.status == Exit.DONE
    assert f"nobody serves '{SERVICE}', and Redis does not let its user '{SERVICE}' do so" in said.shown
    assert f"ACL SETUSER {SERVICE} &{SERVICE} &daebus.control.{SERVICE}" in said.shown
    with own_redis.client() as admin:
        admin.acl_deluser(SERVICE)
    bus.user("other", "+@all", "~*", "-subscribe")
    said = carry_out(bus.user("looker", *ALL), f"why {SERVICE}")
    assert f"nobody serves '{SERVICE}'\n" in said.shown
    assert "may not subscribe to it: 'other'" in said.shown
    assert "since this console looks" in said.shown


def test_a_service_whose_user_may_not_publish_its_answers(own_redis: RedisServer) -> None:
    bus = Bus(own_redis)
    app = bus.serve(bus.user(SERVICE, "+@all", "~*", f"&{SERVICE}", "&daebus.*"))

    def meanwhile(session: Session) -> None:
        with DaebusCaller(SERVICE, redis_url=own_redis.url) as caller, pytest.raises(RequestTimeout):
            caller.send_request("echo", {}, timeout=0.3)
        assert session.wait_for(lambda: any(one.state is State.TIMEOUT for one in session.journal.exchanges), 30)

    try:
        said = carry_out(bus.user("looker", *ALL), f"why {SERVICE} echo", meanwhile=meanwhile)
    finally:
        app.stop(grace=1)
    assert f"{SERVICE} cannot answer: Redis does not let its user '{SERVICE}' publish on 'caller:" in " ".join(
        said.shown.split()
    )
    assert f"ACL SETUSER {SERVICE} &caller:*" in said.shown


def test_a_caller_whose_user_may_not_publish(bus: Bus) -> None:
    looker = bus.user("looker", *ALL)
    with DaebusCaller(SERVICE, redis_url=bus.user("web", "+@all", "~*", "&caller:*")) as caller:
        with pytest.raises(DaebusError):
            caller.send_request("echo", {}, timeout=1)
        said = carry_out(looker, f"why {SERVICE} echo")
        assert said.status == Exit.DONE
        assert f"Redis does not let a caller of '{SERVICE}' send to it: its user 'web'" in said.shown
        assert f"ACL SETUSER web &{SERVICE}" in said.shown


@pytest.mark.parametrize("missing", ["-acl", "-client", "-@dangerous"])
def test_where_redis_does_not_tell_nothing_is_made_up(bus: Bus, missing: str) -> None:
    said = carry_out(bus.user("looker", *ALL, missing), f"why {SERVICE} echo")
    assert said.status == Exit.ERROR
    assert "nothing speaks against it" in said.shown
    assert "nothing was sent to it since this console looks" in said.shown
