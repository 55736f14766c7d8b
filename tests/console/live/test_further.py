"""What is asked of an instance whose answer to `recent` had no room for all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus_console.engine.live.further import Asked, further
from tests.console.engine.records.told import handled, recent

NEWEST = Asked(("users", "recent", {"kinds": ["handled"]}))


def answer(*numbers: int, **fields: Any) -> bytes:
    return recent("users", *(handled(number, f"id{number}") for number in numbers), instance="i7", **fields).data


def test_what_did_not_fit_is_asked_for_from_the_oldest_up_to_what_is_had() -> None:
    first = further(NEWEST, answer(70, 71, seq=71, more=True))
    assert first == Asked(("users", "recent", {"kinds": ["handled"], "instance": "i7", "after": 0}), until=70)
    then = further(first, answer(3, 40, seq=40, more=True))
    assert then == Asked(("users", "recent", {"kinds": ["handled"], "instance": "i7", "after": 40}), until=70)
    assert further(then, answer(68, 69, seq=69, more=True)) is None
    assert further(then, answer(68, 75, seq=75, more=True)) is None
    assert further(then, answer(68, 69, seq=71)) is None


@pytest.mark.parametrize(
    "data",
    [
        answer(70, 71, seq=71),
        answer(seq=71, more=True),
        b"[]",
        b"{",
        b"[" * 100_000,
        b"\xff",
        json.dumps({"instance": "i7", "payload": {"seq": "71", "more": True, "records": [{"seq": 1}]}}).encode(),
    ],
)
def test_nothing_else_is_asked(data: bytes) -> None:
    assert further(NEWEST, data) is None


def test_who_does_not_go_on_is_asked_no_more() -> None:
    asked = Asked(("users", "recent", {"instance": "i7", "after": 40}), until=70)
    assert further(asked, answer(41, seq=40, more=True)) is None


def test_other_questions_have_one_answer() -> None:
    assert further(Asked(("users", "running", {})), answer(70, seq=71, more=True)) is None
