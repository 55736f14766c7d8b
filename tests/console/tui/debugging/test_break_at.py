"""What is offered to be held: each choice is a command that can be typed."""

from __future__ import annotations

import pytest

from daebus_console.commands.doing.holding.debugging import condition
from daebus_console.commands.grammar.command import parse
from daebus_console.engine.holding.condition import offered
from daebus_console.engine.message.exchange import Kind
from daebus_console.tui.screens.break_at import choices
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive


@pytest.mark.parametrize("service", ["users", "old users", "#12x", "a'b", "-v", "\\xff"])
@pytest.mark.parametrize("event", [False, True], ids=["action", "event"])
def test_each_choice_is_a_command(service: str, event: bool) -> None:
    payload = {
        "id": 17,
        "name": "Ann Lee",
        "quote": 'a\'b "c"',
        "odd": "#1 & {x}",
        "vip": True,
        "zip": "017",
        "n": "17",
    }
    found = choices(service, "get user", offered(payload), event=event)
    for choice in found:
        if choice.typed:
            continue
        command = parse(choice.command)
        assert command is not None
        assert command["service"] == service
        assert command["match"][0].text == "get user"
    commands = [parse(choice.command) for choice in found if choice.text.startswith("where ")]
    assert [condition(command["match"][1]) for command in commands if command is not None] == offered(payload)


def test_before_all_that_listen() -> None:
    found = choices("audit", "orders", [], event=True, number=12)
    assert [choice.command for choice in found] == ["break #12 --once", "break #12", "break #12 payload."]


def test_what_cannot_be_held_is_said_with_why() -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        await console.press("B")
        await console.sees("Select what to hold")
        for kind, told in (
            (Kind.BROADCAST, "No service is known to listen to orders"),
            (Kind.GAP, "Only requests, one-way messages and broadcasts"),
        ):
            number = next(one.number for one in console.app.session.journal.exchanges if one.kind is kind)
            main.select(number)
            await console.press("B")
            await console.sees(told)

    drive(scene(), story, size=(200, 40), notifications=True)
