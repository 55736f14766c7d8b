"""Listeners with annotated parameters on a real Redis: who hears what, and what is told of what does not fit."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, Field

from daebus import Blueprint, Daebus, Misfit
from daebus.recorder.recorder import digest_of
from tests.support.framework_services import serving
from tests.support.recorded import Asked
from tests.support.waiting import eventually


class Order(BaseModel):
    order_id: int = Field(ge=1)
    total: Decimal


GOOD, BAD = b'{"order_id": 7, "total": 1.10}', b'{"order_id": "top secret", "total": 1.10}'


def shop_of(name: str, calls: list[Any]) -> Daebus:
    app, part = Daebus(name), Blueprint("part")
    app.before_event(lambda payload: calls.append(("before", payload["order_id"])))
    app.after_event(lambda payload, error: calls.append(("after", payload["order_id"], type(error).__name__)))

    @app.listen(f"{name}.orders")
    def whole(order: Order) -> None:
        calls.append(("whole", order.order_id, str(order.total)))

    @part.listen(f"{name}.orders")
    async def fields(order_id: int, total: Decimal) -> None:
        calls.append(("fields", order_id, str(total)))

    @part.listen(f"{name}.orders")
    def untyped(data: dict[str, Any]) -> None:
        calls.append(("untyped", data["order_id"]))

    app.register_blueprint(part)
    return app


def test_one_that_fits_and_one_that_does_not(redis_url: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Any] = []
    app = shop_of(name, calls)
    with serving(app, redis_url, name), Asked(redis_url, name) as asked:
        asked.requester.publish(f"{name}.orders", GOOD)
        eventually(lambda: len(calls) == 9)
        good = calls[:]
        calls.clear()
        asked.requester.publish(f"{name}.orders", BAD)
        eventually(lambda: len(calls) == 7)
        heard = asked.records(4, kinds=["heard"])
        refused = asked.records(2, kinds=["refused"])
        logged = {each["id"]: each for each in asked.records(2, kinds=["logged"])}
        counts = asked.control("info")["counts"]

    assert {("whole", 7, "1.1"), ("fields", 7, "1.10"), ("untyped", 7)} <= set(good)
    assert [each for each in good if each[0] == "after"] == [("after", 7, "NoneType")] * 3

    # The hooks run as for an action: those before it do, and those after it are told.
    secret = "top secret"
    assert [each for each in calls if each[0] == "before"] == [("before", secret)] * 3
    assert sorted(each for each in calls if each[0] == "after") == [
        ("after", secret, "Misfit"),
        ("after", secret, "Misfit"),
        ("after", secret, "NoneType"),
    ]
    assert [each for each in calls if each[0] not in ("before", "after")] == [("untyped", secret)]

    assert (counts["handled"], counts["misfits"], counts["errors"], counts["unreadable"]) == (4, 2, 0, 0)
    assert [each["outcome"] for each in heard] == ["ok"] * 4
    crc, length = digest_of(BAD)
    listeners = {"shop_of.<locals>.whole", "shop_of.<locals>.fields"}
    assert {each["listener"] for each in refused} == listeners
    for each in refused:
        assert (each["code"], each["channel"]) == ("bad_request", f"{name}.orders")
        assert (each["digest"], each["length"]) == (f"{crc:08x}", length)
        assert each["queued"] >= 0
        # Its line in the log belongs to it.
        assert each["listener"] in logged[each["id"]]["text"]

    lines = {record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING}
    about = f"{name}: a message on '{name}.orders': the payload does not fit: order_id"
    assert lines == {
        f"{about} must be a whole number, not text; not given to shop_of.<locals>.fields",
        f"{about} is refused: input should be a valid integer; not given to shop_of.<locals>.whole",
    }
    assert secret not in caplog.text


def test_a_listener_that_refuses_by_itself_is_taken_for_one(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)

    @app.listen(f"{name}.orders")
    def picky(data: dict[str, Any]) -> None:
        raise Misfit("there is no such order")

    with serving(app, redis_url, name), Asked(redis_url, name) as asked:
        asked.requester.publish(f"{name}.orders", GOOD)
        asked.records(1, kinds=["refused"])
        assert asked.control("info")["counts"]["misfits"] == 1
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert record.getMessage().endswith(": there is no such order; not given to " + picky.__qualname__)
    assert record.exc_info is None
