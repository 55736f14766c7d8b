"""What is not as usual among the exchanges that are looked at: learned only for those, bounded, and anew in time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from daebus_console.engine.insight import usual
from daebus_console.engine.insight.usual import Usual
from daebus_console.engine.message.exchange import Exchange
from tests.console.engine.bus import Bus, Sent, answer, progress, raw, request

NOTHING = contextlib.nullcontext()


class Looking:
    """A bus, and somebody who looks at what is on it."""

    def __init__(self, **options: Any) -> None:
        self.bus = Bus(**options)
        self.usual = Usual(self.bus.journal.exchanges)

    def ask(self, payload: Any = None, said: Any = None, action: str = "order") -> Exchange:
        exchange = self.bus >> request("shop", action, id=f"r{self.bus.journal.next_number}", payload=payload)
        self.bus >> answer("caller:1", id=exchange.request_id, payload=said if said is not None else {"ok": True})
        return exchange

    def usually(self, count: int = 60, **more: Any) -> list[Exchange]:
        return [self.ask({"amount": number, "user": "ann"}, **more) for number in range(count)]

    def told(self, exchange: Exchange) -> list[tuple[str, str, str]] | None:
        found = self.usual.of(exchange)
        if found is None:
            return None
        return [(place.part, ".".join(map(str, one.path)), one.what) for place, one in found]

    def learn(self) -> None:
        self.bus.wait(usual.ANEW_AFTER + 1)
        self.again()

    def again(self) -> None:
        self.usual.work(10, self.bus.now, NOTHING)


def test_nothing_is_learned_until_somebody_looks_and_then_of_that_alone() -> None:
    look = Looking()
    fine = look.usually()[-1]
    odd = look.ask({"amount": "12", "user": "ann"}, said={"ok": "yes"})
    other = [look.ask({"n": number}, action="other") for number in range(60)][-1]
    look.again()
    assert look.usual.version == 0
    assert look.told(odd) == []
    look.again()
    assert look.told(odd) == [
        ("request", "amount", "is a string where most have a number"),
        ("answer", "ok", "is a string where most have a boolean"),
    ]
    assert look.told(fine) == []
    assert list(look.usual._known) == [("shop", "order")]
    assert look.told(other) == []


def test_an_answer_that_comes_later_is_judged_then() -> None:
    look = Looking()
    look.usually()
    late = look.bus >> request("shop", "order", id="late", payload={"amount": 1, "user": "ann"})
    look.told(late)
    look.again()
    assert look.told(late) == []
    look.bus >> answer("caller:1", id="late", payload={"not": "so"})
    assert look.told(late) == [("answer", "ok", "is missing"), ("answer", "not", "is a field that none had")]


def test_what_has_become_usual_is_no_longer_told() -> None:
    look = Looking()
    look.usually(400)
    odd = look.ask({"amount": 1, "user": "ann", "currency": "EUR"})
    look.told(odd)
    look.again()
    assert look.told(odd) == [("request", "currency", "is a field that hardly any has")]
    for number in range(usual.LEARNED_FROM):
        look.ask({"amount": number, "user": "ann", "currency": "EUR"})
    look.again()
    assert look.told(odd) != [], "not before its time"
    look.learn()
    assert look.told(odd) == []
    before = look.usual.version
    look.learn()
    assert look.usual.version == before, "nothing was new"


def test_of_an_action_that_hardly_passed_nothing_is_told() -> None:
    look = Looking()
    look.usually(10)
    odd = look.ask({"amount": "12"})
    look.told(odd)
    look.again()
    assert look.told(odd) == []


def test_learning_goes_on_in_bites() -> None:
    look = Looking()
    odd = look.ask({"amount": "12", "user": "ann"})
    look.usually(200)
    look.told(odd)
    bites = 0
    while not look.usual.version:
        look.usual.work(0, look.bus.now, NOTHING)
        bites += 1
        assert bites < 500
    assert bites > 20
    assert look.told(odd) == [("request", "amount", "is a string where most have a number")]


def test_only_so_many_are_judged_at_once_and_the_others_in_their_turn() -> None:
    look = Looking()
    passed = look.usually(100)
    look.told(passed[0])
    look.again()
    assert [look.told(one) for one in passed].count(None) == 100 - usual.AT_ONCE
    for _ in range(3):
        look.again()
        told = [look.told(one) for one in passed]
    assert told == [[]] * 100


def test_no_more_is_looked_through_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usual, "LOOKED_THROUGH", 500)
    look = Looking(max_messages=4000)
    old = look.usually(30)[0]
    for number in range(600):
        look.ask({"n": number}, action="other")
    look.told(old)
    look.again()
    assert look.usual._known["shop", "order"].found == {}
    for _ in range(2000):
        look.ask(action="other")
    assert look.told(old) == [], "it is gone from memory itself"
    look.learn()


def test_of_hostile_messages_nothing_is_learned() -> None:
    look = Looking()
    passed: list[Callable[[], Sent]] = [
        lambda: raw("news", b"\xff\xfe no json"),
        lambda: raw("news", b"[" * 5000),
        lambda: raw("news", '{"big": "' + "x" * usual.LARGEST + '"}'),
        lambda: request("shop", "order", payload=["no", "object"]),
        lambda: request("\x1b[31m", "\x1b]0;", payload={"\x1b": None}),
    ]
    found = [look.bus >> sent() for sent in passed for _ in range(30)]
    look.bus.gap(1)
    for _ in range(8):
        told = [look.told(one) for one in look.bus.exchanges]
        look.again()
    assert told == [[]] * (len(found) + 1)


def test_partial_answers_and_errors_are_compared_with_their_like() -> None:
    look = Looking()
    for number in range(40):
        look.bus >> request("shop", "render", id=f"p{number}", payload={"month": 1})
        look.bus >> progress("caller:1", id=f"p{number}", payload={"percent": number})
        status = "error" if number % 2 else "success"
        look.bus >> answer("caller:1", id=f"p{number}", status=status, payload={"error": "x"} if number % 2 else {})
    odd = look.bus["p5"]
    look.told(odd)
    look.again()
    assert look.told(odd) == []
