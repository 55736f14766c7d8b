"""The debugger on the screen: which rules stand and whose, who does not allow it, and that all goes on in the end."""

from __future__ import annotations

import re

import pytest

from daebus import Daebus
from daebus_console.commands.under_way import under_way
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.keeping.keeper import Keeper
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.text import cells
from daebus_console.tui.screens.edit import EditScreen
from daebus_console.tui.screens.held import HeldScreen
from daebus_console.tui.screens.rules import RulesScreen
from tests.console.holding.conftest import Asked, Shop, known
from tests.console.holding.conftest import shop as shop
from tests.console.tui.debugging.driving import at, breaks, ended, held, knows
from tests.console.tui.support import Driver, drive, grid
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer


def test_the_rules_and_how_they_go(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await knows(console, shop)
        await console.press("L")
        await console.sees("No rule stands", "fault payment charge delay 2s")
        await console.press("escape")
        await breaks(console, shop)
        await console.command(f"fault {shop.payment} charge delay 10ms --for 1h")
        await console.sees("[2]")
        await console.press("escape", "escape", "L")
        await console.sees("2 rules", f"{shop.orders}.ping held", "delayed by 10 ms")
        await console.until(lambda: re.search(r"60m00s|59m\d\ds", console.text), what="for how much longer")
        await console.press("home", "d")
        await console.sees("1 rule")
        await console.until(lambda: len(console.app.screen.list.rows) == 1)
        assert await ended(shop.ask(), console) == {"placed": True, "charged": 1}
        await console.sees("     1  ")
        await console.press("f9")
        await console.sees("No rule stands")
        await console.press("escape")
        await console.until(lambda: not at(console, RulesScreen))

    drive(shop.url, story)


def test_the_rule_that_is_taken_away_is_the_one_that_was_chosen_whatever_else_ends(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop)
        for number, action in ((2, "place"), (3, "look")):
            await console.command(f"break {shop.orders} {action}")
            await console.sees(f"`unbreak {number}` ends it")
        await console.press("escape", "escape", "L")
        await console.until(lambda: len(console.app.screen.list.rows) == 3)
        await console.press("home", "down")
        assert console.app.screen.list.chosen().number == 2
        # As one that was set for a time ends.
        keeper = console.app.main.keeper
        keeper.lift([keeper.desk.settings[1]])
        await console.until(lambda: len(console.app.screen.list.rows) == 2)
        await console.press("d")
        await console.until(lambda: [one.number for one in console.app.screen.list.rows] == [3])

    drive(shop.url, story)


def test_the_rules_tell_who_suspends_what(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(console: Driver) -> None:
        await knows(console, shop)
        with Session(shop.url) as session, Sender(session) as sender:
            known(session, shop.payment)
            monkeypatch.setattr(keeping, "owner", lambda: "bob@elsewhere:7")
            bob = Keeper(session, sender)
            monkeypatch.undo()
            bob.suspend(shop.payment, on=True)
            await console.press("L")
            await console.sees(f"suspended: {shop.payment} by bob@elsewhere:7")
            bob.close()
        await console.press("escape")
        await console.command(f"suspend {shop.orders}")
        await console.press("escape", "escape", "L")
        await console.sees(f"suspended: {shop.orders} (`resume`)")

    drive(shop.url, story, size=(120, 35))


def test_off_from_anywhere_even_from_the_editor(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop)
        asked = shop.ask("ping")
        await held(console, 1)
        await console.press("H", "e")
        await console.until(lambda: at(console, EditScreen))
        await console.press("f9")
        assert await ended(asked, console) == {"pong": True}
        console.app.screen.area.text = '{"too": "late"}'
        await console.press("ctrl+s")
        await console.sees("not sent: H1 is held no more")
        await console.press("escape", "escape")
        await console.until(lambda: at(console, HeldScreen))
        assert shop.handled == [("ping", {})]

    drive(shop.url, story)


def test_a_service_that_does_not_allow_it_says_so_before_and_after(shop: Shop) -> None:
    closed = Daebus(__name__)
    closed.action("look")(dict)
    shop.start(shop.audit, closed)

    async def story(console: Driver) -> None:
        await knows(console, shop)
        services = console.app.session.directory.services
        await console.until(lambda: shop.audit in services and services[shop.audit].instances)
        await console.command(f"break {shop.audit} look")
        await console.sees("may not be debugged", "DAEBUS_DEBUGGER=1")
        await console.press("escape", "escape", "shift+tab")
        directory = console.app.main.directory
        await console.until(lambda: any(row.name == shop.audit for row in directory.rows))
        directory.put_cursor(next(n for n, row in enumerate(directory.rows) if row.name == shop.audit))
        await console.press("B")
        await console.sees("does not allow it", "Daebus(debugger=True)")

    drive(shop.url, story)


def test_read_only_refuses(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        services = console.app.session.directory.services
        await console.until(lambda: shop.orders in services and services[shop.orders].instances)
        await console.command(f"break {shop.orders} ping")
        await console.sees("this console is read-only")
        assert under_way(console.app.session).keeper is None
        await console.press("escape", "escape", "H")
        await console.sees("Nothing is held")

    drive(shop.url, story, read_only=True)


def test_leaving_lets_all_go(shop: Shop) -> None:
    asked: list[Asked] = []

    async def story(console: Driver) -> None:
        await breaks(console, shop)
        asked.append(shop.ask("ping"))
        await held(console, 1)

    drive(shop.url, story)
    assert asked[0].result() == {"pong": True}


@pytest.mark.parametrize("size", [(40, 12), (100, 30)], ids=str)
def test_where_nothing_can_be_asked_the_title_still_says_what_the_screen_is(
    own_redis: RedisServer, size: tuple[int, int]
) -> None:
    async def story(console: Driver) -> None:
        await console.until(lambda: console.app.main.keeper is not None)
        own_redis.kill()
        await console.until(lambda: console.app.main.keeper.problem)
        await console.press("H")
        await console.until(lambda: grid(console.app)[0].startswith(" Held  "), what="the title, and what is wrong")
        assert cells(grid(console.app)[0]) < size[0] or grid(console.app)[0].endswith("…")

    with serving(Daebus("orders", debugger=True), own_redis.url, "orders"):
        drive(own_redis.url, story, size)
