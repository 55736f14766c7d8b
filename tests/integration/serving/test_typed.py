"""Typed handlers on a real Redis: what callers and other programs see."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import redis

from daebus import AsyncDaebusCaller, Blueprint, Daebus, DaebusCaller, Misfit, request, response
from daebus.errors import RequestFailed
from daebus.wire.objects import decode_object
from tests.support.framework_services import serving
from tests.support.waiting import eventually


@dataclass
class Item:
    sku: str
    price: Decimal
    count: int = 1


def shop_of(name: str) -> Daebus:
    app, part = Daebus(name), Blueprint("part")

    @app.action("total")
    def total(items: list[Item], currency: str = "EUR") -> dict[str, Any]:
        """Add up."""
        assert len(request.payload["items"]) == len(items)
        return {"total": sum(item.price * item.count for item in items), "currency": currency}

    @part.action("cheapest")
    def cheapest(items: list[Item]) -> Item | None:
        return min(items, key=lambda item: item.price, default=None)

    @app.action("untyped")
    def untyped() -> dict[str, Any]:
        return {"payload": request.payload}

    app.register_blueprint(part)
    return app


def test_a_caller_gets_what_was_wrong_in_a_form_for_programs(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(shop_of(name), redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        assert caller.actions.total(items=[Item("a", Decimal("1.10"), 3)]) == {"total": "3.30", "currency": "EUR"}
        assert caller.send_request("cheapest", {"items": [{"sku": "a", "price": 1.5}]}) == {
            "sku": "a",
            "price": "1.5",
            "count": 1,
        }
        assert caller.send_request("cheapest", {"items": []}) is None
        with pytest.raises(RequestFailed) as caught:
            caller.send_request("total", {"items": [{"sku": "a", "count": "secret"}], "curency": "EUR"})
        assert caught.value.code == "bad_request"
        assert caught.value.message == (
            "the payload does not fit: items[0].count must be a whole number, not text; items[0].price is missing; "
            "curency is not known; known: currency, items"
        )
        assert caught.value.fields == [
            {"path": "items[0].count", "reason": "must be a whole number, not text"},
            {"path": "items[0].price", "reason": "is missing"},
            {"path": "curency", "reason": "is not known; known: currency, items"},
        ]
        assert caller.send_request("untyped", {"any": "thing"}) == {"payload": {"any": "thing"}}

        def counts() -> list[int]:
            info = caller._requester.call(f"daebus.control.{name}", "info")
            return [info["counts"][key] for key in ("handled", "misfits", "errors")]

        # A handler is counted when it has come to its end, which is after its answer.
        eventually(lambda: counts() == [4, 1, 0])
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "secret" not in caplog.text


async def _asked(name: str, redis_url: str) -> RequestFailed:
    async with AsyncDaebusCaller(name, redis_url=redis_url) as caller:
        with pytest.raises(RequestFailed) as caught:
            await caller.send_request("total")
        return caught.value


def test_a_caller_of_an_event_loop_gets_it_too(redis_url: str, name: str) -> None:
    import asyncio

    with serving(shop_of(name), redis_url, name):
        error = asyncio.run(_asked(name, redis_url))
    assert error.fields == [{"path": "items", "reason": "is missing"}]


def test_digits_are_kept_and_a_message_that_wants_no_answer_is_counted(redis_url: str, name: str) -> None:
    app = Daebus(name)
    got: list[Any] = []

    @app.action("price")
    def price(price: Decimal) -> None:
        got.append(str(price))

    with serving(app, redis_url, name), redis.Redis.from_url(redis_url) as client:
        pubsub = client.pubsub()
        pubsub.subscribe("asker")
        for payload in ('{"price": "no"}', '{"price": 1.10}'):
            client.publish(name, f'{{"action": "price", "payload": {payload}}}')
        client.publish(name, '{"action": "price", "payload": {"price": 1e400}, "reply_to": "asker", "request_id": 1}')
        answer = next(message for message in pubsub.listen() if message["type"] == "message")
        pubsub.close()
        assert decode_object(answer["data"])["payload"]["code"] == "no_response"  # type: ignore[index]
        counts = app._service.info()["counts"]  # type: ignore[union-attr]
    assert sorted(got) == ["1.10", "1E+400"]
    assert counts["misfits"] == 1


def test_an_error_handler_answers_for_misfits_where_it_is_for_them(redis_url: str, name: str) -> None:
    app = shop_of(name)
    app.errorhandler(Exception)(lambda error: {"all": str(error)})
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        ended = list(caller.map("total", [{}, {"items": []}]))
    assert [str(each.error) for each in ended] == ["the payload does not fit: items is missing", "None"]

    app = shop_of(name)

    @app.errorhandler(Misfit)
    def misfit(error: Misfit) -> None:
        response.error(f"please: {error.fields[0]['path']}", code="please")

    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        with pytest.raises(RequestFailed, match="please: items") as caught:
            caller.send_request("total")
        assert caught.value.code == "please"


def test_schemas_are_told_where_they_are_asked_for(redis_url: str, name: str) -> None:
    with serving(shop_of(name), redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        control = f"daebus.control.{name}"
        short = caller._requester.call(control, "info")["actions"]
        assert short[0] == {"name": "total", "doc": "Add up."}
        for asked in ({"schemas": 1}, {"schemas": None}):
            assert caller._requester.call(control, "info", asked)["actions"] == short
        actions = {each["name"]: each for each in caller._requester.call(control, "info", {"schemas": True})["actions"]}
        assert actions["untyped"] == {"name": "untyped", "doc": "", "description": ""}
        assert actions["total"]["arguments"]["required"] == ["items"]
        assert "Item" in actions["cheapest"]["answer"]["$defs"]


def test_debugging_shows_no_traceback_for_a_misfit(redis_url: str, name: str) -> None:
    app = shop_of(name)
    with app.start(name, debug=True, redis_url=redis_url), DaebusCaller(name, redis_url=redis_url) as caller:
        with pytest.raises(RequestFailed) as caught:
            caller.send_request("total")
        assert "traceback" not in caught.value.payload
