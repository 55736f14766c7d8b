"""Batches that wait unread: trouble is seen at once, an id is found, and what waits is bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus_console.engine.message.exchange import Kind, Message
from daebus_console.engine.records.unread import Unread, count_in, is_trouble
from daebus_console.engine.session import Session
from tests.console.engine.bus import Sent, request
from tests.console.engine.records.told import batch, handled, record


def packed(sent: Sent) -> bytes:
    """As services write it: without blanks."""
    return json.dumps(json.loads(sent.data), separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("told", "trouble"),
    [
        ([handled(1, "a"), handled(2, "b", outcome="deferred")], False),
        ([handled(1, "a"), record(2, "logged", id="a", level="INFO", text="outcome")], False),
        ([handled(1, "a"), record(2, "published", channel="c", digest="d", length=1)], False),
        ([handled(1, "a"), handled(2, "b", outcome="handler_error")], True),
        ([record(1, "refused", id="a", code="busy")], True),
        ([record(1, "logged", id="a", level="ERROR", text="x")], True),
        ([record(1, "logged", id="a", level="CRITICAL", text="x")], True),
        ([record(1, "called", id="a", outcome="timeout")], True),
    ],
)
def test_trouble_is_seen_without_reading(told: list[Any], trouble: bool) -> None:
    data = packed(batch("users", *told))
    assert count_in(data) == len(told)
    assert is_trouble(data, len(told)) is trouble


def test_it_is_bounded_and_found_by_what_is_in_it() -> None:
    unread = Unread(room=1_000)
    for number in range(20):
        unread.add(
            Message(
                number, 1.0, "daebus.watch.users", packed(batch("users", handled(1, f"id{number}x"))), Kind.BROADCAST
            )
        )
    left = len(unread)
    assert 0 < left < 20
    assert [message.seq for message in unread.take_with(b'"id19x"')] == [19]
    assert not unread.take_with(b"id0x")
    assert [message.seq for message in unread.take_all()] == list(range(20 - left, 19))
    assert not len(unread)


def test_what_was_read_takes_no_room() -> None:
    data = packed(batch("users", handled(1, "a")))
    unread = Unread(room=len(data))
    for number in range(3):
        unread.add(Message(number, 1.0, "daebus.watch.users", data, Kind.BROADCAST))
        assert [message.seq for message in unread.take_all()] == [number]


def busy() -> Session:
    """A session that is told far more in a second than it reads as it comes."""
    session = Session("redis://localhost:1/0")
    session.on_up(999.0)
    sent = [request("users", "get", id=f"r{number}") for number in range(1_000)]
    session.on_batch(1_000.0, [tuple(one) for one in sent])  # type: ignore[misc]  # two each
    for first in range(0, 1_000, 100):
        told = batch("users", *(handled(n + 1, f"r{n}", "get", queued=0.5) for n in range(first, first + 100)))
        session.on_batch(1_000.1, [(told.channel, packed(told))])
    return session


def test_what_was_not_read_is_there_when_somebody_asks() -> None:
    session = busy()
    telling = session.telling
    assert len(telling.unread) == 9
    exchange = session.correlator.find("r777")
    assert exchange is not None
    assert [one.id for one in telling.of(exchange).handled] == ["r777"]
    assert len(telling.unread) == 8
    assert len(telling.records) == 1_000
    assert not len(telling.unread)


def test_trouble_is_not_left_unread() -> None:
    session = busy()
    told = batch("users", record(5_000, "ran", id="t", what="task", name="sync", outcome="error", type="OSError"))
    session.on_batch(1_000.2, [(told.channel, packed(told))])
    assert [one.rule for one in session.findings.book] == ["task-raised"]
