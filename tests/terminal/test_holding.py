"""The debugger in a real terminal: an order held before payment, its amount changed, stepped through, let go."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.console.holding.conftest import Asked, Shop
from tests.console.holding.conftest import shop as shop
from tests.support.programs.terminal import Terminal
from tests.terminal.test_repl import repl

pytestmark = pytest.mark.terminal
F8, F10, F11 = "\x1b[19~", "\x1b[21~", "\x1b[23~"


def ended(asked: Asked, terminal: Terminal) -> object:
    """The answer, waited for while the terminal is read."""
    terminal.wait_for(lambda _text: asked.done)
    return asked.result()


def enter(terminal: Terminal, command: str) -> None:
    """Type a command; what comes in one piece with the key that ends it is taken for a paste."""
    terminal.press(":")
    terminal.wait_for("Earlier")
    terminal.type(command)
    # The hint below the line is there once all of it was read.
    terminal.wait_for(rf"{re.escape(command)}(?s:.*)break SERVICE")
    terminal.press("enter")


def leave(terminal: Terminal) -> None:
    """From the command line back to the flow."""
    terminal.press("escape")
    terminal.wait_for("Pause")


def test_held_before_payment_changed_and_stepped_through(shop: Shop) -> None:
    command = [sys.executable, "-m", "daebus_console", "--redis", shop.url]
    with Terminal(command, rows=36, columns=140) as terminal:
        terminal.wait_for("Services 2")
        enter(terminal, f"break {shop.orders} place --once")
        terminal.wait_for(r"\[1\] \S+_orders\.place held")
        leave(terminal)
        asked = shop.ask(payload={"amount": 5}, timeout=90)
        terminal.wait_for("1 held H")
        terminal.press("H")
        terminal.wait_for(r"Held 1 message(?s:.*)_orders\.place +before its handler(?s:.*)amount: 5")
        assert not shop.handled

        terminal.press(F11)
        terminal.wait_for(r"_payment\.charge +before its handler")
        terminal.press("V")
        tree = terminal.wait_for(r"_payment\.charge(?s:.*)held: before its handler +◀ here")
        assert re.search(r"#\d+ +svc_\w+_orders\.place", tree)
        terminal.press("escape")
        terminal.wait_for("Held 1 message")
        terminal.press("e")
        terminal.wait_for("goes on: as it was")
        # The cursor stands behind the first value.
        terminal.press("\x7f", "7")
        terminal.wait_for(r"amount 5 → 7")
        terminal.press("ctrl+s")
        assert ended(asked, terminal) == {"placed": True, "charged": 7}
        terminal.wait_for("Nothing is held")
        terminal.press("escape")
        terminal.wait_for("Pause")

        enter(terminal, f"break {shop.payment} charge --once")
        terminal.wait_for(r"\[2\] \S+_payment\.charge held")
        leave(terminal)
        again = shop.ask(payload={"amount": 8}, timeout=90)
        terminal.wait_for("1 held H")
        terminal.press("H")
        terminal.wait_for("amount: 8")
        terminal.press(F10)
        terminal.wait_for(r"_payment\.charge +its answer(?s:.*)charged: 8")
        terminal.press("V")
        terminal.wait_for(r"held: its answer +◀ here")
        terminal.press(F8)
        assert ended(again, terminal) == {"placed": True, "charged": 8}
        terminal.press("escape")
        terminal.wait_for("Nothing is held")
    assert [action for action, _payload in shop.handled] == ["place", "charge", "place", "charge"]


def enter_line(terminal: Terminal, command: str) -> None:
    """Type a command at the line prompt."""
    terminal.type(command)
    terminal.wait_for(rf"daebus> {re.escape(command)}")
    terminal.press("enter")


def test_the_line_prompt_tells_what_is_held_and_where_a_step_has_come_to(shop: Shop, tmp_path: Path) -> None:
    with repl(shop.url, tmp_path) as terminal:
        terminal.wait_for(r"daebus>(?s:.*)2 services,")
        enter_line(terminal, f"break {shop.orders} place")
        terminal.wait_for(r"\[1\] \S+_orders\.place held")
        asked = shop.ask(payload={"amount": 5}, timeout=90)
        # Nobody has to ask for it.
        terminal.wait_for(r"‖ H1 \S+_orders\.place before its handler, from .*, waits on +`release 1`")
        terminal.wait_for(r"1 held +2 services,")
        enter_line(terminal, "step into")
        terminal.wait_for(r"‖ H2 \S+_payment\.charge before its handler")
        terminal.wait_for(r"‖ H2: stopped at \S+_payment\.charge")
        enter_line(terminal, "release all")
        assert ended(asked, terminal) == {"placed": True, "charged": 5}
        terminal.wait_for(lambda text: not re.search(r"\d held ", text))
