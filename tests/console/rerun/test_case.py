"""What belongs to one handling, and how another differs from it."""

from __future__ import annotations

from zlib import crc32

import pytest

from daebus_console.engine.diff.exchange import Answer, read_payload
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.diff.values import How
from daebus_console.engine.rerun.case import Case, Sent, Unfit, case_of
from daebus_console.engine.rerun.comparing import Performed, changes
from tests.console.engine.bus import Bus, answer, encode, raw, request


@pytest.fixture
def bus() -> Bus:
    """An order that charges, then asks two at the same time, tells one and broadcasts."""
    bus = Bus()
    bus >> request("orders", "place", id="r", payload={"n": 1})
    bus.wait(0.01)
    bus >> request("payment", "charge", id="a", parent_id="r", payload={"amount": 5})
    bus >> request("other", "thing", id="x", parent_id="another")
    bus.wait(0.01)
    bus >> answer("caller:1", id="a", payload={"ok": True})
    bus.wait(0.01)
    bus >> request("stock", "look", id="b", parent_id="r")
    bus >> request("stock", "reserve", id="c", parent_id="r")
    bus >> answer("caller:1", id="c")
    bus >> answer("caller:1", id="b")
    bus >> raw("news", '{"price": 19.90}')
    bus >> raw("audit", encode(action="note", payload={}, parent_id="r", message_id="m"))
    bus.wait(0.01)
    bus >> answer("caller:1", id="r", payload={"done": 1})
    bus.wait(60)
    bus >> raw("news", '{"late": true}')
    return bus


def case(bus: Bus) -> Case:
    return case_of(bus["r"], bus.exchanges)


def sent(channel: str, action: str | None, text: str = "{}") -> Sent:
    return Sent(channel, action, read_payload(text.encode()))


def as_then(bus: Bus) -> dict[str, object]:
    """What the handler did, done again."""
    known = case(bus)
    return {
        "answer": Answer("ok", {"done": 1}),
        "calls": tuple((call, place) for place, call in enumerate(known.calls)),
        "messages": tuple(known.messages),
        "broadcasts": tuple(known.broadcasts),
    }


def paths(bus: Bus, rules: Rules | None = None, **now: object) -> list[tuple[str, How]]:
    performed = Performed(**{**as_then(bus), **now})  # type: ignore[arg-type]
    return [(change.path, change.how) for change in changes(case(bus), performed, rules or Rules())]


def test_what_belongs_to_it(bus: Bus) -> None:
    found = case(bus)
    assert [(call.name, call.answer.status) for call in found.calls] == [
        ("payment charge", "ok"),
        ("stock look", "ok"),
        ("stock reserve", "ok"),
    ]
    assert [one.name for one in found.messages] == ["audit note"]
    assert [one.name for one in found.broadcasts] == ["news"]
    assert not found.sure


def test_records_say_which_broadcasts_are_its_own(bus: Bus) -> None:
    data = b'{"of":"another"}'
    bus = Bus()
    bus >> request("orders", "place", id="r")
    bus >> raw("news", data)
    bus >> raw("news", data)
    bus >> raw("news", '{"its": "own"}')
    own = b'{"its": "own"}'
    record = {"kind": "published", "channel": "news", "digest": f"{crc32(own):08x}", "length": len(own), "parent": "r"}
    others = [{"kind": "published", "parent": "x"}, {"kind": "published", "parent": "r", "channel": 5}, 7]
    bus >> raw("daebus.watch.orders", encode(service="orders", records=[record, *others]))
    bus >> raw("daebus.watch.orders", '{"records": 5}')
    bus >> raw("daebus.watch.orders", "[]")
    bus >> answer("caller:1", id="r")
    found = case(bus)
    assert found.sure
    assert [one.payload for one in found.broadcasts] == [{"its": "own"}]
    assert paths(bus, answer=Answer("ok", {}), broadcasts=()) == [("broadcasts[0]", How.REMOVED)]


def cast(data: bytes, parent: str | None, **more: object) -> dict[str, object]:
    """A record of a broadcast on `news`."""
    return {"kind": "published", "channel": "news", "digest": f"{crc32(data):08x}", "length": len(data),
            "parent": parent, **more}  # fmt: skip


def test_what_was_told_and_not_recorded_is_known_by_its_channel() -> None:
    seen, unseen = b'{"n": 1}', b'{"n": 2}'
    bus = Bus()
    bus >> request("orders", "place", id="r")
    bus >> raw("news", seen)
    told = [cast(seen, "r", seq=1), cast(unseen, "r", seq=2)]
    bus >> raw("daebus.watch.orders", encode(service="orders", instance="i", records=told))
    # As two consoles have them told.
    bus >> raw("daebus.watch.orders", encode(service="orders", instance="i", records=told))
    bus >> answer("caller:1", id="r")
    found = case(bus)
    assert (found.sure, found.unseen, len(found.broadcasts)) == (True, ("news",), 1)
    one, other, third = (sent("news", None, f'{{"n": {n}}}') for n in (1, 2, 3))
    answered = Answer("ok", {})
    for now in ((one, other), (other, one), (one, third)):
        assert paths(bus, answer=answered, broadcasts=now) == []
    assert paths(bus, answer=answered, broadcasts=(one,)) == [("broadcasts[1]", How.REMOVED)]
    assert paths(bus, answer=answered, broadcasts=(one, other, third)) == [("broadcasts[2]", How.ADDED)]
    assert paths(bus, Rules(["broadcasts[1]"]), answer=answered, broadcasts=(one,)) == []


def test_where_no_broadcast_was_recorded_none_is_new() -> None:
    bus = Bus()
    bus >> request("orders", "place", id="r")
    bus >> answer("caller:1", id="r")
    assert paths(bus, answer=Answer("ok", {}), broadcasts=(sent("news", None),)) == []
    # Of another time: they are recorded.
    bus.wait(60)
    bus >> raw("news", b'{"n": 1}')
    assert paths(bus, answer=Answer("ok", {}), broadcasts=(sent("news", None),)) == [("broadcasts[0]", How.ADDED)]


def told_bus(*records: object, **about: object) -> Case:
    """A request, two broadcasts while it was handled, and what its service tells then; what is made of it."""
    bus = Bus()
    bus >> request("orders", "place", id="r")
    bus >> raw("news", b'{"of":"another"}')
    bus >> raw("news", b'{"of":"nobody"}')
    bus >> answer("caller:1", id="r")
    bus >> raw("daebus.watch.orders", encode(service="orders", instance="i", records=list(records), **about))
    return case(bus)


BEFORE = {"kind": "handled", "id": "q", "at": 99.0, "elapsed": 0.1}
ENDED = {"kind": "handled", "id": "r", "at": 100.0, "elapsed": 0.5, "queued": 0.1}


def test_a_handler_that_ended_and_told_of_no_broadcast_sent_none() -> None:
    found = told_bus(BEFORE, ENDED)
    assert (found.sure, found.broadcasts) == (True, ())


@pytest.mark.parametrize(
    ("records", "about"),
    [
        ((BEFORE,), {}),
        ((BEFORE, ENDED), {"left_out": 3}),
        ((BEFORE, ENDED), {"lost": 1}),
        # It may have begun to tell only then.
        ((ENDED,), {}),
        (({**BEFORE, "at": 99.9}, ENDED), {}),
        (({**BEFORE, "at": "early"}, ENDED), {}),
    ],
)
def test_where_that_is_not_certain_all_may_be_its_own(records: tuple[object, ...], about: dict[str, object]) -> None:
    found = told_bus(*records, **about)
    assert (found.sure, len(found.broadcasts)) == (False, 2)


def test_what_another_tells_to_have_sent_is_not_its_own() -> None:
    data = b'{"of":"another"}'
    cast = {"kind": "published", "channel": "news", "digest": f"{crc32(data):08x}", "length": len(data), "parent": "x"}
    found = told_bus(cast)
    assert (found.sure, [one.payload for one in found.broadcasts]) == (False, [{"of": "nobody"}])
    assert len(told_bus({**cast, "parent": None}).broadcasts) == 1


@pytest.mark.parametrize(
    ("id", "why"),
    [("q", "a question of a console"), ("orphan", "an answer to a request that was not seen")],
)
def test_what_no_handler_was_asked(bus: Bus, id: str, why: str) -> None:
    bus >> request("daebus.control.orders", "info", id="q")
    bus >> answer("caller:9", id="orphan")
    with pytest.raises(Unfit, match=why):
        case_of(bus[id], bus.exchanges)
    for text in ('{"a": 1}', "no JSON"):
        with pytest.raises(Unfit, match="it is a broadcast"):
            case_of(bus >> raw("news", text), bus.exchanges)
    with pytest.raises(Unfit, match="it is unreadable"):
        case_of(bus >> raw("daebus.control.orders", "no JSON"), bus.exchanges)


def test_an_answer_that_came_too_late_is_one_that_the_asker_did_not_get() -> None:
    bus = Bus()
    bus >> request("orders", "place", id="r")
    bus >> request("payment", "charge", id="a", parent_id="r", timeout=1)
    bus >> request("payment", "charge", id="b", parent_id="r")
    bus.wait(2)
    bus >> answer("caller:1", id="a")
    assert [call.answer.status for call in case(bus).calls] == ["unanswered", "unanswered"]


def test_the_same_again_is_no_difference(bus: Bus) -> None:
    assert paths(bus) == []


def test_each_difference_has_its_place(bus: Bus) -> None:
    calls = case(bus).calls
    dearer = sent("payment", "charge", '{"payload": {"amount": 6}}')
    found = paths(
        bus,
        answer=Answer("ok", {"done": 2}),
        calls=((Sent("payment", "charge", {"amount": 6}), 0), (calls[2], 2), (dearer, None)),
        messages=(Sent("audit", "tell", {}),),
        broadcasts=(sent("news", None, '{"price": 19.9}'), sent("news", None), sent("alerts", None)),
    )
    assert found == [
        ("response.payload.done", How.CHANGED),
        ("calls[0].payload.amount", How.CHANGED),
        ("calls[1]", How.REMOVED),
        ("calls[3]", How.ADDED),
        ("messages[0]", How.REMOVED),
        ("messages[1]", How.ADDED),
        ("broadcasts[1]", How.ADDED),
        ("broadcasts[2]", How.ADDED),
    ]
    assert paths(bus, Rules(["calls*", "payload.done"]), answer=Answer("ok", {"done": 2}), calls=()) == []


def test_calls_that_were_under_way_together_have_no_order(bus: Bus) -> None:
    charge, look, reserve = ((call, place) for place, call in enumerate(case(bus).calls))
    assert paths(bus, calls=(charge, reserve, look)) == []
    assert paths(bus, calls=(look, charge, reserve)) == [("calls.order", How.CHANGED)]
    assert paths(bus, Rules(any_order=True), calls=(look, charge, reserve)) == []
    assert paths(bus, Rules(["calls.order"]), calls=(look, charge, reserve)) == []


def test_a_broadcast_that_may_be_anothers_is_not_missed(bus: Bus) -> None:
    assert paths(bus, broadcasts=()) == []
    assert paths(bus, messages=()) == [("messages[0]", How.REMOVED)]
