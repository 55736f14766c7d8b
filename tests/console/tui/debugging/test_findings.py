"""Findings on the screen: the badge, the marks, the list with its evidence, and what is known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from daebus_console.commands.known_file import KnownFile
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rules import RULES
from daebus_console.engine.session import Session
from daebus_console.tui.screens.findings import FindingsScreen
from tests.console.engine.findings.watched import Watched
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, fed, grid

SIZES = [(80, 24), (160, 48)]


def faulty() -> Session:
    """A bus with a misspelled one-way message, a swallowed error and a late answer, and calls that are fine."""
    bus = Watched()
    bus.info("mailer", "send_receipt")
    for _ in range(3):
        bus.send("mailer", "send_recipt")
    order = bus.ask("gateway", "buy")
    bus.fail(bus.ask("billing", "charge", of=order))
    bus.answer(order)
    refund = bus.ask("payment", "refund", timeout=0.5)
    bus.wait(2)
    bus.answer(refund)
    bus.info("mailer", "send_receipt")
    bus.call("users", "get")
    bus.wait(1)
    bus.call("users", "get")
    return bus.session


@pytest.mark.parametrize("size", SIZES)
def test_from_the_badge_to_the_evidence(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        await d.sees("✗1 ▲2 !")
        await d.press("exclamation_mark")
        await d.sees("Findings", "✗", "mailer has no action 'send_recipt'", "because", "to:mailer action:send_recipt")
        assert "gateway buy answered with success" in d.text
        await d.press("down")
        await d.sees("payment refund did its work for nobody")
        await d.press("down")
        await d.sees("was made for #5 and failed")
        assert "swallowed-error" in d.text
        await d.press("enter")
        main = d.app.main
        await d.until(lambda: d.app.screen is main)
        exchange = main.selected_exchange()
        assert exchange is not None
        assert (exchange.target, exchange.action) == ("billing", "charge")

    drive(faulty(), story, size)


def test_evidence_that_a_filter_hides_is_looked_at_all_the_same() -> None:
    async def story(d: Driver) -> None:
        main = d.app.main
        main.narrow_to("action:get")
        await d.until(lambda: main.flow.count() == 2)
        await d.press("exclamation_mark")
        await d.sees("has no action 'send_recipt'")
        await d.press("enter")
        await d.until(lambda: d.app.screen is main)
        await d.pilot.pause()
        assert main.flow.selected is None
        exchange = main.selected_exchange()
        assert exchange is not None
        assert (exchange.target, exchange.action) == ("mailer", "send_recipt")

    drive(faulty(), story, SIZES[1])


def test_what_has_just_come_can_be_gone_to() -> None:
    """The flow is drawn some times a second only; what is gone to may be newer."""

    async def story(d: Driver) -> None:
        main, session = d.app.main, d.app.session
        await d.until(lambda: main.flow.count() > 0)
        session.on_batch(session.clock(), [("jobs", b'{"n": 1}')])
        with session.lock:
            newest = list(session.journal.exchanges)[-1]
        assert newest.number not in main.flow.rows
        assert main.select(newest.number)
        assert main.flow.selected == newest.number
        await d.until(lambda: main.detail.exchange is newest)

    drive(faulty(), story)


def test_a_key_filters_to_it() -> None:
    async def story(d: Driver) -> None:
        await d.press("exclamation_mark")
        await d.sees("send_recipt")
        await d.press("f")
        await d.until(lambda: d.app.screen is d.app.main)
        assert d.app.main.filter_text == "to:mailer action:send_recipt"
        await d.until(lambda: d.app.main.flow.count() == 3)

    drive(faulty(), story)


def test_the_rows_that_are_evidence_are_marked() -> None:
    async def story(d: Driver) -> None:
        await d.until(lambda: d.line("send_recipt").lstrip("│ ").startswith("!") or "!" in d.line("send_recipt")[:40])
        flow = d.app.main.flow
        marks = {flow.rows[index]: flow.line(index, 100)[0] for index in range(flow.count())}
        assert [mark[0] for mark in marks.values()].count("!") == 6
        assert marks[2] == ("!", "error")
        assert marks[5] == ("!", "warn")
        assert marks[max(marks)] == (" ", "plain")

    drive(faulty(), story, (120, 35))


def test_what_is_known_is_hidden_with_a_note_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "known.json"

    async def story(d: Driver) -> None:
        await d.press("exclamation_mark")
        await d.sees("send_recipt")
        await d.press("n")
        await d.sees("who sees to it")
        await d.type("Ann")
        await d.press("enter")
        await d.sees("1 known, a shows them")
        await d.loses("send_recipt")
        await d.press("a")
        await d.sees("known: mailer has no action", "1 known, a hides them")
        await d.press("escape")
        await d.sees("▲2 !")
        await d.loses("✗1")

    drive(faulty(), story, known=KnownFile(path))
    assert [mark.note for mark in KnownFile(path).known.marks.values()] == ["Ann"]

    async def again(d: Driver) -> None:
        await d.sees("▲2 !")
        await d.press("exclamation_mark", "a", "end", "home")
        await d.sees("known: mailer")
        await d.press("n")
        await d.loses("known: mailer")

    drive(faulty(), again, known=KnownFile(path))
    assert KnownFile(path).known.marks == {}


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_list_says_what_is_looked_for(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        assert "! " not in d.text.splitlines()[0]
        await d.press("exclamation_mark")
        await d.sees("Nothing was found. These are looked for", *list(RULES)[:16])
        assert list(RULES)[-1] in d.text or "more; `help rules` lists them all" in d.text
        await d.press("enter", "f", "n", "escape")
        await d.until(lambda: d.app.screen is d.app.main)

    drive(Watched().session, story, size)


def test_the_verbs_work_in_the_command_pane() -> None:
    async def story(d: Driver) -> None:
        await d.command("why #5")
        await d.sees("gateway buy answered with success, though its call")

    drive(faulty(), story, (120, 40))


def test_hostile_names_command_nothing() -> None:
    bus = Watched()
    nasty: Any = "\x1b[31mred[/]"
    order = bus.ask(nasty, nasty)
    bus.fail(bus.ask(nasty, nasty, of=order), nasty)
    bus.answer(order)

    async def story(d: Driver) -> None:
        await d.press("exclamation_mark")
        await d.sees("\\x1b[31mred[/]")

    drive(bus.session, story)


def test_findings_that_are_seen_again_keep_their_order_while_the_screen_is_open() -> None:
    session = fed(1000.0)
    about = {"text": "", "because": "b", "advice": "a", "where": ""}

    def report(name: str, at: float) -> None:
        with session.lock:
            session.findings.book.report("late-answer", Severity.WARNING, at, **{**about, "text": name}, about=name)

    async def story(d: Driver) -> None:
        def order() -> list[str]:
            screen = d.app.screen
            assert isinstance(screen, FindingsScreen)
            screen.renew()
            return [row[0].text for row in screen.list.rows]

        report("first", 990.0)
        report("second", 991.0)
        await d.press("exclamation_mark")
        assert order() == ["second", "first"]
        report("first", 992.0)
        assert order() == ["second", "first"]
        report("third", 993.0)
        assert order() == ["third", "second", "first"]
        await d.press("escape", "exclamation_mark")
        assert order() == ["third", "first", "second"]

    drive(session, story)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (60, 10)])
def test_all_that_is_said_of_a_finding_can_be_read(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        await d.press("exclamation_mark")
        await d.sees("The finding")
        screen = d.app.screen
        assert isinstance(screen, FindingsScreen)
        await d.until(lambda: screen.list.size.height >= 3)
        await d.press("tab")
        await d.until(lambda: screen.about.has_focus)
        wanted, seen = ["do", "filter", "see", "rule"], set()
        for _row in range(screen.about.count()):
            seen |= {word for line in d.text.splitlines() for word in wanted if line.startswith(f" {word} ")}
            await d.press("down")
        assert seen == set(wanted)
        # What is read stays where it is when it is drawn anew.
        top = screen.about.top
        screen.renew()
        assert screen.about.top == top
        await d.press("enter")
        await d.until(lambda: d.app.screen is d.app.main)
        assert d.app.main.selected_exchange() is not None

    drive(faulty(), story, size)


def test_a_finding_has_the_rows_that_the_list_does_not_need() -> None:
    async def story(d: Driver) -> None:
        await d.press("exclamation_mark")
        await d.sees(" because ", " do ", " filter ", " see ", " rule ")

    drive(faulty(), story, (60, 24))


def test_a_click_on_the_badge_shows_the_findings() -> None:
    async def story(console: Driver) -> None:
        head = console.app.main.head
        await console.sees("▲1 !")
        for sign in ("▲1", "!"):
            assert await console.pilot.click(head, offset=(grid(console.app)[0].index(sign), 0))
            await console.until(lambda: isinstance(console.app.screen, FindingsScreen))
            await console.press("escape")
            await console.until(lambda: console.app.screen is console.app.main)
        # What says nothing that a key would show is no button.
        assert await console.pilot.click(head, offset=(grid(console.app)[0].index("messages"), 0))
        assert console.app.screen is console.app.main

    drive(scene(), story)


@pytest.mark.parametrize("width", [60, 70, 80, 100])
def test_the_badge_does_not_run_into_the_number_of_messages(width: int) -> None:
    async def story(console: Driver) -> None:
        await console.sees("▲1")
        assert re.search(r"▲1 (! )? 37 messages", grid(console.app)[0])

    drive(scene(), story, size=(width, 30))
