"""The debugger on the screen: held from a row, looked at, edited, answered, stepped through, let go in an order."""

from __future__ import annotations

import pytest

from daebus import Daebus, RequestFailed
from daebus_console.engine.holding.rule import Rule
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.keeping.keeper import Keeper, Wanted
from daebus_console.engine.message.envelope import debug_of
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.screens.break_at import BreakScreen
from daebus_console.tui.screens.edit import EditScreen
from daebus_console.tui.screens.held import HeldScreen
from daebus_console.tui.screens.rules import RulesScreen
from tests.console.holding.conftest import Shop, known
from tests.console.holding.conftest import shop as shop
from tests.console.tui.debugging.driving import at, breaks, ended, held, knows
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, grid


def test_from_the_row_to_the_edited_message(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await knows(console, shop)
        await ended(shop.ask(payload={"amount": 5}), console)
        main = console.app.main
        await console.until(lambda: main.flow.count() == 2)
        await console.press("home", "B")
        await console.until(lambda: at(console, BreakScreen))
        await console.sees(f"Hold {shop.orders}.place", "the next one", "where payload.amount=5")
        await console.press("down", "enter")
        await console.sees("`unbreak 1` ends it")
        await console.until(lambda: main.flow.rule_of(main.selected_exchange()) == "◉")
        asked = shop.ask(payload={"amount": 6})
        await held(console, 1)
        await console.sees("‖ 1 held H", "◉1 L", "‖ held")
        # A new one does not take the keyboard.
        assert main.flow.has_focus
        for badge, screen in (("◉1 L", RulesScreen), ("1 held", HeldScreen)):
            assert await console.pilot.click(main.head, offset=(grid(console.app)[0].index(badge), 0))
            await console.until(lambda wanted=screen: at(console, wanted))
            await console.press("escape")
            await console.until(lambda: console.app.screen is main)
        await console.press("H")
        await console.sees("Held 1 message", f"{shop.orders}.place", "before its handler", "waits on", "amount: 6")
        await console.press("e")
        await console.until(lambda: at(console, EditScreen))
        console.app.screen.area.text = '{"amount": 60}'
        await console.sees(f"{shop.orders}.place goes on: amount 6 → 60")
        await console.press("ctrl+s")
        assert await ended(asked, console) == {"placed": True, "charged": 60}
        await console.sees("Nothing is held")
        await console.press("escape")
        await console.sees("✎")
        await console.press("end", "up", "up")
        await console.sees("debugger    held, edited by ")

    drive(shop.url, story, size=(120, 35))


def test_from_the_row_of_what_was_told_of_the_time_before(shop: Shop) -> None:
    assert shop.ask("ping").result() == {"pong": True}

    async def story(console: Driver) -> None:
        main = console.app.main
        console.app.session.pulls = True
        await knows(console, shop)
        await console.until(lambda: main.flow.count() == 1)
        await console.press("home", "B")
        await console.sees(f"Hold {shop.orders}.ping", "the next one")
        await console.press("enter")
        await console.sees("`unbreak 1` ends it")
        number = main.selected_exchange().number
        await console.command(f"break #{number} --place answer --once")
        await console.sees(f"answers of {shop.orders}.ping held (once)")
        asked = shop.ask("ping")
        await held(console, 1)
        await console.command("release all")
        await held(console, 1, "answer")
        await console.command("off")
        assert await ended(asked, console) == {"pong": True}

    drive(shop.url, story, size=(120, 35))


def test_a_call_is_named_by_where_it_goes(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await knows(console, shop)
        await console.command(f"break {shop.orders} charge --place call")
        await console.sees(f"calls that {shop.orders} makes to charge held")
        await console.press("escape", "escape")
        asked = shop.ask(payload={"amount": 5})
        await held(console, 1, "call")
        await console.press("H")
        name = f"{shop.orders} → {shop.payment}.charge"
        await console.sees(f"Inside {name}")
        await console.press("e")
        await console.until(lambda: at(console, EditScreen))
        console.app.screen.area.text = '{"amount": 60}'
        await console.sees(f"{name} goes on: amount 5 → 60")
        await console.press("escape", "escape")
        await console.until(lambda: at(console, HeldScreen))
        await console.press("f")
        await console.sees(f"whoever asked gets it from {shop.payment}.charge")
        await console.press("escape", "c")
        assert await ended(asked, console) == {"placed": True, "charged": 5}

    drive(shop.url, story, size=(140, 40))


def test_what_had_no_room_among_what_is_told_is_counted_and_goes_on_too(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop)
        shop.crowd(50)
        desk, session = console.app.main.keeper.desk, console.app.main.session

        def told() -> int:
            with session.lock:
                return len(desk.held()) + desk.unlisted()

        await console.until(lambda: told() == 50)
        await console.press("H")
        await console.sees("messages and ", " more")
        await console.press("A")
        await console.until(lambda: len(shop.handled) == 50)
        await console.sees("Nothing is held")

    drive(shop.url, story)


def test_that_messages_went_by_for_want_of_room_is_told_where_the_others_are_listed(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop)
        shop.crowd(203)
        await console.until(lambda: len(shop.handled) == 3)
        await console.press("H")
        await console.sees("messages and ", " more  3 went by for want of room", "holds no more, for want of room")
        await console.press("A")
        await console.until(lambda: len(shop.handled) == 203)

    drive(shop.url, story, size=(140, 40))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_answered_in_its_place_beginning_with_the_last_answer(shop: Shop, size: tuple[int, int]) -> None:
    async def story(console: Driver) -> None:
        await knows(console, shop)
        await ended(shop.ask("ping"), console)
        await breaks(console, shop)
        asked = shop.ask("ping")
        await held(console, 1)
        await console.press("H", "a")
        await console.until(lambda: at(console, EditScreen))
        await console.sees('"pong": true', "is answered: as it was")
        console.app.screen.area.text = '{"pong": false, "by": "me"}'
        await console.press("ctrl+s")
        assert await ended(asked, console) == {"pong": False, "by": "me"}
        assert len(shop.handled) == 1

    drive(shop.url, story, size=size)


def test_what_is_no_payload_is_not_sent(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop)
        asked = shop.ask("ping", {"n": 1})
        await held(console, 1)
        await console.press("H", "e")
        await console.until(lambda: at(console, EditScreen))
        for text, told in (('{"n": }', "line 1, column 7"), ("[1]", "a payload is an object"), ('{"n": NaN}', "NaN")):
            console.app.screen.area.text = text
            await console.press("ctrl+s")
            await console.sees(told)
            assert at(console, EditScreen)
        await console.press("escape", "escape")
        await console.until(lambda: at(console, HeldScreen))
        assert not asked.done
        await console.press("c")
        assert await ended(asked, console) == {"pong": True}
        assert shop.handled == [("ping", {"n": 1})]

    drive(shop.url, story)


def test_what_goes_on_while_it_is_edited_is_said_to_be_held_no_more(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop)
        asked = shop.ask("ping", {"n": 1})
        await held(console, 1)
        await console.press("H", "e")
        await console.until(lambda: at(console, EditScreen))
        await console.sees("goes on: as it was")
        console.app.screen.area.text = '{"n": 2}'
        # As another console does, or the end of its time.
        keeper = console.app.main.keeper
        assert keeper is not None
        keeper.let_go(keeper.desk.held()[0])
        assert await ended(asked, console) == {"pong": True}
        await console.sees("✗ H1 is held no more: nothing can be done to it")
        await console.press("ctrl+s")
        await console.sees("not sent: H1 is held no more")
        # What was typed is there still.
        assert at(console, EditScreen)
        assert console.app.screen.area.text == '{"n": 2}'

    drive(shop.url, story)


def test_what_is_sent_as_it_was_is_not_said_to_be_edited(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop)
        asked = shop.ask("ping", {"n": 1})
        await held(console, 1)
        await console.press("H", "e")
        await console.until(lambda: at(console, EditScreen))
        await console.sees("goes on: as it was")
        await console.press("ctrl+s")
        assert await ended(asked, console) == {"pong": True}
        journal = console.app.session.journal.exchanges
        await console.until(lambda: any(one.action == "ping" and one.answer for one in journal))
        answer = next(one.answer for one in journal if one.action == "ping")
        assert answer is not None
        assert debug_of(answer.data) == (console.app.main.keeper.desk.owner, ["held"])

    drive(shop.url, story)


def test_failed_with_a_text(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop)
        asked = shop.ask("ping")
        await held(console, 1)
        await console.press("H", "f")
        await console.sees("The text of the error")
        await console.press("ctrl+u")
        await console.type("card declined")
        await console.press("enter")
        with pytest.raises(RequestFailed, match="card declined"):
            await ended(asked, console)

    drive(shop.url, story)


def test_steps_follow_the_conversation_and_the_cursor_goes_along(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop, "place")
        asked = shop.ask(payload={"amount": 5})
        await held(console, 1)
        await console.press("H", "f11")
        await held(console, 1, "request", shop.payment)
        await console.sees("amount: 5", f"{shop.payment}.charge")
        await console.press("V")
        await console.sees("Conversation", "held: before its handler  ◀ here")
        await console.press("f10")
        await held(console, 1, "answer", shop.payment)
        await console.sees("held: its answer")
        await console.press("escape")
        await console.sees("charged: 5")
        await console.press("f23")
        await held(console, 1, "answer", shop.orders)
        await console.sees("placed: true")
        await console.press("f8")
        assert await ended(asked, console) == {"placed": True, "charged": 5}
        await console.sees("Nothing is held")

    drive(shop.url, story)


def test_steps_go_to_the_row_or_the_conversation_that_is_looked_at(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop, "place")
        several = []
        for n in (1, 2, 3):
            several.append(shop.ask(payload={"amount": n}))
            await held(console, n)
        await console.until(lambda: console.app.main.flow.count() == 3)
        await console.press("up")
        # The newest; then that of its conversation, whatever the cursor is on, and no other.
        await console.press("f11")
        await held(console, 1, "request", shop.payment)
        await console.press("V")
        await console.sees("held: before its handler  ◀ here")
        await console.press("f8")
        assert await ended(several[2], console) == {"placed": True, "charged": 3}
        await held(console, 2)
        await console.press("f11")
        said = console.app._notifications
        await console.until(lambda: any("Nothing of this conversation is held" in one.message for one in said))
        await held(console, 2)
        await console.press("escape")
        await console.until(lambda: console.app.screen is console.app.main)
        await console.press("home", "down", "V")
        await console.sees("‖ H2 held")
        await console.press("f8")
        assert await ended(several[1], console) == {"placed": True, "charged": 2}
        await held(console, 1)
        assert not several[0].done
        await console.press("escape")
        await console.until(lambda: console.app.screen is console.app.main)
        await console.press("end", "f8")
        assert await ended(several[0], console) == {"placed": True, "charged": 1}

    drive(shop.url, story, size=(120, 35))


def test_all_the_next_and_an_order_of_ones_own(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await breaks(console, shop)
        asked = []
        for n in range(5):
            asked.append(shop.ask("ping", {"n": n}))
            await held(console, n + 1)
        await console.press("H")
        await console.sees("Held 5 messages")
        await console.press("n")
        assert await ended(asked[0], console) == {"pong": True}
        await held(console, 4)
        await console.sees("Held 4 messages")
        await console.press("end", "o", "home", "o")
        await console.sees(" 1.", " 2.")
        await console.press("O")
        for one in (asked[4], asked[1]):
            await ended(one, console)
        await console.sees("Held 2 messages")
        await console.press("A")
        await console.sees("Nothing is held")
        assert [payload["n"] for _action, payload in shop.handled][:3] == [0, 4, 1]

    drive(shop.url, story)


def test_whose_it_is_can_be_read_whole_and_all_keys_have_room(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody = "a-user-of-a-long-name@a-host-of-no-short-name:123456"

    async def story(console: Driver) -> None:
        await knows(console, shop)
        with Session(shop.url) as session, Sender(session) as sender:
            known(session, shop.orders)
            monkeypatch.setattr(keeping, "owner", lambda: somebody)
            keeper = Keeper(session, sender)
            monkeypatch.undo()
            keeper.place([Wanted(shop.orders, Rule(""))])
            asked = shop.ask("ping", {"n": 1})
            await held(console, 1)
            await console.press("H")
            await console.sees("Held 1 message", "held by", somebody)
            for focus in ((), ("enter",)):
                await console.press(*focus)
                keys = "c Go on e Edit a Answer f Fail d Drop A All go on esc Back ? Help"
                await console.until(lambda keys=keys: console.text.rstrip().endswith(keys), what="all keys")
            keeper.close()
            assert await ended(asked, console) == {"pong": True}

    drive(shop.url, story, size=(80, 24))


def test_from_what_is_held_to_the_rules_and_back_nothing_is_stacked(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await knows(console, shop)
        await console.press("H", "L", "H", "L", "H")
        await console.until(lambda: at(console, HeldScreen))
        await console.press("escape")
        await console.until(lambda: console.app.screen is console.app.main)
        await console.press("L", "H")
        await console.until(lambda: at(console, HeldScreen))
        await console.press("escape")
        await console.until(lambda: console.app.screen is console.app.main)

    drive(shop.url, story)


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        ("Lf", "fault "),
        ("HLf", "fault "),
        ("HLs", "fault save "),
        ("HS", "release save test_order.py"),
        ("LHS", "release save test_order.py"),
    ],
)
def test_a_command_that_is_begun_stands_where_it_can_be_typed(keys: str, command: str) -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        await console.press(*keys)
        await console.until(lambda: main.repl.line.text == command, what=command)
        assert console.app.screen is main
        assert main.repl.line.has_focus
        await console.type("x")
        assert main.repl.line.text == f"{command}x"

    drive(scene(), story)


@pytest.mark.parametrize("key", ["H", "L"])
def test_what_was_said_before_it_was_opened_is_not_said_there(key: str) -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        await console.command("help")
        await console.until(lambda: "`help rules`." in text_of(main.last_said))
        await console.press("escape", key)
        screen = console.app.screen
        assert isinstance(screen, HeldScreen | RulesScreen)
        screen.renew()
        assert screen.said.left == []
        main.do("release all")
        await console.until(lambda: screen.said.left == main.last_said != [], what="what was said since")
        assert "help" not in text_of(screen.said.left)

    drive(scene(), story)


def test_what_has_no_answer_is_neither_answered_nor_failed(shop: Shop) -> None:
    listening = Daebus(__name__, debugger=True)
    listening.listen(shop.placed)(lambda _payload: None)
    shop.start(shop.audit, listening)

    async def story(console: Driver) -> None:
        services = console.app.session.directory.services
        await console.until(lambda: shop.audit in services and services[shop.audit].instances)
        await console.command(f"break {shop.audit} {shop.placed} --place event")
        await console.sees("`unbreak 1` ends it")
        await console.command(f"broadcast {shop.placed} n:=1")
        await held(console, 1)
        await console.press("escape", "escape", "H")
        said = console.app._notifications
        for count, key in enumerate("af", 1):
            await console.press(key)
            await console.until(lambda n=count: sum("A broadcast has no answer" in one.message for one in said) == n)
            assert at(console, HeldScreen)

    drive(shop.url, story)
