"""A console whose Redis user may ask some services only, while others are known from what another console was told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daebus_console.commands.context import Exit
from daebus_console.commands.under_way import under_way
from daebus_console.engine.session import Session
from tests.console.commands.prompt import prompting
from tests.console.holding.conftest import Debugging, Shop, known
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


@pytest.fixture
def shop(own_redis: RedisServer, name: str) -> Iterator[Shop]:
    with Shop(own_redis.url, name) as shop:
        yield shop


@pytest.fixture
def session(own_redis: RedisServer, shop: Shop) -> Iterator[Session]:
    """As a user who may ask orders, and nobody else."""
    looks = ("+psubscribe", "+subscribe", "+unsubscribe", "+ping", "+pubsub", "+info", "&*")
    asks = f"(+publish &daebus.control.{shop.orders})"
    with own_redis.client() as admin:
        admin.execute_command("ACL", "SETUSER", "ann", "reset", "on", ">geheim", *looks, asks)
    with Session(own_redis.url.replace("redis://", "redis://ann:geheim@")) as session:
        eventually(lambda: shop.payment in session.status.unasked, what="payment may not be asked")
        with Session(own_redis.url) as other:
            known(other, shop.orders, shop.payment)
            # What another console is told, whoever listens hears.
            known(session, shop.payment)
        eventually(lambda: session.status.unasked == {shop.payment}, what="orders may be asked")
        known(session, shop.orders)
        yield session


def test_what_may_be_debugged_is_listed_and_let_go_where_another_service_may_not_be_asked(
    session: Session, shop: Shop
) -> None:
    with prompting(session) as prompt:
        console = Debugging(session, prompt)
        assert console(f"break {shop.orders} ping") == Exit.DONE
        asked = shop.ask("ping")
        console.holding()
        for line in ("held", "breaks"):
            console.heard.lines.clear()
            # There may be more, where nobody may ask.
            assert console(line) == Exit.NO_REDIS
            assert shop.orders in console.heard.lines[1]
            assert console.heard.errors[-1].startswith("cannot ask services: missing rule")
        assert console.keeper.problem is None
        assert console("release all") == Exit.NO_REDIS
        assert "goes on" in console.heard.notes[-1]
        assert asked.result() == {"pong": True}
        under_way(session).close()
