"""Answers that are late, doubled or refused, requests that come again, ids used twice."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rules.asking import asked_again
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.why.asking import why_exchange
from daebus_console.engine.why.sight import Sight
from tests.console.engine.findings.watched import Watched
from tests.console.engine.records.told import batch, cast


def test_timed_out_although_the_work_was_done(bus: Watched) -> None:
    asked = bus.ask("payment", "refund", timeout=0.5)
    bus.wait(2)
    bus.answer(asked, elapsed=1.9)
    finding = bus.one("late-answer")
    assert (finding.severity, finding.evidence) == (Severity.WARNING, [asked.number])
    assert finding.text == (
        "payment refund did its work for nobody: the caller gave up after 500 ms, the answer came after 2 s"
    )


def test_how_long_to_wait_is_as_long_as_the_slowest_took(bus: Watched) -> None:
    for took in (4.0, 2.0):
        asked = bus.ask("payment", "refund", timeout=0.5)
        bus.wait(took)
        bus.answer(asked, elapsed=took)
    finding = bus.one("late-answer")
    assert finding.text.endswith("the answer came after 2 s")
    assert finding.advice == "wait longer than 4 s, or find out what takes so long"


@pytest.mark.parametrize("fields", [{}, {"timeout": 5}])
def test_in_time_or_without_a_time_of_its_own_it_is_none(bus: Watched, fields: dict[str, float]) -> None:
    asked = bus.ask("payment", "refund", **fields)
    bus.wait(3 if fields else 30)
    bus.answer(asked)
    assert bus.found() == []


def test_a_late_refusal_is_no_work_done(bus: Watched) -> None:
    asked = bus.ask("payment", "refund", timeout=0.5)
    bus.wait(2)
    bus.fail(asked, "expired")
    assert bus.names() == ["refused"]


@pytest.mark.parametrize("code", ["busy", "expired"])
def test_what_a_service_refused(bus: Watched, code: str) -> None:
    asked = bus.fail(bus.ask("payment", "charge"), code)
    finding = bus.one("refused")
    assert (finding.severity, finding.evidence) == (Severity.WARNING, [asked.number])
    assert finding.text.startswith(f"payment charge was refused with {code}: ")
    assert finding.filter == f"to:payment action:charge code:{code}"


@pytest.mark.parametrize("code", ["busy", "expired"])
def test_what_a_handler_answers_or_is_cut_off_with_is_no_refusal(bus: Watched, code: str) -> None:
    bus.fail(bus.ask("ticks", "watch"), code, elapsed=3.0)
    assert bus.found() == []


def test_what_redis_refused(bus: Watched) -> None:
    said = {"error": "pay could not claim the request: OOM \x1b[1m", "code": "redis_refused"}
    asked = bus.answer(bus.ask("pay", "charge"), said, status="error")
    finding = bus.one("refused")
    assert finding.text == "Redis refused pay charge: pay could not claim the request: OOM \\x1b[1m"
    assert (finding.evidence, finding.filter) == ([asked.number], "to:pay action:charge code:redis_refused")


@pytest.mark.parametrize("code", ["handler_error", "shutting_down", "bad_request"])
def test_other_errors_are_on_the_row_already(bus: Watched, code: str) -> None:
    bus.fail(bus.ask("payment", "charge"), code)
    assert bus.found() == []


def test_messages_that_a_service_counts_as_dropped(bus: Watched) -> None:
    bus.info("mailer", counts={"dropped": 1, "busy": 4, "expired": 0})
    bus.wait(10)
    bus.info("mailer", counts={"dropped": 6, "busy": 9, "expired": 0})
    assert bus.found() == []
    bus.wait(10)
    bus.info("mailer", counts={"dropped": 9, "busy": 9, "expired": 0})
    finding = bus.one("refused")
    assert (finding.count, finding.filter) == (5, "to:mailer")
    assert finding.text.startswith("mailer dropped messages that nobody answers")
    bus.info("mailer", counts={"dropped": 10, "busy": 10, "expired": 0})
    bus.session.findings.finish()
    assert bus.one("refused").count == 6


def test_what_a_service_tells_of_each_is_not_counted_again(bus: Watched) -> None:
    bus.info("mailer", counts={"dropped": 0, "busy": 0, "expired": 0})
    bus.wait(10)
    data = b'{"order": 7}'
    bus.say("orders", data)
    bus.info("mailer", counts={"dropped": 1, "busy": 1, "expired": 0})
    told = batch("mailer", cast("refused", 1, "orders", data, bus.now, code="busy", queued=0.0))
    bus.say(told.channel, told.data)
    bus.wait(10)
    bus.info("mailer", counts={"dropped": 2, "busy": 2, "expired": 0})
    bus.session.findings.finish()
    assert bus.one("refused").text == "mailer refused a broadcast on 'orders', and nobody was told: its queue was full"


def test_two_instances_that_both_answer(bus: Watched) -> None:
    bus.info("users", "get", instance="a")
    bus.info("users", "get", instance="b")
    bus.info("users", "get", instance="a")
    asked = bus.answer(bus.ask("users", "get"), {"n": 1}, instance="a")
    bus.answer(asked, {"n": 1}, instance="b")
    bus.answer(asked, {"n": 1}, instance="c")
    finding = bus.one("answered-twice")
    assert (finding.count, finding.evidence) == (1, [asked.number])
    assert "2 instances answer the same request" in finding.text
    assert "shared=True" in finding.advice


def test_two_that_share_the_work_and_both_answer(bus: Watched) -> None:
    """The second was paused for so long that nobody knew any more that the first had handled it."""
    for name in ("a", "b"):
        bus.info("users", "get", instance=name, shared=True)
    asked = bus.answer(bus.ask("users", "get", timeout=3), instance="a")
    bus.wait(12)
    bus.answer(asked, instance="b")
    finding = bus.one("answered-twice")
    assert finding.text == "users get is handled more than once, though its instances share the work"
    assert finding.advice == "see whether b was paused, or held as a whole: it answered 12 s after it was asked"


def test_one_that_shares_the_work_and_one_of_an_older_release_both_answer(bus: Watched) -> None:
    bus.info("users", "get", instance="a", shared=True)
    asked = bus.answer(bus.ask("users", "get"), {"n": 1})
    bus.answer(asked, {"n": 1}, instance="a")
    finding = bus.one("answered-twice")
    assert finding.text == (
        "users get is handled more than once: by one of the instances that share the work, and by another program"
    )
    assert (
        finding.advice == "stop the other, or bring it to this version: it does not say who it is, and shares no work"
    )


@pytest.mark.parametrize("first", ["old", "new"])
def test_one_of_another_release_has_an_action_that_the_others_have_not(bus: Watched, first: str) -> None:
    bus.poll(_users=1, users=1)
    bus.info("users", "get", instance="a")
    asked = bus.ask("users", "find")
    if first == "old":
        bus.answer(asked, {"n": 1})
    bus.fail(asked, "unknown_action", instance="a")
    if first == "new":
        bus.answer(asked, {"n": 1})
    assert bus.one("answered-twice").text == (
        "users find is handled by one of those who answer, and another answers that it has no such action"
    )
    assert "run it with unknown_action" in bus.one("answered-twice").advice


def test_a_handler_that_answers_twice(bus: Watched) -> None:
    asked = bus.ask("users", "get")
    bus.answer(asked, instance="a")
    bus.answer(asked, instance="a")
    assert bus.one("answered-twice").text == "one instance answered users get twice"


def test_of_a_program_that_does_not_tell_who_it_is_it_is_not_said_that_there_are_several(bus: Watched) -> None:
    bus.poll(legacy=1)
    asked = bus.ask("legacy", "stock")
    bus.answer(asked)
    bus.answer(asked)
    finding = bus.one("answered-twice")
    assert finding.text == "a request to legacy stock got two final answers"
    assert finding.advice == "see whether one program serves it: send one final answer, with the id of that request"


def test_where_several_are_listed_they_are_said_to_be(bus: Watched) -> None:
    bus.poll(legacy=2)
    asked = bus.ask("legacy", "stock")
    bus.answer(asked)
    bus.answer(asked)
    assert bus.one("answered-twice").text.endswith("several programs answer the same request")


@pytest.mark.parametrize("instance", [{}, {"instance": "a"}])
def test_an_answer_with_the_id_of_another_request(bus: Watched, instance: dict[str, str]) -> None:
    for _ in range(2):
        first = bus.ask("legacy", "stock", {"id": 1}, timeout=1)
        bus.answer(first, {"id": 1}, **instance)
        second = bus.ask("legacy", "stock", {"id": 2}, timeout=1)
        bus.answer(first, {"id": 2}, **instance)
        bus.wait(2)
    finding = bus.one("answered-twice")
    assert finding.text == (
        f"legacy stock answers with the id of another request: #{first.number} got two answers, and #{second.number}"
        " none"
    )
    assert finding.filter == f"id:#{first.number},#{second.number}"
    bus.answer(first, {"id": 2}, **instance)
    assert bus.one("answered-twice").text == finding.text


def test_a_request_without_an_answer_before_or_after_that_got_none_anyway(bus: Watched) -> None:
    bus.ask("legacy", "stock", timeout=1)
    bus.wait(2)
    twice = bus.ask("legacy", "stock", timeout=1)
    bus.answer(twice)
    bus.answer(twice)
    bus.ask("legacy", "stock", timeout=1)
    bus.ask("legacy", "other", timeout=1)
    bus.wait(2)
    assert bus.one("answered-twice").text == "a request to legacy stock got two final answers"


def test_a_request_without_an_answer_is_not_said_to_be_mixed_up_where_each_gets_two_answers(bus: Watched) -> None:
    bus.poll(legacy=1)
    for slow in (False, True, False, True):
        if slow:
            bus.ask("legacy", "job", timeout=1)
        for _ in range(3):
            asked = bus.ask("legacy", "job", timeout=1)
            bus.answer(asked, {"accepted": True})
            bus.answer(asked, {"done": True})
        bus.wait(2)
    assert bus.one("answered-twice").text == "a request to legacy job got two final answers"


def test_of_many_requests_without_an_answer_few_are_mixed_up_by_chance(bus: Watched) -> None:
    bus.poll(legacy=1)
    for number in range(12):
        bus.ask("legacy", "job", timeout=1)
        asked = bus.ask("legacy", "job", timeout=1)
        bus.answer(asked)
        if number % 5 == 0:
            bus.answer(asked)
        bus.wait(2)
    assert bus.one("answered-twice").text == "a request to legacy job got two final answers"


def test_a_stream_has_one_final_answer(bus: Watched) -> None:
    asked = bus.ask("users", "list")
    for final in (False, False, True):
        bus.answer(asked, instance="a", final=final)
    assert bus.found() == []


def test_all_instances_answer_info_and_that_is_none(bus: Watched) -> None:
    bus.say("daebus.control.users", {"action": "info", "payload": {}, "request_id": "i", "reply_to": "caller:x"})
    for instance in ("a", "b", "c"):
        bus.say("caller:x", {"status": "success", "payload": {"service": "users"}, "request_id": "i", "i": instance})
    assert bus.found() == []


def test_the_same_request_after_each_error(bus: Watched) -> None:
    asked = []
    for _ in range(4):
        asked.append(bus.fail(bus.ask("stock", "reserve", {"sku": 1})))
        bus.wait(0.1)
    finding = bus.one("asked-again")
    assert (finding.count, finding.evidence) == (2, [one.number for one in asked])
    assert "was sent 4 times in a row" in finding.text


def test_with_a_pause_between_or_another_payload_it_is_none(bus: Watched) -> None:
    for number in range(5):
        bus.fail(bus.ask("stock", "reserve", {"sku": 1}))
        bus.wait(1)
        bus.fail(bus.ask("stock", "reserve", {"sku": number}))
        bus.wait(1)
    assert bus.found() == []


@pytest.mark.parametrize(("answer", "found"), [({"error": "nothing yet"}, []), (None, ["asked-again"])])
def test_a_long_poll_says_with_an_error_of_its_own_that_there_is_nothing(
    bus: Watched, answer: dict[str, str] | None, found: list[str]
) -> None:
    for _ in range(5):
        asked = bus.ask("hub", "poll", {"client": 1})
        bus.wait(1.8)
        bus.answer(asked, answer or {"error": "no", "code": "handler_error"}, status="error")
    assert bus.names() == found


def test_for_other_requests_it_is_none(bus: Watched) -> None:
    for _ in range(5):
        order = bus.ask("gateway", "buy")
        bus.fail(bus.ask("stock", "reserve", {"sku": 1}, of=order))
        bus.fail(order)
        bus.wait(1)
    assert bus.found() == []


def test_again_after_a_timeout_though_the_work_was_done(bus: Watched) -> None:
    first = bus.ask("payment", "charge", {"order": 1}, timeout=1)
    bus.wait(1.1)
    bus.answer(first)
    second = bus.ask("payment", "charge", {"order": 1}, timeout=1)
    finding = bus.one("asked-again")
    assert finding.evidence == [first.number, second.number]
    assert finding.text.endswith("timed out; the work of the first was done")


def test_no_more_is_remembered_than_was_asked_in_a_few_seconds(bus: Watched) -> None:
    (rule,) = [rule for rule in bus.session.findings.judges.rules if isinstance(rule, asked_again.Found)]
    bus.fail(bus.ask("stock", "reserve", {"sku": "the first"}))
    for number in range(300):
        # The same one again and again, which has nothing to do with the others.
        bus.call("stock", "reserve", {"sku": "always"})
        bus.call("stock", "reserve", {"sku": number})
        bus.wait(0.1)
    (of,) = rule._of.values()
    # Ten are asked of each in a second.
    assert of.new == []
    assert len(of.lone) > 20
    assert sum(map(len, of.lone.values())) < 100


def _again_after_each_timeout(bus: Watched, *, late: bool, ticks: bool = False, pause: float = 0.1) -> list[Exchange]:
    """Four times the same with a time of 0.2 s, each after the one before; all are answered 0.9 s after that, if so."""
    begun = bus.now
    asked: list[Exchange] = []
    answered = 0
    for _ in range(4):
        asked.append(bus.ask("users", "slow", {"s": 1}, timeout=0.2))
        if ticks:
            bus.wait(0.25)
        bus.now = begun + len(asked) * (0.2 + pause)
    while late and answered < 4:
        bus.now = max(bus.now, asked[answered].opened.at + 0.9)
        bus.answer(asked[answered])
        answered += 1
    bus.wait(2)
    return asked


@pytest.mark.parametrize("ticks", [False, True])
def test_again_after_each_timeout_nothing_being_answered(bus: Watched, ticks: bool) -> None:
    asked = _again_after_each_timeout(bus, late=False, ticks=ticks)
    finding = bus.one("asked-again")
    assert (finding.count, finding.evidence) == (2, [one.number for one in asked])
    assert finding.text == "the same request to users slow was sent 4 times in a row, 100 ms after it timed out"


def test_asked_once_more_after_a_long_timeout_all_is_looked_at_as_before(bus: Watched) -> None:
    bus.ask("users", "slow", {"n": 1}, timeout=2.5)
    # It is seen before it is known that the time of the first is over.
    bus.now += 2.5
    bus.ask("users", "slow", {"n": 1}, timeout=2.5)
    for _ in range(30):
        bus.wait(0.5)
        bus.call("users", "other")
    assert bus.found() == []


@pytest.mark.parametrize("ticks", [False, True])
def test_again_after_each_timeout_all_being_answered_late(bus: Watched, ticks: bool) -> None:
    asked = _again_after_each_timeout(bus, late=True, ticks=ticks)
    finding = bus.one("asked-again")
    assert (finding.count, sorted(finding.evidence)) == (3, [one.number for one in asked])
    assert finding.text == (
        "the same request to users slow was sent 4 times in a row, 100 ms after it timed out;"
        " 4 of them were done after their time"
    )


def test_again_a_little_before_the_time_of_the_one_before_is_seen_to_be_over(bus: Watched) -> None:
    asked = _again_after_each_timeout(bus, late=False, pause=-0.003)
    assert bus.one("asked-again").evidence == [one.number for one in asked]


def test_again_after_a_timeout_that_turns_out_later_to_have_been_done(bus: Watched) -> None:
    first = bus.ask("payment", "charge", {"order": 1}, timeout=0.2)
    bus.wait(0.3)
    second = bus.call("payment", "charge", {"order": 1}, timeout=1)
    assert bus.found() == []
    bus.wait(5)
    bus.answer(first)
    finding = bus.one("asked-again")
    assert (finding.count, finding.evidence) == (1, [first.number, second.number])
    assert finding.text.endswith("sent twice in a row, 101 ms after it timed out; the work of the first was done")


def test_again_after_each_error_all_of_it_being_read_at_once(bus: Watched) -> None:
    frames: list[tuple[str, bytes]] = []
    for number in range(4):
        about = {"request_id": f"e{number}", "service": "web"}
        asked = {"action": "reserve", "payload": {"sku": 1}, "reply_to": "caller:web", **about}
        frames.append(("stock", json.dumps(asked).encode()))
        frames.append(("caller:web", json.dumps({"status": "error", "payload": {"error": "no"}, **about}).encode()))
    bus.session.on_batch(bus.now + 1, frames)
    finding = bus.one("asked-again")
    assert (finding.count, len(finding.evidence)) == (2, 4)
    assert "was sent 4 times in a row" in finding.text


@pytest.mark.parametrize(("pause", "told"), [(0.06, []), (0.01, ["asked-again"])])
def test_attempts_of_a_retry_are_meant_but_where_they_hardly_wait(bus: Watched, pause: float, told: list[str]) -> None:
    first = bus.ask("stock", "reserve", {"sku": 1})
    bus.fail(first, "full")
    for _ in range(3):
        bus.wait(pause)
        bus.fail(bus.ask("stock", "reserve", {"sku": 1}, retry_of=first.request_id), "full")
    assert bus.names() == told


def test_equal_requests_at_a_time_are_none(bus: Watched) -> None:
    for _ in range(5):
        bus.ask("stock", "reserve", {"sku": 1}, timeout=0.2)
    bus.wait(1)
    assert bus.found() == []


def test_again_after_a_timeout_once_is_none(bus: Watched) -> None:
    bus.ask("payment", "charge", {"order": 1}, timeout=1)
    bus.wait(1.1)
    bus.call("payment", "charge", {"order": 1}, timeout=1)
    assert bus.found() == []


@pytest.mark.parametrize("answers", [2, 3, 5])
def test_several_answers_that_came_together(bus: Watched, answers: int) -> None:
    asked = {"action": "get", "request_id": "a", "reply_to": "caller:web", "payload": {}}
    told = {"status": "success", "request_id": "a", "payload": {}}
    bus.take([(bus.now, "users", asked), *((bus.now, "caller:web", told) for _ in range(answers))])
    assert bus.one("answered-twice").count == 1


def test_an_id_used_twice(bus: Watched) -> None:
    first = bus.ask("users", "get", request_id="same")
    bus.answer(first)
    second = bus.ask("users", "get", request_id="same")
    finding = bus.one("id-reused")
    assert finding.evidence == [second.number]
    assert finding.filter == "to:users action:get is:reused"
    assert finding.text == "web uses one request_id for several requests to users get"
    bus.say("users", {"action": "get", "request_id": "same", "reply_to": "caller:web", "payload": {}})
    assert bus.one("id-reused").text == "who asks on 'caller:web' uses one request_id for several requests to users get"


def test_the_same_id_on_another_channel_is_another(bus: Watched) -> None:
    bus.ask("users", "get", request_id="1", reply_to="caller:a")
    bus.ask("users", "get", request_id="1", reply_to="caller:b")
    assert bus.found() == []


def test_the_call_that_took_most_of_the_time_is_named(bus: Watched) -> None:
    asked = bus.ask("orders", "place", timeout=0.5)
    bus.call("users", "get", of=asked)
    charge = bus.ask("payment", "charge", of=asked, timeout=5)
    bus.wait(1.5)
    bus.answer(charge)
    bus.answer(asked)
    finding = bus.one("late-answer")
    assert finding.text.endswith("the answer came after 1.5 s, 1.5 s of it with its call to payment charge")
    assert finding.advice == f"wait longer than 1.5 s, or find out what takes so long: trace #{asked.number}"
    findings = bus.session.findings
    cause = why_exchange(Sight(findings.world, findings.book, bus.session.journal, bus.now), asked)
    assert cause.text.endswith("too late: most of it was its call to payment charge")
    assert f"1.5 s of it its call #{charge.number} took: payment charge" in cause.evidence


def test_no_call_is_named_where_none_took_most_of_the_time(bus: Watched) -> None:
    asked = bus.ask("orders", "place", timeout=0.5)
    bus.call("users", "get", of=asked)
    bus.wait(1.5)
    bus.answer(asked, elapsed=1.4)
    assert bus.one("late-answer").text.endswith("the answer came after 1.5 s")


def test_an_answer_that_came_just_too_late_says_by_how_much(bus: Watched) -> None:
    asked = bus.ask("payment", "refund", timeout=3)
    bus.wait(3.003)
    bus.answer(asked)
    found = bus.one("late-answer")
    assert found.text == (
        "payment refund did its work for nobody: the caller gave up after 3 s, the answer came 4 ms later, only 1 ms of"
        " it in the handler"
    )
    assert found.advice == ("find out what it waited for, a free worker perhaps: services payment; or wait longer")
    bus.wait(1)
    other = bus.ask("payment", "refund", timeout=3)
    bus.wait(4)
    bus.answer(other, elapsed=3.9)
    found = bus.one("late-answer")
    assert found.text.endswith("the caller gave up after 3 s, the answer came after 4 s")
    assert found.advice == "wait longer than 4 s, or find out what takes so long"


def export(bus: Watched, rows: int, took: float, *, asked: int = 1) -> None:
    request = bus.ask("history", "export", {"ids": ["x" * 99] * asked})
    bus.wait(took)
    bus.answer(request, {"rows": ["r" * 99] * rows})


def test_messages_that_grow_with_each_one(bus: Watched) -> None:
    for number in range(200):
        bus.call("chat", "say", {"history": "x" * 500 * number})
    found = bus.one("large-payload")
    assert (found.severity, found.about) == (Severity.INFO, "request grows")
    assert re.fullmatch(r"requests of chat say grow and grow: they had 10\.1 kB, and have \d\d\.\d kB now", found.text)
    assert re.fullmatch("[5-9] times in a row each of 20 or more was larger than all of those before", found.because)


def test_what_grew_is_told_as_it_was_then_though_more_came_with_it(bus: Watched) -> None:
    passed: list[tuple[float, str, dict[str, Any]]] = []
    for number in range(400):
        asked = {"action": "say", "request_id": f"m{number}", "reply_to": "caller:web", "service": "web"}
        history = {"history": "x" * (200 * min(number, 160) if number > 20 else number)}
        passed += [(bus.now + number / 1e5, "chat", {**asked, "payload": history})]
    bus.take(passed)
    found = bus.one("large-payload")
    assert found.text == "requests of chat say grow and grow: they had 129 B, and have 32.1 kB now"
    assert found.because == "8 times in a row each of 20 or more was larger than all of those before"
    assert found.evidence == [180]


def test_messages_of_various_sizes_or_that_have_grown_once_do_not_grow(bus: Watched) -> None:
    for number in range(400):
        bus.call("chat", "say", {"history": "x" * (500 * (number % 90))})
        bus.call("chat", "load", {"history": "x" * (20_000 if number < 200 else 60_000)})
        bus.call("chat", "latest", {"history": ["x" * 500] * min(number, 100)})
    assert "large-payload" not in bus.names()


def test_an_action_whose_large_answers_alone_are_slow(bus: Watched) -> None:
    for turn in range(60):
        large = turn % 5 == 0
        export(bus, 3_000 if large else 10, 0.6 if large else 0.004)
    found = bus.one("slow-when-large")
    assert found.text == "history export takes 601 ms where its answer is large, and 5 ms otherwise"
    assert found.filter == "to:history action:export latency:>303ms"
    assert (found.severity, found.count) == (Severity.INFO, 12)


def test_an_action_whose_large_requests_alone_are_slow(bus: Watched) -> None:
    for turn in range(60):
        large = turn % 5 == 0
        export(bus, 1, 0.6 if large else 0.004, asked=300 if large else 1)
    assert bus.one("slow-when-large").about == "request"


@pytest.mark.parametrize(
    ("rows", "slow", "every"),
    [
        pytest.param(3_000, 0.004, 1, id="large and quick"),
        pytest.param(10, 0.6, 1, id="slow and small"),
        pytest.param(3_000, 0.6, 2, id="half of the large are quick"),
    ],
)
def test_slow_or_large_but_not_for_that(bus: Watched, rows: int, slow: float, every: int) -> None:
    for turn in range(120):
        large = turn % 5 == 0
        export(bus, rows if large else 10, slow if large and turn // 5 % every == 0 else 0.004)
    assert "slow-when-large" not in bus.names()
