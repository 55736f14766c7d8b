"""Messages that set each other off, round and round; and those that only look like it."""

from __future__ import annotations

import json

import pytest

from tests.console.engine.findings.watched import Watched
from tests.console.engine.records.told import batch, cast

CHANGED, GONE = b'{"item": 7}', b'{"gone": 7}'


class Rounds:
    """Broadcasts of services that hear one and send another, and tell so."""

    def __init__(self, bus: Watched) -> None:
        self.bus = bus
        self.numbers: dict[str, int] = {}
        self.runs = 0

    def tell(self, service: str, *kinds: tuple[str, str, bytes, str]) -> None:
        """What it did: a kind of record, a channel, a message and the id of the run."""
        records = []
        for kind, channel, data, run in kinds:
            number = self.numbers[service] = self.numbers.get(service, 0) + 1
            about = {"parent": run} if kind == "published" else {"id": run, "listener": "on", "outcome": "ok"}
            records.append(cast(kind, number, channel, data, self.bus.now, **about))
        sent = batch(service, *records)
        self.bus.say(sent.channel, sent.data)

    def begin(self, channel: str, data: bytes, service: str = "web") -> None:
        """A broadcast that a background task sends, of whose run nothing is told."""
        self.bus.say(channel, data)
        self.runs += 1
        self.tell(service, ("published", channel, data, f"task{self.runs}"))

    def pass_on(self, service: str, heard: tuple[str, bytes], sent: tuple[str, bytes], *, later: bool = False) -> None:
        """A service hears one and sends another one."""
        self.bus.say(*sent)
        self.runs += 1
        run = f"run{self.runs}"
        records = [("published", *sent, run), ("heard", *heard, run)]
        if later:
            for one in records:
                self.tell(service, one)
        else:
            self.tell(service, *records)


@pytest.fixture
def rounds(bus: Watched) -> Rounds:
    return Rounds(bus)


@pytest.mark.parametrize("later", [False, True])
def test_broadcasts_that_set_each_other_off(bus: Watched, rounds: Rounds, later: bool) -> None:
    rounds.begin("changed", CHANGED)
    for _ in range(120):
        rounds.pass_on("cache", ("changed", CHANGED), ("gone", GONE), later=later)
        rounds.pass_on("index", ("gone", GONE), ("changed", CHANGED), later=later)
        bus.wait(0.03)
    finding = bus.one("goes-round")
    assert finding.text == (
        "the same message comes back again and again: cache sends gone for each changed, and index sends changed for"
        " each gone"
    )
    assert (finding.service, finding.severity.word) == ("changed", "warning")
    assert 115 <= finding.count <= 120
    assert finding.filter.startswith("id:#")


def test_of_a_storm_services_tell_of_a_part(bus: Watched, rounds: Rounds) -> None:
    for number in range(600):
        if number % 10:
            bus.say("changed", CHANGED)
            bus.say("gone", GONE)
        else:
            rounds.pass_on("cache", ("changed", CHANGED), ("gone", GONE))
            rounds.pass_on("index", ("gone", GONE), ("changed", CHANGED))
    assert bus.one("goes-round").text.endswith("index sends changed for each gone")


def test_of_a_storm_one_service_may_tell_after_the_other(bus: Watched, rounds: Rounds) -> None:
    about = ("changed", CHANGED), ("gone", GONE)
    for service, sent, heard in (("index", *about), ("cache", *reversed(about))):
        runs = [f"{service}{number}" for number in range(30)]
        rounds.tell(service, *(one for run in runs for one in (("published", *sent, run), ("heard", *heard, run))))
        if service == "index":
            for _ in range(150):
                bus.say(*sent)
                bus.say(*heard)
    assert bus.one("goes-round").text.endswith("index sends changed for each gone")


@pytest.mark.parametrize("id_of", ["request_id", "message_id"])
def test_requests_and_one_way_messages_that_set_each_other_off(bus: Watched, id_of: str) -> None:
    answered = {"reply_to": "caller:1"} if id_of == "request_id" else {}
    for number in range(240):
        one, other = ("stock", "shop") if number % 2 else ("shop", "stock")
        ids = {id_of: f"m{number}", "parent_id": f"m{number - 1}", "service": other, **answered}
        bus.say(one, {"action": "sync", "payload": {"item": 7}, **ids})
    assert bus.one("goes-round").text == (
        "the same message comes back again and again: shop sends stock sync for each shop sync, and stock sends shop"
        " sync for each stock sync"
    )


def test_a_listener_that_hears_itself(bus: Watched, rounds: Rounds) -> None:
    rounds.begin("changed", CHANGED)
    for _ in range(120):
        rounds.pass_on("cache", ("changed", CHANGED), ("changed", CHANGED))
    assert bus.one("goes-round").text.endswith("again and again: cache sends changed for each changed")


def test_what_changes_from_round_to_round_may_come_to_an_end(bus: Watched, rounds: Rounds) -> None:
    for number in range(150):
        done, start = json.dumps({"done": number}).encode(), json.dumps({"start": number}).encode()
        rounds.pass_on("worker", ("start", start), ("done", done))
        rounds.pass_on("boss", ("done", done), ("start", start))
    assert bus.found() == []


def test_what_others_begin_as_often_does_come_to_an_end(bus: Watched, rounds: Rounds) -> None:
    for _ in range(150):
        rounds.begin("changed", CHANGED)
        rounds.pass_on("cache", ("changed", CHANGED), ("gone", GONE))
        rounds.pass_on("index", ("gone", GONE), ("changed", CHANGED))
    assert bus.found() == []


def test_what_passes_on_and_does_not_come_back_is_fine(bus: Watched, rounds: Rounds) -> None:
    for _ in range(150):
        rounds.begin("changed", CHANGED)
        rounds.pass_on("cache", ("changed", CHANGED), ("gone", GONE))
    assert bus.found() == []


def test_what_comes_back_once_in_a_second_may_be_meant_to(bus: Watched, rounds: Rounds) -> None:
    rounds.begin("tick", CHANGED)
    for _ in range(150):
        rounds.pass_on("clock", ("tick", CHANGED), ("tick", CHANGED))
        bus.wait(1)
    assert bus.found() == []


def test_what_looks_again_until_something_is_there_comes_to_an_end(bus: Watched) -> None:
    for number in range(150):
        ids = {"message_id": f"m{number}", "parent_id": f"m{number - 1}", "service": "jobs"}
        bus.say("jobs", {"action": "check", "payload": {"job": 7}, **ids})
        bus.wait(0.1)
    assert bus.found() == []


def test_a_handler_that_sends_itself_the_next_step_means_to(bus: Watched) -> None:
    for number in range(150):
        ids = {"message_id": f"m{number}", "parent_id": f"m{number - 1}", "service": "jobs"}
        bus.say("jobs", {"action": "drain", "payload": {}, **ids})
    assert bus.found() == []


def test_what_came_back_slowly_before_does_not_count_where_others_send_as_much_at_once(
    bus: Watched, rounds: Rounds
) -> None:
    rounds.begin("tick", CHANGED)
    for _ in range(500):
        rounds.pass_on("clock", ("tick", CHANGED), ("tick", CHANGED))
        bus.wait(1)
    for _ in range(110):
        rounds.begin("tick", CHANGED)
    rounds.pass_on("clock", ("tick", CHANGED), ("tick", CHANGED))
    assert bus.found() == []


def test_a_walk_through_a_tree_by_requests_to_oneself_is_fine(bus: Watched) -> None:
    for number in range(150):
        bus.ask("files", "walk", {"folder": f"f{number}"}, parent_id=f"r{number}", timeout=100)
    assert "goes-round" not in bus.names()


def test_requests_of_which_others_come_as_often_are_fine(bus: Watched) -> None:
    for _ in range(150):
        first = bus.ask("shop", "sync", {"item": 7}, timeout=100)
        again = bus.ask("shop", "sync", {"item": 7}, of=first, timeout=100)
        bus.answer(again)
        bus.answer(first)
    assert "goes-round" not in bus.names()


def test_what_went_round_before_something_was_lost_is_forgotten(bus: Watched, rounds: Rounds) -> None:
    for _ in range(75):
        rounds.pass_on("cache", ("changed", CHANGED), ("changed", CHANGED))
    bus.session.findings.lost()
    for _ in range(75):
        rounds.pass_on("cache", ("changed", CHANGED), ("changed", CHANGED))
    assert bus.found() == []
