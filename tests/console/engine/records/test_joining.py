"""Which record is of which exchange: what is certain is joined, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.records.joining import Told
from daebus_console.engine.telling import Telling
from tests.console.engine.bus import Bus, Sent, answer, raw, request
from tests.console.engine.records.told import batch, cast, handled, record


class Told_(Bus):
    """A bus on which services tell what they do."""

    def __init__(self) -> None:
        super().__init__()
        from daebus_console.engine.directory import Directory

        self.telling = Telling(self.correlator, Directory())

    def tell(self, sent: Sent, after: float = 0.05) -> None:
        self.now += after
        self.telling.watched([self >> sent], 0.0)

    def of(self, exchange: Exchange) -> Told:
        return self.telling.of(exchange)


@pytest.fixture
def bus() -> Told_:
    return Told_()


def test_what_was_passed_on_is_told_of_by_who_was_asked(bus: Told_) -> None:
    first, second = bus >> request("jobs", "do", id="a"), bus >> request("worker", "do", id="a")
    bus.tell(batch("worker", handled(1, "a", "do")))
    assert [(len(told.handled), told.unsure) for told in map(bus.of, (first, second))] == [(0, ""), (1, "")]


def test_a_request_by_its_id(bus: Told_) -> None:
    one = bus >> request("users", "get", id="a")
    bus >> answer("caller:1", id="a")
    bus.tell(
        batch(
            "users",
            handled(1, "a", "get", queued=0.25),
            record(2, "logged", id="a", level="INFO", logger="x", text="looked"),
            record(3, "refused", id="b", action="get", code="busy"),
        )
    )
    bus.tell(batch("orders", record(1, "called", id="a", service="users", action="get", elapsed=0.1, outcome="ok")))
    told = bus.of(one)
    assert (len(told.handled), len(told.called), len(told.refused)) == (1, 1, 0)
    assert told.queued == 0.25
    assert [one.text for one in told.logged] == ["looked"]


def test_a_one_way_message_by_its_id(bus: Told_) -> None:
    one = bus >> raw("mailer", '{"action": "send", "message_id": "m1"}')
    bus.tell(batch("mailer", handled(1, "m1", "send", outcome="handler_error", error="no")))
    (run,) = bus.of(one).runs
    assert (run.outcome, run.error) == ("handler_error", "no")


def test_a_broadcast_that_does_not_fit_two_listeners_of_one_instance(bus: Told_) -> None:
    one = bus >> raw("orders", BYTES)
    refused = [
        cast("refused", seq, "orders", BYTES, bus.now + 0.02, id=f"run{seq}", code="bad_request", listener=listener)
        for seq, listener in ((1, "on_order"), (2, "audit"))
    ]
    line = record(4, "logged", bus.now + 0.02, id="run2", text="order must be text")
    bus.tell(batch("mailer", *refused, heard(3, bus.now + 0.02, "other"), line))
    told = bus.of(one)
    assert [each.listener for each in told.refused] == ["on_order", "audit"]
    assert [run.listener for run in told.heard] == ["other"]
    assert [each.text for each in told.logged] == ["order must be text"]


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(batch("orders", handled(1, "a", "get")), id="of another service"),
        pytest.param(batch("users", handled(1, "a", "delete")), id="of another action"),
        pytest.param(batch("users", handled(1, "A", "get")), id="of another id"),
        pytest.param(batch("orders", record(1, "logged", id="a", text="x")), id="a line of another service"),
        pytest.param(batch("orders", record(1, "refused", id="a", code="busy")), id="refused by another service"),
        pytest.param(
            batch("web", record(1, "called", id="a", service="stock", action="get", outcome="ok")),
            id="called elsewhere",
        ),
    ],
)
def test_what_cannot_be_of_it_is_not(bus: Told_, lie: Sent) -> None:
    one = bus >> request("users", "get", id="a")
    bus.tell(lie)
    assert not bus.of(one)


def test_an_id_that_two_bear_joins_nothing(bus: Told_) -> None:
    one = bus >> request("users", "get", id="a")
    other = bus >> request("users", "get", id="a", reply_to="caller:2")
    bus.tell(batch("users", handled(1, "a", "get")))
    for exchange in (one, other):
        told = bus.of(exchange)
        assert not told
        assert "used more than once" in told.unsure


BYTES = b'{"order": 7}'


def heard(seq: int, at: float, listener: str = "on_order", **fields: Any) -> dict[str, Any]:
    told = {"id": f"run{seq}", "listener": listener, "elapsed": 0.01, "outcome": "ok"}
    return cast("heard", seq, "orders", BYTES, at, **{**told, **fields})


def test_a_broadcast_by_its_bytes(bus: Told_) -> None:
    one = bus >> raw("orders", BYTES)
    other = bus >> raw("orders", b'{"order": 8}')
    bus.tell(
        batch(
            "mailer",
            heard(1, bus.now + 0.02),
            heard(2, bus.now + 0.02, "audit", outcome="error", type="KeyError", error="'sku'"),
            record(3, "logged", bus.now + 0.02, id="run1", text="one order"),
        )
    )
    bus.tell(batch("shop", cast("published", 1, "orders", BYTES, bus.now - 0.05, parent="r1")))
    told = bus.of(one)
    assert sorted((run.listener, run.outcome) for run in told.heard) == [("audit", "error"), ("on_order", "ok")]
    assert told.published is not None
    assert told.published.parent == "r1"
    assert [line.text for line in told.logged] == ["one order"]
    assert not bus.of(other)
    assert not bus.of(other).unsure


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"digest": "00000000"}, id="digest"),
        pytest.param({"digest": ""}, id="no digest"),
        pytest.param({"length": 13}, id="length"),
        pytest.param({"channel": "order"}, id="channel"),
        pytest.param({"at": 300.0}, id="clock"),
    ],
)
def test_a_record_that_does_not_fit_is_of_no_broadcast(bus: Told_, lie: dict[str, Any]) -> None:
    one = bus >> raw("orders", BYTES)
    bus.tell(batch("mailer", {**heard(1, bus.now), **lie}, heard(2, bus.now, "other")))
    assert [run.listener for run in bus.of(one).heard] == ["other"]


def test_equal_broadcasts_apart_in_time(bus: Told_) -> None:
    first = bus >> raw("orders", BYTES)
    bus.tell(batch("mailer", heard(1, bus.now)))
    bus.now += 60
    second = bus >> raw("orders", BYTES)
    bus.tell(batch("mailer", heard(2, bus.now)))
    assert [run.seq for run in bus.of(first).heard] == [1]
    assert [run.seq for run in bus.of(second).heard] == [2]


def test_equal_broadcasts_close_together_by_their_order_or_not_at_all(bus: Told_) -> None:
    first = bus >> raw("orders", BYTES)
    second = bus >> raw("orders", BYTES)
    bus.tell(batch("mailer", heard(1, bus.now + 0.02)))
    assert not bus.of(first)
    assert "nobody can tell them apart" in bus.of(first).unsure
    bus.tell(batch("mailer", heard(2, bus.now + 0.03)))
    assert [run.seq for run in bus.of(first).heard] == [1]
    assert [run.seq for run in bus.of(second).heard] == [2]


def test_the_clock_of_a_service_that_is_off(bus: Told_) -> None:
    bus.now = 100_000.0
    bus.tell(batch("mailer", handled(1, "x", at=bus.now - 3_600)))
    one = bus >> raw("orders", BYTES)
    bus.tell(batch("mailer", heard(2, bus.now - 3_600 + 0.02)))
    assert [run.seq for run in bus.of(one).heard] == [2]


def test_runs_and_what_they_ran_for(bus: Told_) -> None:
    one = bus >> raw("orders", BYTES)
    bus.tell(batch("mailer", heard(1, bus.now), record(2, "ran", id="t1", what="task", name="sync", outcome="ok")))
    links = bus.telling.links(bus.exchanges)
    run, task = links.run("run1"), links.run("t1")
    assert run is not None
    assert links.cast_of_run(run) is one
    assert task is not None
    assert links.cast_of_run(task) is None
    assert links.run("nobody") is None
    bus.tell(batch("mailer", record(1, "ran", id="t1", what="task", name="other", outcome="ok"), instance="i2"))
    assert bus.telling.links(bus.exchanges).run("t1") is None
