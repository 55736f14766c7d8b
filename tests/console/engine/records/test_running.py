"""What instances are doing: read whatever it says, where something stands, and circles in which services wait."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.records.cycles import cycles
from daebus_console.engine.records.running import Report, report_in
from daebus_console.engine.records.standing import cycle_text, standing
from tests.console.engine.bus import Bus, request

WORKERS = {"orders": 2, "stock": 1, "users": 4}


def answered(service: str, *doing: dict[str, Any], instance: str = "i1", queue: Any = ..., **fields: Any) -> Report:
    payload = {
        "running": list(doing),
        "count": len(doing),
        "more": False,
        "queue": {"size": 0, "max": 1000, "oldest": []} if queue is ... else queue,
        **fields,
    }
    data = json.dumps({"status": "success", "payload": payload, "service": service, "instance": instance}).encode()
    found = report_in(5.0, data)
    assert found is not None
    return found


def does(id: str, action: str = "act", *waits: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    told = {"id": id, "action": action, "age": 1.5, "thread": "w-1", "at": "a.py:3 act", "stack": ["a.py:3 act"]}
    calls = [{"service": service, "action": action, "id": id} for service, action, id in waits]
    if calls:
        told["waits_for"] = calls[0]
        told["also_waits_for"] = calls[1:]
    return {**told, **fields}


def queued(*ids: str, size: int | None = None) -> dict[str, Any]:
    oldest = [{"id": id, "action": "act", "age": 0.5, "length": 9} for id in ids]
    return {"size": len(ids) if size is None else size, "max": 1000, "oldest": oldest}


def test_what_is_told_is_read() -> None:
    found = answered("orders", does("a", "create", ("stock", "check", "b")), queue=queued("c", "d", size=7))
    (one,) = found.doing
    assert (one.id, one.name, one.age, one.at, [wait.id for wait in one.waits]) == (
        "a",
        "create",
        1.5,
        "a.py:3 act",
        ["b"],
    )
    assert (found.waiting, found.room, found.place("d"), found.place("x")) == (7, 1000, 1, None)
    assert found.of("a") is one
    assert found.of(None) is None


@pytest.mark.parametrize(
    "odd", [None, 7, "x", [], {}, -1, 1 << 80, 1e300, [1], {"a": 1}, "\x1b[31m"], ids=lambda odd: repr(odd)[:12]
)
def test_whatever_it_says_is_borne(odd: Any) -> None:
    for field in ("id", "action", "from", "cause", "age", "thread", "at", "stack", "waits_for", "also_waits_for"):
        found = answered("orders", {**does("a"), field: odd})
        assert len(found.doing) == 1
        assert 0 <= found.doing[0].age < 1e9
    assert answered("orders", queue={"size": odd, "max": odd, "oldest": odd}).waiting >= 0
    assert answered("orders", count=odd).count >= 0
    assert not answered("orders", odd if not isinstance(odd, dict) else {}).doing[1:]


@pytest.mark.parametrize(("told", "id"), [("a", "a"), (7, "7"), (1.5, "1.5"), (None, None), ([1], None), ({}, None)])
def test_an_id_is_text(told: Any, id: str | None) -> None:
    found = answered("orders", does(told), queue=queued(told))
    assert found.doing[0].id == id
    assert found.oldest[0].id == id


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"running": [], "queue"',
        b'{"status": "success", "payload": {"running": 5, "queue": {}}, "service": "a", "instance": "i"}',
        b'{"status": "success", "payload": {"running": [], "queue": 5}, "service": "a", "instance": "i"}',
        b'{"status": "success", "payload": {"running": [], "queue": {}}, "service": "a"}',
        b'{"status": "success", "payload": {"running": [], "queue": {}}, "instance": "i"}',
        b'{"status": "success", "payload": ["running", "queue"], "service": "a", "instance": "i"}',
    ],
)
def test_what_is_no_such_answer_is_none(data: bytes) -> None:
    assert report_in(5.0, data) is None


def services(*reports: Report) -> list[tuple[str, ...]]:
    return sorted(one.services for one in cycles(reports, WORKERS))


def test_a_service_that_waits_for_its_own_workers() -> None:
    stuck = answered("stock", does("a", "audit", ("stock", "check", "b")), queue=queued("b"))
    assert services(stuck) == [("stock",)]
    two = answered(
        "orders", does("a", "x", ("orders", "y", "c")), does("b", "x", ("orders", "y", "d")), queue=queued("c", "d")
    )
    assert services(two) == [("orders",)]


def test_services_that_wait_for_one_another() -> None:
    held = does("a", "create", ("stock", "check", "b")), does("z", "create", ("stock", "check", "y"))
    orders = answered("orders", *held, queue=queued("c"))
    stock = answered("stock", does("b", "check", ("orders", "price", "c")), queue=queued("y"))
    assert services(orders, stock) == [("orders", "stock")]


@pytest.mark.parametrize(
    "queue",
    [queued("p", size=12), {"size": 1, "max": 1000, "oldest": [{"age": 0.5, "length": 200_000}]}],
    ids=["beyond the oldest", "too large to be told of"],
)
def test_a_call_that_may_be_in_the_queue(queue: dict[str, Any]) -> None:
    waits = does("a", "x", ("orders", "y", "far")), does("b", "x", ("orders", "y", "far"))
    assert services(answered("orders", *waits, queue=queue)) == [("orders",)]


@pytest.mark.parametrize(
    "reports",
    [
        pytest.param(
            [answered("orders", does("a", "x", ("stock", "check", "b"))), answered("stock", does("b"))], id="chain"
        ),
        pytest.param(
            [
                answered(
                    "orders",
                    does("a", "x", ("orders", "y", "c")),
                    does("b", "z", ("users", "get", "u")),
                    queue=queued("c"),
                ),
                answered("users", does("u", "get")),
            ],
            id="another worker waits for what is being done, and will be free",
        ),
        pytest.param(
            [
                answered(
                    "orders",
                    does("a", "x", ("orders", "y", "c")),
                    does("b", "z", ("elsewhere", "get", "u")),
                    queue=queued("c"),
                ),
            ],
            id="another worker waits for a service that tells nothing",
        ),
        pytest.param(
            [answered("orders", does("a", "x", ("orders", "y", "c")), queue=queued("c"))], id="a worker is free"
        ),
        pytest.param(
            [answered("orders", does("a", "x", ("orders", "y", "c")), does("b", "slow"), queue=queued("c"))],
            id="a worker is busy with work",
        ),
        pytest.param([answered("stock", does("a", "x", ("stock", "y", "c")))], id="nothing is queued"),
        pytest.param(
            [answered("stock", {**does("a", "", ("stock", "y", "c")), "cause": "task sync"}, queue=queued("c"))],
            id="a task holds no worker",
        ),
        pytest.param(
            [answered("unknown", does("a", "x", ("unknown", "y", "c")), queue=queued("c"))], id="workers unknown"
        ),
        pytest.param(
            [
                answered(
                    "orders",
                    does("a", "x", ("stock", "later", "l")),
                    does("b", "x", ("stock", "later", "m")),
                    queue=queued("p"),
                ),
                answered("stock", does("u", "get", ("orders", "ping", "p")), queue=queued("w")),
            ],
            id="the answer was put off by a handler that has ended",
        ),
        pytest.param([], id="nothing"),
    ],
)
def test_what_is_no_circle(reports: list[Report]) -> None:
    assert services(*reports) == []


def test_long_chains_and_wide_ones_end() -> None:
    chain = [answered("users", does(f"c{n}", "x", ("users", "x", f"c{n + 1}")), instance=f"i{n}") for n in range(300)]
    assert services(*chain) == []
    wide = answered("users", *(does(f"w{n}", "x", ("users", "x", "w0")) for n in range(300)))
    assert services(wide) == [("users",)]


def said(exchange: Exchange, *reports: Report, bus: Bus) -> list[str]:
    return [one.text for one in standing(exchange, reports, cycles(reports, WORKERS), bus.correlator.find)]


def test_where_something_stands() -> None:
    bus = Bus()
    one = bus >> request("stock", "check", id="b")
    handler = answered("stock", does("b", "check", ("users", "get", "c")))
    assert said(one, handler, bus=bus) == [
        "in instance i1: in the handler for 1.5 s, thread w-1",
        "at a.py:3 act",
        "waits for users get",
    ]
    waits = answered("stock", does("x", "slow"), queue=queued("y", "b", size=12))
    assert said(one, waits, bus=bus) == [
        "in instance i1: waits for a worker, behind 1 other; 12 wait in all",
        "meanwhile slow runs for 1.5 s",
    ]
    assert said(one, answered("stock", queue=queued("y", size=40)), bus=bus) == [
        "in instance i1: in no handler; 40 wait for a worker, it may be among them"
    ]
    assert said(one, answered("stock"), bus=bus) == ["stock has it neither in a handler nor in the queue"]
    assert said(one, bus=bus) == []


def test_a_circle_is_told_in_a_sentence() -> None:
    bus = Bus()
    bus >> request("stock", "audit", id="a")
    bus >> request("stock", "check", id="b")
    stuck = answered("stock", does("a", "audit", ("stock", "check", "b")), queue=queued("b"))
    (circle,) = cycles([stuck], WORKERS)
    assert cycle_text(circle, bus.correlator.find) == (
        "a circle: stock waits for its own workers: stock audit (#1) → stock check (#2), which gets no worker"
    )
    assert said(bus["b"], stuck, bus=bus)[0].startswith("a circle: stock waits")
