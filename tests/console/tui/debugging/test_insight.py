"""Contrast, shape and two conversations on the screen: by one key from wherever there are many, and where they lead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus_console.engine.message.exchange import Exchange, Kind, Message, State
from daebus_console.engine.session import Session
from tests.console.tui.scene import NOON
from tests.console.tui.support import Driver, drive, fed

SIZES = [(80, 24), (160, 48)]
TOLD = {
    "service": "shop",
    "instance": "shop-1",
    "actions": [
        {
            "name": "order",
            "description": "Order.",
            "arguments": {"type": "object", "properties": {"amount": {"type": "string"}}, "required": ["amount"]},
        }
    ],
}


def orders(count: int = 60, *, failing: bool = True) -> Session:
    """Orders of which those from abroad fail, or take long; the last but one lacks its user."""
    session = fed(NOON)
    session.directory.info(NOON, TOLD)

    def say(at: float, channel: str, message: Any) -> None:
        session.on_batch(at, [(channel, json.dumps(message).encode())])

    for number in range(count):
        at, abroad = NOON - count + number, number % 10 == 3
        asked = {"amount": number, "country": "no" if abroad else "de"} | (
            {} if number == count - 2 else {"user": "ann"}
        )
        head = {"action": "order", "request_id": f"r{number}", "service": "web", "reply_to": "caller:1"}
        say(at, "shop", {**head, "payload": asked})
        bad = abroad and failing
        said = {"error": f"no customs for {number}", "code": "handler_error"} if bad else {"ok": True}
        status = "error" if bad else "success"
        say(at + (0.4 if abroad else 0.01), "caller:1", {"status": status, "request_id": f"r{number}", "payload": said})
    return session


def conversations() -> Session:
    """Two orders: the second lacks a step, has one twice, and one in it fails."""
    session = fed(NOON)

    def call(number: str, service: str, action: str, of: str | None, *, ok: bool = True) -> None:
        head = {"action": action, "request_id": number, "service": "web", "reply_to": "caller:1", "payload": {}}
        message = head if of is None else {**head, "parent_id": of}
        session.on_batch(NOON - 50, [(service, json.dumps(message).encode())])
        said = {
            "status": "success" if ok else "error",
            "request_id": number,
            "payload": {} if ok else {"error": "full"},
        }
        session.on_batch(NOON - 49.99, [("caller:1", json.dumps(said).encode())])

    for order in ("a", "b"):
        call(order, "shop", "order", None)
        call(f"{order}1", "users", "get", order)
        call(f"{order}2", "stock", "reserve", order, ok=order == "a")
        call(f"{order}3", "mail" if order == "a" else "users", "send" if order == "a" else "get", order)
    return session


@pytest.mark.parametrize("size", SIZES)
def test_from_a_group_of_failures_to_what_sets_it_apart(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        await d.press("W")
        await d.sees("no customs for N", "Contrast", "Group again")
        await d.press("u")
        await d.sees("Contrast", "6 of shop.order against the rest", "6 against 54", "payload.country", "100 %", "0 %")
        await d.until(lambda: d.app.screen.focused is not None)
        await d.press("enter")
        await d.until(lambda: d.app.screen is d.app.main and d.app.main.flow.count() == 6)
        assert d.app.main.filter_text.endswith('payload.country:"no"')

    drive(orders(), story, size)


@pytest.mark.parametrize("way", ["flow", "directory", "statistics"])
def test_from_an_action_wherever_it_stands(way: str) -> None:
    keys = {"flow": ("up",), "directory": ("shift+tab", "down", "right", "down"), "statistics": ("down",)}

    async def story(d: Driver) -> None:
        await d.sees("shop")
        if way == "statistics":
            await d.press("S")
            await d.sees("all together", "Slowest")
        await d.press(*keys[way], "u")
        await d.sees("what failed of shop.order against the rest", "6 against 54")
        await d.press("u")
        await d.loses("against the rest")
        await d.press("s")
        await d.sees("Shape", "shop.order learned from 60 exchanges")

    drive(orders(), story)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_long_name_leaves_room_for_what_failed(width: int) -> None:
    session = fed(NOON)
    asked = {"action": "charge" * 20, "payload": {}, "request_id": "r", "reply_to": "caller:x"}
    answer = {"status": "error", "payload": {"error": "card declined"}, "request_id": "r"}
    messages = (("payment" * 20, asked), ("caller:x", answer))
    session.on_batch(NOON, [(channel, json.dumps(message).encode()) for channel, message in messages])

    async def story(console: Driver) -> None:
        await console.press("W")
        await console.sees("paymentpay", "….chargechar", "…  card decl")

    drive(session, story, size=(width, 24))


def test_the_slowest_where_nothing_failed_and_by_a_key() -> None:
    async def story(d: Driver) -> None:
        await d.press("up", "u")
        await d.sees("Nothing of shop.order has failed", "the slowest of shop.order, over 10", "6 against 54")
        assert "payload.country" in d.text

    drive(orders(failing=False), story)

    async def by_key(d: Driver) -> None:
        await d.press("up", "u")
        await d.sees("what failed of shop.order")
        await d.press("o")
        await d.sees("the slowest of shop.order", "6 against 54")
        await d.press("o")
        await d.sees("what failed of shop.order")

    drive(orders(), by_key)


def test_the_marked_against_the_rest() -> None:
    async def story(d: Driver) -> None:
        await d.press("up", *["m", "up"] * 5, "u")
        await d.sees("the 5 marked against the rest", "5 against 55")

    drive(orders(), story)


def test_what_nothing_answers_is_not_said_to_lack_answers() -> None:
    session = fed(NOON)
    session.on_batch(NOON - 5, [("news", b'{"a": 1}')] * 60)

    async def story(d: Driver) -> None:
        await d.press("up", "u")
        await d.sees("Nothing of news is a request")
        assert "needed" not in d.text
        await d.press("o")
        await d.sees("Nothing of news is a request")

    drive(session, story)


def test_where_there_is_nothing_to_set_apart_it_says_so() -> None:
    async def story(d: Driver) -> None:
        await d.press("up", "u")
        await d.sees("Nothing of shop.order has failed", "50 answers are needed")
        await d.press("enter", "escape", "o")
        assert d.app.screen is d.app.main

    drive(orders(8, failing=False), story)

    async def empty(d: Driver) -> None:
        said = set()
        for key in "usM":
            await d.press(key)
            assert d.app.screen is d.app.main
            said.add([one.identity for one in d.app._notifications][-1])
        assert len(said) == 3
        await d.press("W", "u", "s")
        await d.sees("Nothing that is remembered has failed")

    drive(fed(NOON), empty)


@pytest.mark.parametrize("size", SIZES)
def test_the_shape_beside_what_is_declared_and_what_is_not_like_it(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        await d.press("up", "s")
        await d.sees("Not like the others", "#59", "payload.user is missing", "shop order: request, 60 messages")
        await d.sees("DECLARED", "text, required: 60 of 60", "not declared")
        await d.press("enter")
        await d.until(lambda: d.app.screen is d.app.main)
        exchange = d.app.main.selected_exchange()
        assert exchange is not None
        assert exchange.number == 59
        await d.press("s")
        await d.sees("Not like the others")
        await d.press(*["down"] * 6, "enter")
        await d.until(lambda: d.app.screen is d.app.main and d.app.main.filter_text != "")
        assert d.app.main.filter_text == "to:shop action:order payload.country:*"

    drive(orders(), story, size)


@pytest.mark.parametrize("size", SIZES)
def test_two_conversations_side_by_side(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        await d.until(lambda: d.app.main.flow.count() == 8)
        await d.press("g", "m", "down", "down", "down", "down", "M")
        await d.sees("Two conversations #1 and #5", "stock.reserve", "ended otherwise", "missing", "repeated")
        await d.press("x")
        await d.sees("#5 and #1", "new")
        await d.press("x")
        await d.sees("#1 and #5")
        await d.press("d")
        await d.until(lambda: type(d.app.screen).__name__ == "CompareScreen")
        await d.press("escape", "end", "enter")
        await d.until(lambda: d.app.screen is d.app.main)
        exchange = d.app.main.selected_exchange()
        assert exchange is not None
        assert exchange.target == "mail"

    drive(conversations(), story, size)


def test_one_conversation_has_nothing_beside_it() -> None:
    async def story(d: Driver) -> None:
        await d.until(lambda: d.app.main.flow.count() == 8)
        await d.press("g", "m", "down", "M")
        await d.sees("#1 and #2 belong to one conversation")
        await d.press("enter", "d", "escape")
        assert d.app.screen is d.app.main

    drive(conversations(), story)


def test_hostile_names_command_nothing() -> None:
    nasty = "\x1b[31mred[/]\n"
    session = fed(NOON)
    for number in range(60):
        message = {"action": nasty, "request_id": f"r{number}", "service": nasty, "reply_to": "caller:1",
                   "payload": {nasty: nasty if number % 3 else number}}  # fmt: skip
        session.on_batch(NOON - 60, [(nasty, json.dumps(message).encode())])
        status = "success" if number % 3 else "error"
        said = {"status": status, "request_id": f"r{number}", "payload": {nasty: nasty}}
        session.on_batch(NOON - 59, [("caller:1", json.dumps(said).encode())])

    async def story(d: Driver) -> None:
        for key in ("u", "s"):
            await d.press("up", key)
            await d.sees("\\x1b[31mred[/]", "learned from" if key == "s" else "20 against 40")
            assert "\x1b" not in d.text
            await d.press("enter")
            await d.press("escape", "escape")

    drive(session, story)


def test_of_what_was_only_told_no_shape_is_learned() -> None:
    """Nobody has seen its messages, and the title counts none of it."""
    session = orders(4)
    journal = session.journal
    for _time in range(30):
        number = journal.next_number
        message = Message(journal.next_seq, NOON - 60, "shop", b"{}", Kind.TOLD, number)
        journal.add(message, Exchange(number, Kind.TOLD, State.OK, message, target="shop", action="order"))

    async def story(d: Driver) -> None:
        await d.press("up", "s")
        await d.sees("learned from 4 exchanges")

    drive(session, story)
