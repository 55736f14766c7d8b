"""Which of several instances a message belongs to."""

from __future__ import annotations

import pytest

from daebus.service.claims import DEFAULT_LIFETIME, LONGEST_LIFETIME, Claims
from daebus.testing import LocalBus
from daebus.wire.envelope import Request, Unreadable


@pytest.fixture
def pair() -> tuple[Claims, Claims]:
    bus = LocalBus().publisher("test")
    return Claims(bus, "svc", "one"), Claims(bus, "svc", "two")


def test_a_message_is_claimed_once(pair: tuple[Claims, Claims]) -> None:
    one, two = pair
    for message in (Request("a", {}, request_id="r"), Request("a", {}, sent_at=1.0), Unreadable("bad", request_id=0)):
        data = repr(message).encode()
        assert [one.take(message, data), two.take(message, data), one.take(message, data)] == [True, False, False]


def test_messages_that_differ_in_one_byte_are_claimed_each(pair: tuple[Claims, Claims]) -> None:
    request = Request("a", {}, request_id="r")
    assert [pair[0].take(request, b"1"), pair[1].take(request, b"2")] == [True, True]


def test_what_cannot_be_told_from_its_like_belongs_to_everyone(pair: tuple[Claims, Claims]) -> None:
    for message in (Request("a", {}), Unreadable("bad")):
        assert [claims.take(message, b"x") for claims in pair] == [True, True]
        assert [claims.is_left_to_us(message, b"x") for claims in pair] == [True, True]


def test_what_is_claimed_is_not_left_to_those_who_pass(pair: tuple[Claims, Claims]) -> None:
    request = Request("a", {}, request_id="r")
    assert pair[0].take(request, b"x")
    assert not pair[1].is_left_to_us(request, b"x")


@pytest.mark.parametrize(
    ("timeout", "lifetime"),
    [(None, DEFAULT_LIFETIME), (3.0, 3.0), (0.0, 0.0), (-1.0, 0.0), (1e300, LONGEST_LIFETIME)],
)
def test_a_request_lives_as_long_as_its_timeout_says(
    pair: tuple[Claims, Claims], timeout: float | None, lifetime: float
) -> None:
    request = Request("a", {}, request_id="r", timeout=timeout)
    assert pair[0].lifetime(request) == lifetime
    assert pair[0].take(request, b"x")
