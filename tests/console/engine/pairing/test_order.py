"""An answer that comes before its request waits for it, for a moment."""

from __future__ import annotations

from daebus_console.engine.pairing.order import LATE, MOST, Order

ASK = ("users", b'{"action":"get","request_id":"r","reply_to":"caller:x"}')
PART = ("caller:x", b'{"request_id":"r","final":false,"payload":{}}')
ANSWER = ("caller:x", b'{"request_id":"r","status":"success","payload":{}}')
NEWS = ("news", b'{"a":1}')


def test_what_comes_in_order_is_left_alone() -> None:
    order = Order()
    batch = [ASK, NEWS, PART, ANSWER, ("users", b"no JSON"), ("caller:x", b"[" * 100_000)]
    assert order.take(1.0, batch) == batch
    assert not order.waits


def test_an_answer_waits_for_its_request_and_comes_right_after_it() -> None:
    order = Order()
    assert order.take(1.0, [PART, NEWS, ANSWER]) == [NEWS]
    assert order.take(1.1, [NEWS, ASK, NEWS]) == [NEWS, ASK, PART, ANSWER, NEWS]
    assert order.take(1.2, [ANSWER]) == [ANSWER], "a second answer"
    assert not order.waits


def test_one_whose_request_was_not_seen_comes_late() -> None:
    order = Order()
    assert order.take(1.0, [ANSWER]) == []
    assert order.late(1.0 + LATE / 2) == []
    assert order.late(1.0 + LATE) == [ANSWER]
    assert order.take(2.0, [ANSWER]) == []
    assert order.take(2.0 + LATE, [NEWS]) == [ANSWER, NEWS]


def test_on_other_channels_nothing_waits() -> None:
    order = Order()
    other = ("users.responses", ANSWER[1])
    assert order.take(1.0, [other]) == [other]


def test_a_flood_of_answers_to_nothing_is_not_kept_without_end() -> None:
    order = Order()
    flood = [("caller:x", b'{"request_id":"%d","status":"success"}' % number) for number in range(MOST + 5)]
    assert len(order.take(1.0, flood)) == 5


def test_requests_are_remembered_for_a_while_and_not_for_ever() -> None:
    order = Order()
    order.take(0.0, [ASK])
    for at in (10.0, 20.0):
        assert order.take(at, [ANSWER]) == [ANSWER]
    order.take(100.0, [NEWS])
    order.take(200.0, [NEWS])
    assert order.take(201.0, [ANSWER]) == []
