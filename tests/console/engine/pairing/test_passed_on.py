"""Requests that somebody passes on to another channel, or copies there, and answers that are copied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daebus_console.engine.filter.language import parse
from daebus_console.engine.message.exchange import Flag, Kind, State
from daebus_console.engine.recorder import Recorder
from tests.console.engine.bus import Bus, Sent, answer, progress, raw, request
from tests.console.engine.findings.watched import Watched


@pytest.fixture
def bus() -> Bus:
    return Bus()


def test_what_is_passed_on_is_answered_with_it(bus: Bus) -> None:
    first = bus >> request("jobs", "do", id="a", payload={"n": 1})
    bus.wait(0.1)
    second = bus >> request("jobs-1", "do", id="a", payload={"n": 1}, hops=1)
    third = bus >> request("worker", "do", id="a", payload={"n": 1}, hops=2)
    bus.wait(0.2)
    bus >> answer("caller:1", id="a", status="error", payload={"code": "full"}, instance="w", elapsed=0.1)
    assert bus.states == [State.ERROR] * 3
    assert [one.latency for one in (first, second, third)] == pytest.approx([0.3, 0.2, 0.2])
    assert [one.aside.code for one in (first, second, third)] == ["full"] * 3
    assert (third.instance, first.instance, first.elapsed) == ("w", None, None)
    assert bus.correlator.pending == 0
    assert not any(one.has(Flag.REUSED_ID | Flag.DUPLICATE) for one in bus.exchanges)
    assert bus.wait(60) == []


def test_its_parts_are_those_of_both(bus: Bus) -> None:
    first, second = bus >> request("jobs", id="a"), bus >> request("worker", id="a")
    bus >> progress("caller:1", id="a", payload={"n": 1})
    bus >> answer("audit", id="a")
    bus >> answer("caller:1", id="a")
    assert [len(one.messages) for one in (first, second)] == [4, 4]
    assert bus.states == [State.OK, State.OK]
    assert not any(one.has(Flag.DUPLICATE) for one in (first, second))
    bus >> answer("caller:1", id="a")
    assert all(one.has(Flag.DUPLICATE) for one in (first, second))


def test_its_answer_may_come_too_late_for_who_asked(bus: Bus) -> None:
    first = bus >> request("jobs", id="a", timeout=1)
    bus.wait(0.9)
    bus >> request("worker", id="a", timeout=1)
    bus.wait(0.5)
    bus >> answer("caller:1", id="a")
    assert bus.states == [State.TIMEOUT, State.OK]
    assert first.has(Flag.LATE)


@pytest.mark.parametrize(
    "again",
    [
        request("jobs", id="a", payload={"n": 1}),
        request("worker", id="a", payload={"n": 2}),
        request("worker", "other", id="a", payload={"n": 1}),
    ],
)
def test_another_request_uses_the_id_again(bus: Bus, again: Sent) -> None:
    bus >> request("jobs", id="a", payload={"n": 1})
    second = bus.correlator.feed(bus.now, *again)[1]
    bus >> answer("caller:1", id="a")
    assert second.has(Flag.REUSED_ID)
    assert bus.states == [State.PENDING, State.OK]


def test_one_that_is_asked_when_the_first_had_its_answer_or_gave_up_is_another(bus: Bus) -> None:
    bus >> request("jobs", id="a", timeout=1)
    bus >> answer("caller:1", id="a")
    assert (bus >> request("worker", id="a", timeout=1)).has(Flag.REUSED_ID)
    bus.wait(1.5)
    assert (bus >> request("third", id="a", timeout=1)).has(Flag.REUSED_ID)


def test_a_copy_that_comes_after_the_answer_waits_for_none(bus: Bus) -> None:
    sent = request("jobs", id="a", sent_at=999.5)
    bus >> sent
    bus >> answer("caller:1", id="a")
    copy = bus >> raw("audit", sent.data)
    assert (copy.kind, copy.state, copy.target, copy.action) == (Kind.BROADCAST, State.SENT, "audit", "act")
    assert bus.wait(60) == []
    assert (bus >> answer("caller:1", id="a")).has(Flag.DUPLICATE)


def test_a_copy_of_what_a_service_on_this_framework_is_asked_waits_for_none(bus: Bus) -> None:
    bus.correlator.served = {"users", "worker"}
    sent = request("users", id="a", sent_at=999.5)
    asked = bus >> sent
    assert (bus >> raw("mirror.users", sent.data)).kind is Kind.BROADCAST
    assert (bus >> answer("caller:1", id="a", instance="u", elapsed=0.1)) is asked
    assert (asked.instance, asked.elapsed) == ("u", 0.1)
    bus >> request("users", id="b", sent_at=999.6)
    assert (bus >> request("worker", id="b", sent_at=999.6)).kind is Kind.REQUEST


def test_a_copy_of_what_a_console_asks_takes_none_of_the_answers() -> None:
    bus = Watched()
    asked = bus.say("daebus.control.users", {"action": "info", "request_id": "i", "reply_to": "caller:console"})
    assert bus.say("mirror.daebus.control.users", asked.opened.data).kind is Kind.BROADCAST
    for name in ("one", "two"):
        told = {"service": "users", "instance": name, "version": "1", "actions": []}
        bus.say("caller:console", {"status": "success", "payload": told, "request_id": "i"})
    assert (asked.replies, bus.found()) == (2, [])
    assert set(bus.session.directory.services["users"].instances) == {"one", "two"}


def test_a_chain_is_bounded_and_what_was_forgotten_is_left_alone() -> None:
    bus = Bus(max_messages=50)
    for number in range(200):
        bus >> request(f"s{number % 2}", id="a")
    assert bus.correlator.pending == len(bus.exchanges) == 50
    last = bus >> request("last", id="a")
    bus >> answer("caller:1", id="a")
    assert len(last.originals) == 32
    assert bus.states.count(State.OK) == 33
    assert bus.correlator.pending == bus.states.count(State.PENDING)


@pytest.mark.parametrize("before", [True, False])
def test_a_copy_of_an_answer_is_no_second_one(before: bool) -> None:
    bus = Watched()
    asked = bus.ask("users")
    told = {"status": "success", "payload": {}, "request_id": asked.request_id}
    for channel in ("audit", "caller:web") if before else ("caller:web", "audit"):
        bus.say(channel, told)
    assert (asked.state, asked.has(Flag.DUPLICATE), bus.found()) == (State.OK, False, [])
    bus.say("caller:web", told)
    assert asked.has(Flag.DUPLICATE)
    assert bus.one("answered-twice").count == 1


def test_that_both_answer_is_told_with_where_it_went() -> None:
    bus = Watched()
    asked = bus.ask("prices-a", "get")
    bus.say("prices-b", asked.opened.data)
    bus.answer(asked)
    assert bus.found() == []
    bus.answer(asked)
    assert bus.one("answered-twice").text == (
        "a request to prices-b get had been sent to prices-a under the same id, and two final answers came"
    )


def test_nothing_that_is_forgotten_is_kept_by_what_passes_it_on() -> None:
    bus = Bus(max_messages=10)
    sent = [bus >> request(f"s{number % 2}", id="a") for number in range(20)]
    assert all(one.aside.passes_on is None for one in sent[:10])
    assert len(sent[19].originals) == 10


def test_a_gap_makes_no_other_request_of_it(bus: Bus) -> None:
    bus >> request("jobs", id="a")
    bus.gap(0.5)
    assert not (bus >> request("worker", id="a")).has(Flag.REUSED_ID)
    bus >> answer("caller:1", id="a")
    assert [one.state for one in bus.exchanges if one.kind is Kind.REQUEST] == [State.OK, State.OK]


def test_parts_that_follow_a_copy_of_the_answer_are_no_answers(bus: Bus) -> None:
    asked = bus >> request("jobs", id="a")
    bus >> answer("audit", id="a")
    bus >> progress("caller:1", id="a")
    bus >> answer("caller:1", id="a")
    assert not asked.has(Flag.DUPLICATE)


def test_who_was_asked_first_is_not_judged_by_the_answer_of_another() -> None:
    """A handler that answers busy itself tells how long it ran, of which the first that was asked knows nothing."""
    bus = Watched()
    asked = bus.ask("jobs", "do")
    bus.say("worker", asked.opened.data)
    bus.fail(asked, "busy", elapsed=0.1)
    assert [one.service for one in bus.found()] == []
    assert bus.session.journal.exchange(asked.number) is asked
    assert asked.state is State.ERROR


def test_that_nobody_listens_is_told_though_another_that_was_asked_answered() -> None:
    bus = Watched()
    bus.poll(prices=1)
    asked = bus.ask("pricse", "get")
    bus.say("prices", asked.opened.data)
    bus.answer(asked)
    bus.wait(1.5)
    bus.poll(prices=1)
    assert (bus.one("nobody-listens").service, bus.one("nobody-listens").evidence) == ("pricse", [asked.number])


def test_its_answer_is_recorded_once(tmp_path: Path) -> None:
    for name, wanted in (("all", ""), ("some", "status:ok")):
        bus, path = Watched(), tmp_path / f"{name}.jsonl"
        with Recorder(bus.session, path, matching=parse(wanted)):
            asked = bus.ask("jobs", "do")
            bus.say("worker", asked.opened.data)
            bus.answer(asked)
        written = [json.loads(line).get("channel") for line in path.read_text().splitlines()]
        assert sorted(filter(None, written)) == ["caller:web", "jobs", "worker"], name
