"""Dates, ids, amounts and models in payloads, wherever a service or a caller puts them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, broadcast, request, response
from daebus.errors import PayloadError, RegistrationError, RequestFailed
from tests.support.framework_services import serving
from tests.support.waiting import eventually

ID = UUID("12345678-1234-5678-1234-567812345678")


@dataclass
class User:
    id: UUID
    born: date


def app_of(name: str) -> Daebus:
    app = Daebus(name)

    @app.json_default
    def in_seconds(value: Any) -> Any:
        if isinstance(value, timedelta):
            return value.total_seconds()
        raise TypeError(f"no {type(value).__name__} here")

    @app.action("user")
    def user() -> Any:
        response.send({"waited": timedelta(seconds=2)}, final=False)
        return {"user": User(ID, date(2000, 2, 29)), "due": {Decimal("19.90")}, "asked": request.payload}

    @app.action("odd")
    def odd() -> Any:
        return {"number": 1j}

    @app.action("ask")
    def ask() -> Any:
        with DaebusCaller(name, redis_url=request.payload["url"]) as caller:
            return {"answer": caller.send_request("user", {"took": timedelta(seconds=5)})["asked"]}

    @app.action("tell")
    def tell() -> Any:
        return {"received": broadcast.send(f"{name}.told", {"after": timedelta(seconds=1), "at": date(2026, 1, 2)})}

    return app


def test_they_are_written_as_people_expect(redis_url: str, name: str) -> None:
    app = app_of(name)
    told: list[Any] = []
    app.listen(f"{name}.told")(told.append)
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        steps: list[Any] = []
        found = caller.send_request("user", {"since": date(2026, 1, 2), "id": ID}, on_progress=steps.append)
        assert steps == [{"waited": 2.0}]
        assert found == {
            "user": {"id": str(ID), "born": "2000-02-29"},
            "due": ["19.90"],
            "asked": {"since": "2026-01-02", "id": str(ID)},
        }
        # What a handler asks or tells goes by the rules of its own service.
        assert caller.send_request("ask", {"url": redis_url}) == {"answer": {"took": 5.0}}
        assert caller.send_request("tell") == {"received": 1}
        eventually(lambda: told == [{"after": 1.0, "at": "2026-01-02"}])
        with pytest.raises(RequestFailed, match="no complex here") as caught:
            caller.send_request("odd")
        assert caught.value.code == "handler_error"


def test_a_caller_alone_knows_the_common_ones(redis_url: str, name: str) -> None:
    app = Daebus(name)
    app.action("echo")(lambda: request.payload)
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        assert caller.send_request("echo", {"id": ID}) == {"id": str(ID)}
        assert caller.send_message("echo", {"id": ID}) == 1
        assert caller.send_to_service({"id": ID}) == 1
        # A service runs in this process, which knows no timedelta either.
        with pytest.raises(PayloadError, match="timedelta is not JSON serializable"):
            caller.send_request("echo", {"for": timedelta(1)})


async def _echoed(url: str, name: str) -> Any:
    async with AsyncDaebusCaller(name, redis_url=url) as caller:
        assert await caller.send_message("echo", {"id": ID}) == 1
        assert await caller.send_to_service({"id": ID}) == 1
        return await caller.send_request("echo", {"price": Decimal("1.10")})


def test_an_asyncio_caller_writes_them_too(redis_url: str, name: str) -> None:
    app = Daebus(name)
    app.action("echo")(lambda: request.payload)
    with serving(app, redis_url, name):
        assert asyncio.run(_echoed(redis_url, name)) == {"price": "1.10"}


def test_a_test_client_writes_them_too(name: str) -> None:
    with app_of(name).test_client() as client:
        assert client.request("user", {"id": ID})["asked"] == {"id": str(ID)}
        assert client.broadcast(f"{name}.nobody", {"after": timedelta(seconds=1)}) == 0


def test_there_is_one_for_an_app_and_it_is_a_function(redis_url: str, name: str) -> None:
    app = Daebus(name)
    with pytest.raises(RegistrationError, match="json_default must be callable"):
        app.json_default("seconds")  # type: ignore[type-var]

    async def awaited(value: object) -> str:
        return str(value)

    def parts(value: object) -> Iterator[str]:
        yield str(value)

    refused: list[tuple[Callable[..., Any], str]] = [
        (awaited, r"json_default \(.*test_values.py:\d+\) is an async function, which nothing would await"),
        (parts, "is a generator, which nothing would go through; it must be a plain function"),
        (lambda: "x", "cannot be called with the value: too many positional arguments"),
    ]
    for function, said in refused:
        with pytest.raises(RegistrationError, match=said):
            app.json_default(function)
    app.json_default(str)
    with pytest.raises(RegistrationError, match="has a json_default already"):
        app.json_default(str)
    with serving(app, redis_url, name), pytest.raises(RegistrationError, match="is running"):
        app.json_default(str)
