"""The line of the demo's story: four steps by keys, a chapter after the other, and its end by a key."""

from __future__ import annotations

import pytest

from daebus_console.demo.story import CHAPTERS, Chapter
from daebus_console.engine.findings.finding import Finding, Severity
from daebus_console.engine.session import Session
from daebus_console.tui.rows.lines import Line, text_of
from daebus_console.tui.titles.story import READ_SECONDS, Guide, Seen, Where, laid_out
from daebus_console.tui.widgets.story_line import StoryLine
from tests.console.engine.findings.watched import Watched
from tests.console.tui.support import Driver, drive

SIZES = [(80, 24), (160, 48)]
CARD, SAME, TIP, NAME = CHAPTERS


# By keys -------------------------------------------------------------------------------------------------------


def shop() -> Watched:
    """A bus on which the gateway sends to an action of the notifier that is misspelled, as in the last chapter."""
    bus = Watched()
    bus.info("notifier", "send_receipt")
    bus.send("notifier", "send_recipt")
    bus.info("notifier", "send_receipt")
    bus.wait(1)
    bus.call("users", "get")
    return bus


def told(driver: Driver) -> str:
    """What the line says, over however many lines it takes."""
    lines = list(driver.app.screen.query(StoryLine))
    return " ".join(text_of(lines[0].left).split()) if lines else ""


@pytest.mark.parametrize("size", SIZES)
def test_four_keys_lead_from_the_badge_to_the_cause(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        await d.sees("Story 1/4", "F6 ends it")
        focused = d.app.focused
        await d.press("exclamation_mark")
        await d.until(lambda: told(d).startswith("Story 2/4") and "notifier has no action 'send_recipt'" in told(d))
        await d.press("enter")
        await d.until(lambda: told(d).startswith("Story 3/4"))
        assert d.app.focused is focused, "the line has not taken the keyboard"
        await d.press("V")
        await d.until(lambda: told(d).startswith("Story 4/4 Drawn over time"))
        await d.press("escape")
        await d.until(lambda: told(d).startswith("Story 4/4 enter, then 5 opens the tab Logs"))
        await d.press("enter")
        await d.until(lambda: told(d).startswith("Story 4/4 5 opens the tab Logs"))
        await d.press("5")
        await d.until(lambda: told(d).startswith(f"Story That was it: {NAME.cause}"))
        await d.sees(*NAME.cause.split(), "Another one follows.")

    drive(shop().session, story, size, guided=True)


def test_a_step_is_read_whole_where_lines_are_short() -> None:
    async def story(d: Driver) -> None:
        await d.sees("Story 1/4", "to see what.")
        await d.press("exclamation_mark")
        await d.sees("Story 2/4", "evidence.")
        await d.pilot.resize_terminal(80, 24)
        await d.sees("F6 ends it")

    drive(shop().session, story, (40, 14), guided=True)


@pytest.mark.parametrize("size", SIZES)
def test_a_key_ends_it_on_every_screen_and_leaves_the_room_to_the_others(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        await d.sees("Story 1/4")
        await d.press("exclamation_mark")
        await d.sees("Story 2/4")
        await d.press("f6")
        await d.loses("Story")
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.app.main)
        await d.loses("Story")
        await d.press("f6")
        assert not d.app.screen.query(StoryLine)

    drive(shop().session, story, size, guided=True)


def test_help_names_the_key_only_where_there_is_a_story() -> None:
    for guided in (True, False):

        async def story(d: Driver, guided: bool = guided) -> None:
            await d.press("question_mark")
            await d.until(lambda: ("End the story" in str(vars(d.app.screen).get("groups"))) is guided)

        drive(shop().session, story, guided=guided)


def test_a_console_without_a_story_has_no_such_line() -> None:
    async def story(d: Driver) -> None:
        await d.sees("✗1 !")
        await d.press("f6", "exclamation_mark", "f6")
        await d.sees("Findings")
        assert not d.app.screen.query(StoryLine)
        assert not d.app.main.query(StoryLine)

    drive(shop().session, story)


def test_where_nothing_is_found_it_says_what_to_wait_for() -> None:
    async def story(d: Driver) -> None:
        await d.sees("Something will go wrong in the shop in a moment")

    drive(Session("redis://localhost:1"), story, guided=True)


# By what is seen -----------------------------------------------------------------------------------------------


def finding(chapter: Chapter, first: float, *evidence: int) -> Finding:
    rule, service = chapter.found_as[0]
    where = (rule, Severity.WARNING, service, "", "")
    return Finding(*where, f"{service} is wrong", "", "", "", first, first, 1, list(evidence))


class Looking:
    """Somebody who looks at the console, with a guide."""

    def __init__(self, *found: Finding) -> None:
        self.guide, self.now, self.found = Guide(), 0.0, list(found)

    def at(self, where: Where, number: int | None = None, tab: str = "Response", *, inside: bool = False) -> str:
        return text_of(self.guide.look(Seen(where, number, tab, inside, self.found), self.now)).strip()

    def go_through(self, number: int, chapter: Chapter) -> str:
        self.at(Where.FINDINGS)
        self.at(Where.MAIN, number)
        self.at(Where.CONVERSATION)
        return self.at(Where.MAIN, number, chapter.tab)


def test_it_goes_on_with_the_finding_that_was_chosen() -> None:
    looking = Looking(finding(CARD, 1.0, 7), finding(SAME, 2.0, 8))
    assert looking.at(Where.MAIN).startswith("Story 1/4")
    assert "notifier is wrong" in looking.at(Where.FINDINGS)
    assert looking.at(Where.MAIN, 8).startswith("Story 3/4")
    looking.at(Where.CONVERSATION)
    assert SAME.look in looking.at(Where.MAIN, 8)
    assert SAME.cause in looking.at(Where.MAIN, 8, "Request")


def test_who_leaves_the_way_is_led_back() -> None:
    looking = Looking(finding(CARD, 1.0, 7))
    looking.at(Where.FINDINGS)
    assert looking.at(Where.MAIN, 3).startswith("Story 1/4"), "left without a choice"
    looking.at(Where.FINDINGS)
    looking.at(Where.MAIN, 7)
    assert looking.at(Where.MAIN, 3) == "Story 3/4  The evidence is #7: ! and enter lead back to it."
    looking.at(Where.MAIN, 7)
    looking.at(Where.ELSEWHERE)
    looking.at(Where.CONVERSATION)
    assert looking.at(Where.MAIN, 3, "Logs") == "Story 4/4  The evidence is #7: ! and enter lead back to it."
    assert looking.at(Where.FINDINGS).startswith("Story 2/4")


def test_evidence_that_the_finding_has_dropped_meanwhile_is_still_the_way() -> None:
    one = finding(CARD, 1.0, 7)
    looking = Looking(one)
    looking.at(Where.FINDINGS)
    looking.at(Where.MAIN, 7)
    one.evidence[:] = [8, 9]
    assert looking.at(Where.MAIN, 7).startswith("Story 3/4")


def test_the_cause_stays_until_the_next_bug_and_as_long_as_reading_takes() -> None:
    looking = Looking(finding(CARD, 1.0, 7))
    assert CARD.cause in looking.go_through(7, CARD)
    looking.now = 100.0
    assert CARD.cause in looking.at(Where.MAIN, 7), "nothing else is wrong yet"
    looking.found.append(finding(SAME, 2.0, 8))
    assert looking.at(Where.MAIN, 7).startswith("Story 1/4")
    looking.go_through(8, SAME)
    looking.found.append(finding(TIP, 3.0, 9))
    looking.now += READ_SECONDS / 2
    assert SAME.cause in looking.at(Where.MAIN, 7), "it is still being read"
    assert looking.at(Where.FINDINGS).startswith("Story 2/4"), "unless the user goes on"


def test_after_the_last_one_it_says_so_and_begins_no_chapter_again() -> None:
    found = [finding(chapter, number, number) for number, chapter in enumerate(CHAPTERS, 1)]
    looking = Looking(*found)
    for number, chapter in enumerate(CHAPTERS, 1):
        assert chapter.cause in looking.go_through(number, chapter)
        looking.now += 1
    looking.now += 1000.0
    assert looking.at(Where.FINDINGS).endswith("That was the last one.")


def test_what_is_wrong_beside_the_story_leads_nowhere() -> None:
    other = Finding("equal-calls", Severity.ERROR, "users", "", "", "", "", "", "", 1.0, 1.0, 1, [1])
    without_evidence = finding(CARD, 1.0)
    assert Looking(other, without_evidence).at(Where.MAIN).startswith("Story  Something will go wrong")


# On the line ---------------------------------------------------------------------------------------------------


def test_each_step_of_each_chapter_has_room_in_two_lines_of_a_small_terminal() -> None:
    for chapter in CHAPTERS:
        guide, found = Guide(), [finding(chapter, 1.0, 7)]
        found[0].text = "a name that is long " * 9
        said: list[Line] = []
        for where, number, tab in (
            (Where.MAIN, None, ""),
            (Where.FINDINGS, None, ""),
            (Where.MAIN, 7, ""),
            (Where.CONVERSATION, None, ""),
            (Where.MAIN, 7, ""),
            (Where.MAIN, 7, chapter.tab),
        ):
            said.append(guide.look(Seen(where, number, tab, False, found), 0.0))
        assert len({text_of(line) for line in said}) == 6
        for line in said:
            laid = [text_of(one) for one in laid_out(line, 80 - len(" F6 ends it "))]
            assert len(laid) <= 2
            assert max(len(one.rstrip()) for one in laid) <= 80 - len(" F6 ends it "), laid
            assert " ".join(" ".join(laid).split()) == " ".join(text_of(line).split())


def test_a_hostile_name_in_a_finding_is_shown_as_text() -> None:
    one = finding(CARD, 1.0, 7)
    one.text = "`\x1b[31m` is wrong"
    assert "\x1b" not in Looking(one).at(Where.FINDINGS)
