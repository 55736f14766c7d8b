"""What becomes of commands that wait to be sent, and of those that wait for replies."""

from __future__ import annotations

from collections import deque

import pytest

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.resp import ErrorReply
from daebus.tickets import TOGETHER, Ticket, Tickets


def too_late() -> RedisUnavailable:
    return RedisUnavailable("too late")


def test_replies_go_to_their_tickets_in_order() -> None:
    tickets, told = Tickets(), list[Ticket]()
    first, second = Ticket(b"a", 2, 10.0, told.append), Ticket(b"b", 1, 10.0, told.append)
    assert tickets.leave(first)
    assert tickets.leave(second)
    assert tickets.take_batch(1.0, too_late) == b"ab"
    assert tickets.settle(deque([1, 2, 3]))
    assert (first.replies, second.replies, len(tickets)) == ([1, 2], [3], 0)
    assert told == []
    tickets.tell()
    assert told == [first, second]
    assert not tickets.settle(deque([4]))


def test_a_loss_is_told_to_each_once_and_says_what_was_sent() -> None:
    tickets, told = Tickets(), list[Ticket]()
    sent, unsent = Ticket(b"a", 1, 10.0, told.append), Ticket(b"b", 1, 10.0, told.append)
    tickets.leave(sent)
    tickets.take_batch(1.0, too_late)
    tickets.wrote(whole=True)
    tickets.leave(unsent)
    tickets.fail(ConnectionLost("gone"))
    tickets.fail(ConnectionLost("gone again"))
    tickets.tell()
    tickets.tell()
    assert told == [sent, unsent]
    assert type(sent.error) is ConnectionLost
    assert str(sent.error) == "gone"
    assert type(unsent.error) is RedisUnavailable
    assert str(unsent.error) == "gone; nothing was sent"
    assert not tickets.leave(Ticket(b"c", 1, 10.0))
    assert not tickets.send_now(Ticket(b"c", 1, 10.0), 1.0)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "a part of it"])
def test_what_was_being_written_at_the_loss_ends_when_it_is_known_how_far_that_got(whole: bool) -> None:
    tickets, told = Tickets(), list[Ticket]()
    tickets.leave(ticket := Ticket(b"a", 1, 10.0, told.append))
    tickets.take_batch(1.0, too_late)
    tickets.fail(ConnectionLost("gone"))
    tickets.tell()
    assert told == []
    tickets.wrote(whole)
    tickets.tell()
    assert told == [ticket]
    assert type(ticket.error) is (ConnectionLost if whole else RedisUnavailable)


def test_nothing_is_done_of_what_stands_behind_a_refused_message() -> None:
    tickets, told = Tickets(), list[Ticket]()
    refused, behind = Ticket(b"a", 1, 10.0, told.append), Ticket(b"b", 1, 10.0, told.append)
    tickets.leave(refused)
    tickets.leave(behind)
    tickets.take_batch(1.0, too_late)
    tickets.wrote(whole=True)
    tickets.settle(deque([ErrorReply("ERR Protocol error: invalid bulk length")]))
    tickets.fail(ConnectionLost("gone"))
    assert (refused.error, type(behind.error)) == (None, RedisUnavailable)


def test_what_is_due_is_not_sent_any_more() -> None:
    tickets, told = Tickets(), list[Ticket]()
    late, timely = Ticket(b"late", 1, 5.0, told.append), Ticket(b"timely", 1, 10.0)
    tickets.leave(late)
    tickets.leave(timely)
    assert tickets.take_batch(6.0, too_late) == b"timely"
    tickets.tell()
    assert told == [late]
    assert str(late.error) == "too late"


def test_a_ticket_can_be_taken_back_until_it_is_sent() -> None:
    tickets = Tickets()
    kept, taken = Ticket(b"kept", 1, 10.0), Ticket(b"taken", 1, 10.0)
    tickets.leave(kept)
    tickets.leave(taken)
    assert tickets.give_up(taken)
    assert tickets.take_batch(1.0, too_late) == b"kept"
    assert not tickets.give_up(kept)
    # Its reply still has its place, though nobody wants it.
    assert tickets.settle(deque([1]))
    assert len(tickets) == 0


def test_batches_are_of_limited_size() -> None:
    tickets = Tickets()
    for _ in range(5):
        tickets.leave(Ticket(b"x" * (TOGETHER // 2), 1, 10.0))
    sizes = []
    while tickets.unsent:
        sizes.append(len(tickets.take_batch(1.0, too_late)))
    assert sizes == [TOGETHER, TOGETHER, TOGETHER // 2]


def test_an_error_in_telling_one_does_not_keep_the_others_from_being_told() -> None:
    def fails(_ticket: Ticket) -> None:
        raise ValueError("a mistake")

    tickets, told = Tickets(), list[Ticket]()
    for one in (fails, told.append):
        tickets.leave(Ticket(b"x", 1, 10.0, one))
    tickets.fail(ConnectionLost("gone"))
    tickets.tell()
    assert len(told) == 1
