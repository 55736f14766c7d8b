"""Who asks, as the other side is told: a service in its handlers, and outside of them the only one of its process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, broadcast, request
from daebus.context import name_of
from tests.support.framework_services import serving
from tests.support.recorded import Asked


@pytest.fixture
def asked(name: str, redis_url: str) -> Iterator[str]:
    """A service that tells who asks it, by its name."""
    app = Daebus(name)
    app.action("who")(lambda: {"who": request.service})
    with serving(app, redis_url, name):
        yield name


def who_asks(service: str, url: str) -> set[str]:
    """How a thread and a task that ask here are told of."""
    with DaebusCaller(service, redis_url=url) as caller:
        found = {caller.send_request("who")["who"]}

    async def ask() -> str:
        async with AsyncDaebusCaller(service, redis_url=url) as caller:
            answer = await caller.send_request("who")
            return str(answer["who"])

    return found | {asyncio.run(ask())}


def test_the_one_service_of_a_process_asks_what_is_asked_there(asked: str, redis_url: str) -> None:
    assert who_asks(asked, redis_url) == {asked}


def test_of_several_services_none_is_said_to_ask_what_is_asked_beside_them(asked: str, redis_url: str) -> None:
    last = Daebus(f"{asked}.last")
    last.action("ask")(lambda: {"who": DaebusCaller(asked).send_request("who")["who"]})
    with serving(last, redis_url, f"{asked}.last"), Asked(redis_url, f"{asked}.last") as recorded:
        assert who_asks(asked, redis_url) == {name_of(None)}
        broadcast.send(f"{asked}.events", {})
        # In a handler it is known who asks.
        assert recorded.call("ask") == {"who": f"{asked}.last"}
        kinds = [one["kind"] for one in recorded.records(2)]
    assert sorted(kinds) == ["called", "handled"]
