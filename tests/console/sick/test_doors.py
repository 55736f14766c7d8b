"""Why nothing comes of it where Redis itself keeps the service or its caller out."""

from __future__ import annotations

import pytest

from daebus import DaebusCaller
from daebus.errors import DaebusError
from daebus_console.commands.context import Exit
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
