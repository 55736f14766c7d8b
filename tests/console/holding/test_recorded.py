"""Sending again what a debugger had a hand in when it was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from daebus_console.commands.context import Exit
from daebus_console.engine.message.exchange import Exchange, Flag
from tests.console.holding.conftest import Debugging, Shop
from tests.support.waiting import eventually


def recorded(console: Debugging, shop: Shop, path: Path) -> Exchange:
    """The order of which there is a capture now."""

    def found() -> list[Exchange]:
        with console.session.lock:
            return [one for one in console.session.journal.exchanges if one.action == "place" and one.answer]

    (exchange,) = eventually(found)
    console("off")
    assert console(f"export service:{shop.orders} --as capture -o {path}") == Exit.DONE
    return exchange


@pytest.mark.parametrize(
    ("rule", "release", "same", "uncompared"),
    [
        # What was edited was answered otherwise, and so was what a fault was answered within it.
        ("break {orders} place", "release next go amount:=7", 0, 1),
        ("fault {payment} charge answer charged:=9", None, 0, 1),
        # Held alone changes nothing: that is compared.
        ("break {orders} place", "release next", 1, 0),
    ],
)
def test_it_is_counted_apart_and_no_regression(
    console: Debugging, shop: Shop, tmp_path: Path, rule: str, release: str | None, same: int, uncompared: int
) -> None:
    console(rule.format(orders=shop.orders, payment=shop.payment))
    asked = shop.ask(payload={"amount": 5})
    if release is not None:
        console.holding()
        console(release)
    asked.result()
    path = tmp_path / "touched.jsonl"
    exchange = recorded(console, shop, path)
    assert exchange.flags & Flag.DEBUGGED or release is None
    console.heard.records.clear()
    assert console(f"replay {path} --roots --json --yes") == Exit.DONE
    (told,) = console.heard.records
    assert (told["changed"], told["debugged"]) == (0, 1)
    assert (told["same"], told["uncompared"]) == (same, uncompared)
    console.heard.lines.clear()
    assert console(f"replay {path} --roots --yes") == Exit.DONE
    assert "; a debugger had a hand in 1 when it was recorded" in console.heard.lines[-1]
    console.heard.notes.clear()
    assert console(f"replay #{exchange.number}") == Exit.DONE
    assert any("when it was recorded a debugger had a hand in it" in note for note in console.heard.notes)
