"""Which answer belongs to which request, as transcripts."""

from __future__ import annotations

import random
from typing import Any

import pytest

from daebus_console.engine.message.exchange import Flag, Kind, State
from tests.console.engine.bus import Bus, answer, encode, progress, raw, request


@pytest.fixture
def bus() -> Bus:
    return Bus()


# Request and answer ---------------------------------------------------------------------------------------------------


def test_a_request_is_pending_until_its_answer(bus: Bus) -> None:
    asked = bus >> request("orders", "create", id="a", reply_to="caller:1", service="web")
    assert (asked.kind, asked.state, asked.latency) == (Kind.REQUEST, State.PENDING, None)
    assert (asked.source, asked.target, asked.action, asked.request_id) == ("web", "orders", "create", "a")
    assert bus.correlator.pending == 1
    bus.wait(0.25)
    answered = bus >> answer("caller:1", id="a", service="orders", instance="i-1", elapsed=0.2)
    assert answered is asked
    assert (asked.state, asked.instance, asked.elapsed) == (State.OK, "i-1", 0.2)
    assert asked.latency == pytest.approx(0.25)
    assert asked.transit == pytest.approx(0.05)
    assert bus.correlator.pending == 0
    assert [message.exchange for message in bus.journal.messages] == [1, 1]


def test_an_error_answer_brings_its_code(bus: Bus) -> None:
    bus >> request("orders", id="a")
    bus >> answer("caller:1", id="a", status="error", payload={"error": "no", "code": "busy"})
    assert (bus["a"].state, bus["a"].aside.code) == (State.ERROR, "busy")


@pytest.mark.parametrize("request_id", [7, 0, -3, 2**70, 1.5, "", "7"])
def test_an_id_may_be_of_any_kind_that_json_has_for_it(bus: Bus, request_id: object) -> None:
    asked = bus >> request("orders", id=request_id)
    assert (bus >> answer("caller:1", id=request_id)) is asked
    assert asked.state is State.OK


def test_an_answer_may_write_a_number_as_text(bus: Bus) -> None:
    asked = bus >> request("orders", id=7)
    assert (bus >> answer("caller:1", id="7")) is asked


def test_without_an_id_the_reply_channel_tells(bus: Bus) -> None:
    first = bus >> request("orders", reply_to="r.1")
    second = bus >> request("orders", reply_to="r.2")
    assert (bus >> answer("r.2")) is second
    assert (bus >> answer("r.1")) is first
    assert bus.states == [State.OK, State.OK]


def test_an_answer_without_a_request_id_finds_only_requests_without_one(bus: Bus) -> None:
    bus >> request("orders", id="a", reply_to="caller:1")
    stray = bus >> answer("caller:1")
    assert stray.state is State.ORPHAN
    assert bus["a"].state is State.PENDING


def test_answers_on_the_service_response_channel_are_paired_too(bus: Bus) -> None:
    asked = bus >> request("orders", id="a", reply_to=...)
    assert (bus >> answer("orders.responses", id="a")) is asked


def test_the_payload_of_either_side_may_be_anything(bus: Bus) -> None:
    bus >> raw("orders", '{"action": "x", "request_id": "a", "reply_to": "r", "payload": NaN}')
    bus >> raw("r", '{"status": "success", "request_id": "a", "payload": [Infinity]}')
    assert bus["a"].state is State.OK


# Streams --------------------------------------------------------------------------------------------------------------


def test_progress_does_not_end_a_request(bus: Bus) -> None:
    asked = bus >> request("orders", id="a")
    for _ in range(3):
        bus.wait(1)
        assert (bus >> progress("caller:1", id="a")) is asked
    assert asked.state is State.PENDING
    bus >> answer("caller:1", id="a")
    assert (asked.state, asked.replies, len(asked.messages)) == (State.OK, 4, 5)
    assert asked.has(Flag.STREAM)
    assert [message.final for message in asked.messages] == [True, False, False, False, True]


def test_progress_after_the_answer_is_kept_and_changes_nothing(bus: Bus) -> None:
    asked = bus >> request("orders", id="a")
    final = answer("caller:1", id="a")
    bus >> final
    bus >> progress("caller:1", id="a")
    assert asked.answer is not None
    assert (asked.answer.data, asked.state, asked.replies) == (final.data, State.OK, 2)


# Alone ----------------------------------------------------------------------------------------------------------------


def test_an_action_with_nothing_to_answer_is_one_way(bus: Bus) -> None:
    sent = bus >> request("orders", "note", reply_to=...)
    assert (sent.kind, sent.state, sent.action) == (Kind.ONE_WAY, State.SENT, "note")
    assert bus.wait(100) == []


def test_any_other_object_is_a_broadcast(bus: Bus) -> None:
    sent = bus >> raw("prices", '{"price": 3, "service": "market"}')
    assert (sent.kind, sent.state, sent.source, sent.target) == (Kind.BROADCAST, State.SENT, "market", "prices")


TELLING = [
    {"status": "created", "order": 7},
    {"status": "done", "payload": {"order": 7}},
    {"status": "success"},
    {"payload": {"order": 7}},
    {"final": True},
]
"""What a broadcast says, beside the id of the request that it came of."""


@pytest.mark.parametrize("fields", TELLING)
def test_a_broadcast_that_names_a_request_is_no_answer_to_it(bus: Bus, fields: dict[str, Any]) -> None:
    asked = bus >> request("orders", id="a", reply_to="caller:1")
    told = bus >> raw("order_events", encode(request_id="a", **fields))
    assert (told.kind, told.state, asked.state) == (Kind.BROADCAST, State.SENT, State.PENDING)
    bus >> answer("caller:1", id="a", status="error")
    again = bus >> raw("order_events", encode(request_id="a", **fields))
    assert (again.kind, asked.state, asked.flags) == (Kind.BROADCAST, State.ERROR, 0)


@pytest.mark.parametrize("fields", TELLING)
def test_what_names_an_id_that_nobody_knows_is_no_answer_either(bus: Bus, fields: dict[str, Any]) -> None:
    assert (bus >> raw("webhooks", encode(request_id="a", **fields))).kind is Kind.BROADCAST


@pytest.mark.parametrize("fields", TELLING)
def test_on_the_channel_that_was_asked_for_it_is_one(bus: Bus, fields: dict[str, Any]) -> None:
    asked = bus >> request("orders", id="a", reply_to="back")
    assert (bus >> raw("back", encode(request_id="a", **fields))) is asked


def test_an_answer_that_went_elsewhere_is_one_unless_somebody_listens_there(bus: Bus) -> None:
    asked = bus >> request("orders", id="a", reply_to="caller:1")
    bus.correlator.listened.add("events")
    assert (bus >> answer("events", id="a")).kind is Kind.BROADCAST
    assert (bus >> answer("elsewhere", id="a")) is asked


def test_an_action_on_a_channel_that_is_listened_to_is_a_broadcast(bus: Bus) -> None:
    bus.correlator.listened.add("events")
    sent = bus >> request("events", "user_added", id="a")
    assert (sent.kind, sent.action) == (Kind.BROADCAST, "user_added")


def test_a_broadcast_is_of_our_dialect_where_somebody_listens_and_else_of_none(bus: Bus) -> None:
    bus.correlator.listened.add("events")
    assert [(bus >> raw(channel, b'{"n": 1}')).dialect for channel in ("events", "elsewhere")] == ["daebus", "plain"]


def test_what_is_asked_of_a_service_whose_name_is_a_channel_that_is_listened_to_is_a_request(bus: Bus) -> None:
    bus.correlator.listened.add("orders")
    bus.correlator.served = {"orders"}
    asked = bus >> request("orders", "place", id="a", reply_to="caller:1")
    assert (asked.kind, bus >> answer("caller:1", id="a")) == (Kind.REQUEST, asked)
    assert asked.state is State.OK
    sent = bus >> raw("orders", encode(action="place", payload={}, message_id="b"))
    assert (sent.kind, sent.request_id) == (Kind.ONE_WAY, "b")


@pytest.mark.parametrize("fields", [{}, {"request_id": "a"}, {"reply_to": "caller:1"}, {"type": "placed"}])
def test_what_has_an_action_and_not_all_marks_of_a_request_is_a_broadcast_there(
    bus: Bus, fields: dict[str, Any]
) -> None:
    bus.correlator.listened.add("orders")
    bus.correlator.served = {"orders"}
    assert (bus >> raw("orders", encode(action="placed", payload={}, **fields))).kind is Kind.BROADCAST


@pytest.mark.parametrize("data", [b"", b"no json", b"[1]", b"3", b'"text"', b"null", b"\xff\xfe", b'{"a":'])
def test_what_is_no_object_is_a_message_as_it_is(bus: Bus, data: bytes) -> None:
    sent = bus >> raw("orders", data)
    assert (sent.kind, sent.state, sent.opened.data) == (Kind.BROADCAST, State.SENT, data)
    assert (sent.dialect, sent.opened.whole) == ("plain", True)


@pytest.mark.parametrize(
    ("channel", "data"),
    [
        ("caller:1", b'{"request_id": "a", "status": "succ'),
        ("orders.responses", b'{"payload": {]}'),
        ("users", b' {"action": "get_user", "payload": {"id": 1'),
        ("daebus.control.users", b"\xff\x00"),
        ("daebus.watch.users", b"text"),
    ],
)
def test_what_is_ours_by_its_channel_and_its_marks_and_broken_is_unreadable(
    bus: Bus, channel: str, data: bytes
) -> None:
    bus.correlator.served = {"users"}
    sent = bus >> raw(channel, data)
    assert (sent.kind, sent.state, sent.dialect) == (Kind.UNREADABLE, State.ERROR, "daebus")


@pytest.mark.parametrize(
    ("channel", "data"),
    [
        ("news", b'{"action": "get_user", "request_id": "a"'),
        ("users", b"\x93\x01\x02\x03"),
        ("users", b'{"name": "Ann"'),
        ("caller:1", b"hello"),
        ("caller:1", b'["request_id", "a"'),
    ],
)
def test_the_channel_alone_or_the_marks_alone_are_not_enough(bus: Bus, channel: str, data: bytes) -> None:
    bus.correlator.served = {"users"}
    assert (bus >> raw(channel, data)).kind is Kind.BROADCAST


def test_fields_of_the_wrong_type_are_left_out_and_said(bus: Bus) -> None:
    sent = bus >> request("orders", id="a", service=["web"])
    assert (sent.source, sent.request_id) == (None, "a")
    assert sent.has(Flag.MALFORMED)


def test_a_request_on_a_control_channel_is_of_the_service(bus: Bus) -> None:
    asked = bus >> request("daebus.control.orders", "info", id="a")
    assert asked.target == "orders"
    assert asked.has(Flag.CONTROL)


def test_a_one_way_message_on_a_control_channel_is_for_the_service(bus: Bus) -> None:
    sent = bus >> raw("daebus.control.orders", b'{"action": "info", "payload": {}, "service": "web"}')
    assert (sent.kind, sent.source, sent.target) == (Kind.ONE_WAY, "web", "orders")
    assert sent.has(Flag.CONTROL)


def test_each_instance_answers_on_a_control_channel_without_being_a_duplicate(bus: Bus) -> None:
    asked = bus >> request("daebus.control.orders", "info", id="a")
    bus >> answer("caller:1", id="a", instance="one")
    bus >> answer("caller:1", id="a", instance="two")
    assert asked.replies == 2
    assert not asked.has(Flag.DUPLICATE)


def test_records_that_a_service_publishes_are_no_broadcast_of_its_program(bus: Bus) -> None:
    told = bus >> raw("daebus.watch.orders", b'{"service":"orders","instance":"i","seq":2,"records":[]}')
    assert (told.kind, told.state) == (Kind.BROADCAST, State.SENT)
    assert told.has(Flag.CONTROL)
    assert not (bus >> raw("daebus.watches", b"{}")).has(Flag.CONTROL)


# Orphans and duplicates -----------------------------------------------------------------------------------------------


def test_an_answer_to_nothing_seen_is_an_orphan_and_collects_the_later_ones(bus: Bus) -> None:
    first = bus >> answer("caller:1", id="a", service="orders")
    assert (first.kind, first.state, first.source) == (Kind.RESPONSE, State.ORPHAN, "orders")
    assert (bus >> answer("caller:1", id="a")) is first
    assert len(first.messages) == 2
    assert not first.has(Flag.DUPLICATE)
    assert first.latency is None
    assert bus.correlator.pending == 0


def test_a_request_after_the_orphan_of_its_id_is_an_exchange_of_its_own(bus: Bus) -> None:
    orphan = bus >> answer("caller:1", id="a")
    asked = bus >> request("orders", id="a")
    assert asked is not orphan
    assert not asked.has(Flag.REUSED_ID)
    assert (bus >> answer("caller:1", id="a")) is asked
    assert bus.states == [State.ORPHAN, State.OK]


def test_the_first_answer_counts_and_the_second_is_a_duplicate(bus: Bus) -> None:
    asked = bus >> request("orders", id="a")
    bus.wait(0.1)
    bus >> answer("caller:1", id="a", instance="one")
    bus.wait(0.1)
    bus >> answer("caller:1", id="a", status="error", instance="two")
    assert asked.has(Flag.DUPLICATE)
    assert (asked.state, asked.instance) == (State.OK, "one")
    assert asked.latency == pytest.approx(0.1)
    assert len(asked.messages) == 3


# An id used twice -----------------------------------------------------------------------------------------------------


def test_an_id_used_again_by_the_same_asker_goes_to_the_newest(bus: Bus) -> None:
    first = bus >> request("orders", id="a")
    bus >> answer("caller:1", id="a")
    second = bus >> request("orders", id="a")
    assert second.has(Flag.REUSED_ID)
    assert (bus >> answer("caller:1", id="a")) is second
    assert bus.states == [State.OK, State.OK]
    assert not first.has(Flag.REUSED_ID)


def test_an_id_shared_by_two_askers_is_told_apart_by_the_reply_channel(bus: Bus) -> None:
    first = bus >> request("orders", id="1", reply_to="caller:a")
    second = bus >> request("orders", id="1", reply_to="caller:b")
    assert (bus >> answer("caller:a", id="1")) is first
    assert (bus >> answer("caller:b", id="1")) is second
    assert bus.states == [State.OK, State.OK]
    assert not second.has(Flag.REUSED_ID)


def test_with_a_shared_id_and_another_channel_the_newest_is_answered(bus: Bus) -> None:
    bus >> request("orders", id="1", reply_to="caller:a")
    second = bus >> request("orders", id="1", reply_to="caller:b")
    assert (bus >> answer("elsewhere", id="1")) is second


# Time -----------------------------------------------------------------------------------------------------------------


def test_a_request_times_out_by_the_setting(bus: Bus) -> None:
    asked = bus >> request("orders", id="a")
    assert bus.wait(9.9) == []
    assert bus.wait(0.2) == [asked]
    assert (asked.state, bus.correlator.pending) == (State.TIMEOUT, 0)
    assert bus.wait(100) == []


def test_a_late_answer_settles_a_guessed_timeout(bus: Bus) -> None:
    asked = bus >> request("orders", id="a")
    bus.wait(11)
    bus >> answer("caller:1", id="a")
    assert (asked.state, asked.has(Flag.LATE), asked.has(Flag.DECLARED)) == (State.OK, True, False)
    assert asked.latency == pytest.approx(11)


def test_a_late_answer_does_not_help_an_asker_that_has_gone(bus: Bus) -> None:
    asked = bus >> request("orders", id="a", timeout=2)
    assert bus.wait(2.5) == [asked]
    bus >> answer("caller:1", id="a", status="error")
    assert (asked.state, asked.has(Flag.LATE), asked.has(Flag.DECLARED)) == (State.TIMEOUT, True, True)
    assert asked.answer is not None


def test_lateness_is_judged_by_the_frame_even_when_nobody_asked_for_timeouts_meanwhile(bus: Bus) -> None:
    asked = bus >> request("orders", id="a", timeout=2)
    bus.now += 3
    bus >> answer("caller:1", id="a")
    assert (asked.state, asked.has(Flag.LATE)) == (State.TIMEOUT, True)
    assert bus.correlator.pending == 0
    assert bus.wait(10) == []


def test_a_declared_timeout_may_be_longer_than_the_setting(bus: Bus) -> None:
    asked = bus >> request("orders", id="a", timeout=60)
    assert bus.wait(59) == []
    assert bus.wait(2) == [asked]


@pytest.mark.parametrize("timeout", [0, -1, None, "soon"])
def test_a_timeout_that_is_none_leaves_the_setting(bus: Bus, timeout: object) -> None:
    asked = bus >> request("orders", id="a", timeout=timeout)
    assert bus.wait(9) == []
    assert bus.wait(2) == [asked]


def test_timeouts_come_in_the_order_of_their_deadlines(bus: Bus) -> None:
    waits = [5, 1, 3, 2, 4]
    for wait in waits:
        bus >> request("orders", id=str(wait), timeout=wait)
    assert [exchange.request_id for exchange in bus.wait(10)] == ["1", "2", "3", "4", "5"]


# Gaps -----------------------------------------------------------------------------------------------------------------


def test_what_was_pending_over_a_gap_is_unknown_and_never_times_out(bus: Bus) -> None:
    asked = bus >> request("orders", id="a", timeout=60)
    bus.wait(1)
    gap = bus.gap(3, "cut off")
    assert (asked.state, bus.correlator.pending) == (State.UNKNOWN, 0)
    assert gap.aside.gap is not None
    assert (gap.kind, gap.aside.gap.seconds, gap.aside.gap.reason) == (Kind.GAP, 3, "cut off")
    assert bus.wait(100) == []
    assert asked.state is State.UNKNOWN


def test_an_answer_after_the_gap_still_settles(bus: Bus) -> None:
    asked = bus >> request("orders", id="a")
    bus.gap(1)
    bus >> answer("caller:1", id="a")
    assert asked.state is State.OK
    assert not asked.has(Flag.LATE)
    assert bus.correlator.pending == 0


def test_what_timed_out_before_the_gap_stays_a_timeout(bus: Bus) -> None:
    asked = bus >> request("orders", id="a", timeout=1)
    bus.wait(2)
    bus.gap(1)
    assert asked.state is State.TIMEOUT


def test_losing_twice_is_one_gap_and_it_is_open_until_the_connection_is_back(bus: Bus) -> None:
    gap = bus.correlator.lose(bus.now, "first")
    assert bus.correlator.lose(bus.now + 1, "second") is gap
    assert gap.aside.gap is not None
    assert gap.aside.gap.end is None
    assert bus.correlator.resume(bus.now + 5) is gap
    assert gap.aside.gap.seconds == 5
    assert bus.correlator.resume(bus.now + 6) is None
    assert len(bus.exchanges) == 1


# Our own --------------------------------------------------------------------------------------------------------------


def test_an_expected_request_is_ours_once(bus: Bus) -> None:
    bus.correlator.expect("a")
    assert (bus >> request("orders", id="a")).has(Flag.OURS)
    assert not (bus >> request("orders", id="b")).has(Flag.OURS)
    assert not (bus >> request("orders", id="a")).has(Flag.OURS)


def test_expected_bytes_are_ours_as_often_as_they_were_announced(bus: Bus) -> None:
    sent = raw("prices", '{"price": 1}')
    bus.correlator.expect_data(*sent)
    bus.correlator.expect_data(*sent)
    bus.correlator.expect_data(*sent)
    bus.correlator.give_up(*sent)
    assert [(bus >> sent).has(Flag.OURS) for _ in range(3)] == [True, True, False]


def test_the_answer_to_a_request_of_ours_does_not_use_up_a_claim(bus: Bus) -> None:
    bus.correlator.expect("a")
    bus >> request("orders", id="a")
    bus >> answer("caller:1", id="a")
    assert bus["a"].has(Flag.OURS)
    assert not bus.correlator.claims


# Memory ---------------------------------------------------------------------------------------------------------------


def test_eviction_leaves_nothing_of_an_exchange_behind() -> None:
    bus = Bus(max_messages=100)
    for number in range(2_000):
        # Answered, never answered, orphans, and ids that come again and again.
        bus >> request("orders", id=f"a{number}", reply_to="caller:1")
        bus >> answer("caller:1", id=f"a{number}")
        bus >> request("orders", id=f"b{number}", reply_to="caller:2")
        bus >> answer("caller:3", id=f"c{number}")
        bus >> request("orders", id="again", reply_to="caller:4")
    kept = bus.exchanges
    assert len(bus.journal.messages) == 100
    assert len(bus.correlator._by_id) == len({exchange.request_id for exchange in kept})
    assert bus.correlator.pending == sum(exchange.state is State.PENDING for exchange in kept)
    longest, link = 0, bus["again"]
    while link.aside.namesake is not None:
        longest, link = longest + 1, link.aside.namesake
    assert longest < 20, "the chain of namesakes holds more than the journal"


def test_clear_forgets_everything_and_a_late_answer_is_then_an_orphan(bus: Bus) -> None:
    bus >> request("orders", id="a")
    bus >> request("orders", id="b", reply_to="caller:2")
    bus.journal.clear()
    assert (bus.correlator.pending, len(bus.correlator._by_id)) == (0, 0)
    assert bus.wait(100) == []
    orphan = bus >> answer("caller:1", id="a")
    assert (orphan.state, orphan.number) == (State.ORPHAN, 3)


def test_the_gap_that_is_open_when_all_is_cleared_may_still_end(bus: Bus) -> None:
    bus.correlator.lose(bus.now, "gone")
    bus.journal.clear()
    bus.correlator.resume(bus.now + 1)
    assert (bus >> request("orders", id="a")).state is State.PENDING


# Thousands ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_thousands_interleaved_at_random_pair_exactly(seed: int) -> None:
    bus = Bus()
    chance = random.Random(seed)
    waiting: list[tuple[str, int, int]] = []
    for number in range(3_000):
        bus >> request(f"s{number % 7}", id=f"id-{number}", reply_to=f"caller:{number % 40}", payload={"n": number})
        waiting.append((f"id-{number}", number, chance.choice([0, 0, 0, 1, 3])))
        while waiting and chance.random() < 0.5:
            place = chance.randrange(len(waiting))
            request_id, asked, more = waiting[place]
            if more:
                waiting[place] = (request_id, asked, more - 1)
                bus >> progress(f"caller:{asked % 40}", id=request_id, payload={"n": asked})
            else:
                waiting[place] = waiting[-1]
                waiting.pop()
                bus >> answer(f"caller:{asked % 40}", id=request_id, payload={"n": asked})
    unanswered = {request_id for request_id, _asked, _more in waiting}
    for exchange in bus.journal.exchanges:
        assert exchange.state is (State.PENDING if exchange.request_id in unanswered else State.OK)
        numbers = {message.data.split(b'"n": ')[1].split(b"}")[0] for message in exchange.messages}
        assert len(numbers) == 1
    assert bus.correlator.pending == len(unanswered)
    assert sum(len(exchange.messages) for exchange in bus.journal.exchanges) == len(bus.journal.messages)
