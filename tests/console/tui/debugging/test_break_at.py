"""What is offered to be held: each choice is a command that can be typed."""

from __future__ import annotations

import pytest

from daebus_console.commands.doing.holding.debugging import condition
from daebus_console.commands.grammar.command import parse
from daebus_console.engine.holding.condition import offered
from daebus_console.tui.screens.break_at import choices


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
