"""What messages carry: fields of another type, sizes, times of sending, and what is no JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.message.exchange import Exchange
from daebus_console.render import size
from tests.console.engine.findings.watched import Watched


def charge(bus: Watched, *amounts: Any, answer: Any = None) -> list[int]:
    """A charge of each amount; returns the numbers of the exchanges."""
    found = []
    for amount in amounts:
        found.append(bus.call("billing", "charge", {"amount": amount, "order": {"id": 1}}, answer).number)
        bus.wait(0.1)
    return found


def test_an_amount_that_is_text_for_every_seventh(bus: Watched) -> None:
    numbers = charge(bus, *[12.5, 3, 4, 5, 6, 7, "12.50"] * 3)
    finding = bus.one("type-changed")
    assert (finding.severity, finding.count) == (Severity.WARNING, 3)
    assert finding.evidence == [numbers[6], numbers[13], numbers[20]]
    assert finding.text == (
        "the field amount in requests of billing charge is a number in most messages and a number as text in some"
    )
    assert finding.filter == "id:" + ",".join(f"#{number}" for number in finding.evidence)


def test_a_field_that_has_changed_for_good(bus: Watched) -> None:
    """Another version of the producer was started."""
    numbers = charge(bus, *range(30), *({"net": 1},) * 40)
    finding = bus.one("type-changed")
    since = f"#{numbers[30]}"
    assert (
        finding.text == f"the field amount in requests of billing charge was a number, and is an object since {since}"
    )
    assert finding.because == (
        f"all 30 messages before {since} had a number there, and all 40 since then have an object"
    )
    assert (finding.count, finding.severity.word, finding.evidence[0]) == (40, "warning", numbers[30])
    charge(bus, 1)
    finding = bus.one("type-changed")
    assert finding.text.endswith("is a number in some messages and an object in others")
    assert (finding.because, finding.count) == ("31 messages had a number there, and 40 had an object", 40)


def test_a_field_that_has_changed_for_good_and_gets_a_third_type_has_not(bus: Watched) -> None:
    charge(bus, *range(30), *({"net": 1},) * 5)
    assert " since #" in bus.one("type-changed").text
    charge(bus, [1])
    assert bus.one("type-changed").text.endswith("is a number in some messages and an object in others")


def test_four_of_another_type_are_some(bus: Watched) -> None:
    charge(bus, *range(30), *({"net": 1},) * 4)
    assert bus.one("type-changed").text.endswith("is a number in most messages and an object in some")


@pytest.mark.parametrize(("every", "alone"), [(4, True), (3, False)])
def test_answers_of_one_instance_alone(bus: Watched, every: int, alone: bool) -> None:
    """The second of two instances runs another version; or the first answers so, too, now and then."""
    for number in range(1, 25):
        old = number % 4 == 0
        answer = {"price": 12.5 if number % every == 0 else "12.50"}
        bus.answer(bus.ask("prices", "quote"), answer, instance="old" if old else "new")
        bus.wait(0.1)
    found = bus.one("type-changed")
    assert found.because.endswith("; a number came from instance old alone") is alone
    assert (found.advice == "see which version old runs, and let it send a number as text") is alone
    assert ("alone" in found.because) is ("version" in found.advice) is alone


def test_two_versions_side_by_side_that_answer_in_turns(bus: Watched) -> None:
    for number in range(12):
        old = number % 2 == 0
        answer = {"price": 12.5 if old else "12.50"}
        asked = bus.answer(bus.ask("prices", "quote"), answer, instance="old" if old else "new")
        bus.wait(0.1)
    found = bus.one("type-changed")
    assert found.text == (
        "the field price in answers of prices quote is a number from some instances of prices and a number as text from"
        " others"
    )
    assert found.because == "all 6 from old had a number there, and all 6 from new had a number as text"
    assert (found.count, found.last) == (6, asked.opened.at)
    bus.answer(bus.ask("prices", "quote"), {"price": "12.50"}, instance="old")
    assert bus.one("type-changed").text.endswith("is a number in some messages and a number as text in others")


def test_where_one_of_them_answers_now_so_now_so_they_are_not_told_apart(bus: Watched) -> None:
    for number in range(1, 25):
        answer = {"price": 12.5 if number % 2 == 0 else "12.50"}
        bus.answer(bus.ask("prices", "quote"), answer, instance="old" if number % 4 == 0 else "new")
        bus.wait(0.1)
    assert bus.found() == []


def test_one_answer_of_an_instance_says_nothing_of_its_version(bus: Watched) -> None:
    """Ten instances, each of which answers now so, now so."""
    for number in range(10):
        bus.answer(bus.ask("prices", "quote"), {"price": "12.50" if number % 5 == 4 else 12.5}, instance=f"i{number}")
        bus.wait(0.1)
    assert bus.one("type-changed").advice == "see who sends a number as text there, and let it send a number"


def test_a_few_among_very_many_at_once_are_found(bus: Watched) -> None:
    def messages(count: int) -> list[tuple[str, bytes]]:
        return [("levels", json.dumps({"level": str(n) if n % 40 == 0 else n}).encode()) for n in range(1, count + 1)]

    bus.session.on_batch(bus.now, messages(100))
    finding = bus.one("type-changed")
    assert (finding.count, finding.because.partition(", ")[2]) == (
        2,
        "78 messages had a number there, and 2 had a number as text",
    )
    # Beyond that it learns from a part, and says so.
    bus.session.on_batch(bus.now, messages(1_000))
    bus.wait(2)
    bus.session.on_batch(bus.now, messages(40))
    finding = bus.one("type-changed")
    assert finding.because.endswith("had a number as text; 900 were not looked at")


def test_text_that_came_first_counts_once_there_is_a_rule(bus: Watched) -> None:
    numbers = charge(bus, "12.50", *range(10, 20))
    finding, first = bus.one("type-changed"), bus.session.journal.exchange(numbers[0])
    assert finding.evidence == [numbers[0]]
    assert first is not None
    assert (finding.first, finding.last) == (first.opened.at, first.opened.at)


@pytest.mark.parametrize(
    "amounts",
    [
        [1, 2.5, 3, 4e9, 5, 6, 7, 8],
        [1, 2, 3, 4, 5, 6, 7, None],
        ["a", "b", "12", "c", "d", "e", "f", "1"],
        [1, 2, 3, "4"],
        [1, "2"] * 20,
        [*[1] * 20, "12", True, [1]],
    ],
)
def test_what_has_one_type_or_none_or_all(bus: Watched, amounts: list[Any]) -> None:
    charge(bus, *amounts)
    assert [one.count for one in bus.found()] in ([], [1])
    assert all(one.rule == "type-changed" and "12" not in amounts[:3] for one in bus.found())


def test_a_field_of_answers_and_of_broadcasts(bus: Watched) -> None:
    for number in range(25):
        total: Any = "many" if number == 24 else number
        bus.call("stock", "count", answer={"lists": [{"total": total}]})
        bus.say("levels", {"level": str(total) if number == 24 else number})
        bus.wait(0.1)
    assert {one.about for one in bus.found()} == {"answer lists[*].total", "broadcast level"}


def test_events_of_different_types_are_different(bus: Watched) -> None:
    for _ in range(25):
        bus.say("events", {"type": "counted", "value": 3})
    bus.say("events", {"type": "named", "value": "three"})
    assert bus.found() == []


def test_objects_whose_keys_are_data_are_not_learned(bus: Watched) -> None:
    for number in range(30):
        bus.say("levels", {f"sku-{key}": key if number else str(key) for key in range(60)})
    assert bus.found() == []


def test_a_message_ten_times_its_usual_size(bus: Watched) -> None:
    for _ in range(60):
        bus.call("users", "list", answer={"users": ["ann"]})
    asked = bus.call("users", "list", answer={"users": ["ann"] * 5_000})
    finding = bus.one("large-payload")
    assert (finding.severity, finding.evidence) == (Severity.INFO, [asked.number])
    assert asked.answer is not None
    told = size(len(asked.answer.data))
    assert finding.text == f"an answer of users list has {told}, ten times as much as any before"
    bus.call("users", "list", answer={"users": ["ann"] * 5_000})
    assert bus.one("large-payload").count == 1


def test_of_what_was_asked_at_once_the_larger_answers_come_later(bus: Watched) -> None:
    asked = [bus.ask("files", "get", {"n": number}, timeout=60) for number in range(180)]
    for times, one in enumerate(asked, 40):
        bus.answer(one, "x" * 300 * times)
    assert bus.found() == []


def test_a_large_message_is_found_among_those_that_came_with_it(bus: Watched) -> None:
    frames = [("levels", b'{"levels": [1]}')] * 60
    large = json.dumps({"levels": [1] * 10_000}).encode()
    asked = [
        (
            "users",
            json.dumps({"action": "put", "payload": payload, "request_id": f"q{n}", "reply_to": "caller:1"}).encode(),
        )
        for n, payload in enumerate([{"n": [1]}] * 60 + [{"n": [1] * 10_000}] + [{"n": [1]}] * 5)
    ]
    bus.session.on_batch(bus.now, [*frames, ("levels", large), *asked])
    bus.wait(1)
    assert {(one.rule, one.about) for one in bus.found()} == {
        ("large-payload", "broadcast"),
        ("large-payload", "request"),
    }
    assert all(one.because.startswith("60 were seen before it") for one in bus.found())


@pytest.mark.parametrize(("before", "size"), [(10, 5_000), (60, 1_000)])
def test_few_before_or_still_small_is_none(bus: Watched, before: int, size: int) -> None:
    for _ in range(before):
        bus.call("users", "list", answer={"users": ["ann"]})
    bus.call("users", "list", answer={"users": ["ann"] * size})
    assert bus.found() == []


@pytest.mark.parametrize(("off", "words"), [(3.0, "3 s ahead"), (-60.0, "60 s behind")])
def test_a_clock_that_is_off(bus: Watched, off: float, words: str) -> None:
    for _ in range(6):
        bus.ask("users", "get", sent_at=bus.now + off)
        bus.wait(0.6)
    finding = bus.one("clocks-differ")
    assert (finding.service, finding.filter) == ("web", "from:web")
    assert finding.text == f"the clock of web is {words}"


def test_what_is_sent_late_now_and_then_has_a_good_clock(bus: Watched) -> None:
    for number in range(12):
        bus.ask("users", "get", sent_at=bus.now - (number % 4) * 3)
        bus.say("users", {"action": "get", "request_id": f"j{number}", "service": "job", "payload": {"sent_at": 1}})
        bus.wait(0.6)
    assert bus.found() == []


def test_what_is_no_json_on_the_channel_of_a_service(bus: Watched) -> None:
    bus.info("users", "get")
    broken = bus.say("users", b"\x80pickle")
    finding = bus.one("unreadable")
    assert (finding.service, finding.evidence) == ("users", [broken.number])
    assert "not UTF-8" in finding.text


def test_or_on_a_channel_that_a_service_listens_to(bus: Watched) -> None:
    bus.info("mailer", listens=["orders"])
    bus.say("orders", {"order": 1})
    bus.say("orders", b"[1, 2")
    assert "no JSON" in bus.one("unreadable").text


def test_what_no_service_reads_is_somebody_elses(bus: Watched) -> None:
    for number in range(20):
        bus.say("orders", {"order": number})
        bus.say("orders", b"[1, 2")
        bus.say("celery", b"\x80pickle")
        bus.say("texts", b"hello")
    assert bus.found() == []


def test_hostile_names_and_texts_are_shown_as_text(bus: Watched) -> None:
    nasty = "\x1b[31m[bold]\u202e\n"
    bus.info(nasty, nasty + "x", workers={"max": "many"}, queue=[], counts=7, version=["1"])
    order = bus.ask(nasty, nasty, {nasty: nasty})
    bus.fail(bus.ask(nasty, nasty, of=order), nasty)
    bus.answer(order)
    (finding,) = bus.found()
    for text in (finding.text, finding.because, finding.advice, finding.filter):
        assert text.isprintable()


def test_what_comes_often_does_not_hide_what_comes_seldom(bus: Watched) -> None:
    for number in range(20):
        for _ in range(100):
            bus.send("metrics", "count", {"value": 1})
        bus.send("billing", "charge", {"amount": "12.50" if number == 15 else 12.5})
        bus.wait(1)
    assert bus.one("type-changed").service == "billing"


def test_a_payload_that_is_no_utf_8_is_dropped_by_its_service(bus: Watched) -> None:
    bus.poll(_users=1)
    fine = '{"action": "greet", "payload": {"name": "Zoé"}}'
    bus.say("users", fine.encode())
    assert bus.found() == []
    sent = [bus.say("users", fine.encode("latin-1")) for _ in range(2)]
    finding = bus.one("unreadable")
    assert finding.text.startswith("a message on users cannot be read: not UTF-8 (byte ")
    assert (finding.count, finding.filter) == (2, f"id:#{sent[0].number},#{sent[1].number}")
    asked = '{"action": "greet", "payload": {"name": "Zoé"}, "request_id": "r", "reply_to": "caller:web"}'
    bus.say("users", asked.encode("latin-1"))
    assert sorted(one.about for one in bus.found() if one.rule == "unreadable") == ["one_way", "request"]


def test_an_event_that_is_no_utf_8_is_dropped_by_its_listeners(bus: Watched) -> None:
    bus.info("mailer", "send", listens=["news"])
    bus.poll(_mailer=1, news=1)
    bus.say("news", '{"text": "Zoé"}'.encode("latin-1"))
    assert "not UTF-8" in bus.one("unreadable").text


def test_what_others_write_to_each_other_may_be_what_it_likes(bus: Watched) -> None:
    bus.poll(users=1)
    bus.say("users", '{"action": "greet", "payload": {"name": "Zoé"}}'.encode("latin-1"))
    assert bus.found() == []


def beside(bus: Watched, *pairs: tuple[Any, Any]) -> list[Exchange]:
    """Requests that are under way at once: what each asks for, and what it is told."""
    asked = [bus.ask("users", "get", {"id": own}) for own, _ in pairs]
    for one, (_, told) in zip(asked, pairs, strict=True):
        bus.answer(one, {"id": told})
    return asked


def test_answers_that_carry_what_another_request_had_asked_for(bus: Watched) -> None:
    for number in range(3):
        beside(bus, (f"own-{number}", f"own-{number}"))
    for number in range(4):
        one, other = (f"a-{number}", f"b-{number}")[:: 1 if number % 2 else -1]
        beside(bus, (one, other), (other, other))
    assert bus.found() == []
    mine, others = beside(bus, ("a-9", "b-9"), ("b-9", "b-9"))
    found = bus.one("anothers-data")
    assert found.text == (
        f"users get answers with the data of others: #{mine.number} was told the id that #{others.number} had asked for"
        " at the same time"
    )
    assert found.severity is Severity.ERROR
    assert found.evidence == [mine.number]
    assert "b-9" not in found.text + found.because + found.advice
    assert f"#{mine.number},#{others.number}" in found.filter


@pytest.mark.parametrize("how", ["strange", "before", "shared", "never its own", "short"])
def test_what_differs_for_other_reasons_is_nobodys(bus: Watched, how: str) -> None:
    for number in range(3 * (how != "never its own")):
        beside(bus, (f"own-{number}", f"own-{number}"))
    if how == "strange":
        beside(bus, ("merged", "into this"))
    for number in range(20):
        one, other = (f"a-{number}", f"b-{number}") if how != "short" else (number % 5, number % 5 + 1)
        if number % 2:
            one, other = other, one
        if how == "before":
            beside(bus, (other, other))
            beside(bus, (one, other))
        elif how == "shared":
            # What is not there in one language is told in another, which many ask for.
            beside(bus, ("french", "english"), ("english", "english"))
        elif how == "never its own":
            beside(bus, (one, other), (other, f"c-{number}"), (f"c-{number}", f"d-{number}"))
        else:
            beside(bus, (one, other), (other, other))
    assert "anothers-data" not in bus.names()


@pytest.mark.parametrize("how", ["claims", "batches", "sequence", "room"])
def test_answers_that_are_meant_to_tell_of_others(bus: Watched, how: str) -> None:
    for turn in range(20):
        ids = [f"{sign}-{turn}" for sign in ("mbz", "amz", "zbm")[turn % 3]]
        if how == "sequence":
            # The answer is the latest that came.
            asked = [bus.ask("log", "append", {"seq": 100 + 3 * turn + n}) for n in range(3)]
            told: list[dict[str, Any]] = [{"seq": 102 + 3 * turn} for _ in asked]
        elif how == "batches":
            asked = [bus.ask("model", "predict", {"traceId": one}) for one in ids]
            told = [{"traceId": ids[0]} for _ in asked]
        elif how == "room":
            asked = [bus.ask("chat", "say", {"room": "lounge", "text": one}) for one in ids]
            told = [{"room": "lounge", "text": ids[0]} for _ in asked]
        else:
            # One of them gets the job, and all are told which.
            asked = [bus.ask("jobs", "claim", {"job": f"j-{turn}", "worker": one}) for one in ids]
            told = [{"worker": ids[0]} for _ in asked]
        for one, answer in zip(asked, told, strict=True):
            bus.answer(one, answer)
        bus.wait(1)
    assert "anothers-data" not in bus.names()


def test_what_requests_said_is_let_go_of_as_ever(bus: Watched) -> None:
    said = json.dumps({"action": "get", "reply_to": "r", "payload": {"id": "x" * 50}, "request_id": "??"}).encode()
    asked = [said.replace(b"??", b"%d" % number) for number in range(100)]
    bus.session.journal.max_messages = 10
    for number, one in enumerate(asked):
        bus.say("users", one)
        bus.say("r", {"status": "success", "request_id": str(number), "payload": {}})
    for _ in range(2_000):
        bus.call("orders", "list")
    bus.wait(60)
    (free,) = {sys.getrefcount(one) for one in [said.replace(b"??", b"%d" % number) for number in range(3)]}
    held = [sys.getrefcount(one) for one in asked]
    assert held.count(free) > 90
