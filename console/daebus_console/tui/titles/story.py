"""What the line of the demo's story says: the next of four steps from the badge to the cause of a bug. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from rich.cells import cell_len

from daebus_console.demo.story import CHAPTERS, Chapter
from daebus_console.engine.findings.finding import Finding
from daebus_console.text import clean, cut
from daebus_console.tui.rows.lines import Line

READ_SECONDS = 15.0
"""How long the cause stays on the line where the next bug is found already; it goes sooner where `!` is pressed."""
_LONGEST = 46


class Where(Enum):
    """What the user looks at."""

    MAIN = "the main screen"
    FINDINGS = "the findings"
    CONVERSATION = "a conversation"
    ELSEWHERE = "another screen"


class Seen(NamedTuple):
    """What is on the screen: which one; on the main one the number of the exchange that is selected, the tab of the
    detail, and whether the keyboard is in it; and what was found so far, without what is marked as known."""

    where: Where
    number: int | None
    tab: str
    in_detail: bool
    found: Iterable[Finding]


class _Step(Enum):
    BADGE = 1
    FINDING = 2
    CONVERSATION = 3
    CAUSE = 4
    TOLD = 5


class Guide:
    """Leads through the chapters in the order in which their bugs are found, each once."""

    def __init__(self) -> None:
        self._told: set[Chapter] = set()
        self._chapter: Chapter | None = None
        self._step = _Step.BADGE
        self._number: int | None = None
        """The evidence that the user has gone to."""
        self._since = 0.0
        """When the cause was seen."""

    def look(self, seen: Seen, now: float) -> Line:
        """What to say, by what the user has done meanwhile. `now` is in seconds, of any clock."""
        left = self._left(seen.found)
        if self._step is _Step.TOLD:
            if not left or not (seen.where is Where.FINDINGS or now - self._since >= READ_SECONDS):
                return self._cause()
            self._step, self._chapter = _Step.BADGE, None
        if self._step in (_Step.BADGE, _Step.FINDING) and self._chapter not in left:
            self._step, self._chapter = _Step.BADGE, next(iter(left), None)
        if self._chapter is None:
            return _said("", "Something will go wrong in the shop in a moment: a badge at the top right tells of it.")
        self._advance(seen, left, now)
        return self._instruction(seen, left)

    def _left(self, found: Iterable[Finding]) -> dict[Chapter, Finding]:
        """The chapters whose bug is found and not told yet, the first found first."""
        first: dict[Chapter, Finding] = {}
        for one in sorted(found, key=lambda one: one.first):
            for chapter in CHAPTERS:
                if (one.rule, one.service) in chapter.found_as and one.evidence:
                    first.setdefault(chapter, one)
        return {chapter: one for chapter, one in first.items() if chapter not in self._told}

    def _advance(self, seen: Seen, left: dict[Chapter, Finding], now: float) -> None:
        """Note what the user has done: as many steps as there were."""
        if self._step is _Step.BADGE and seen.where is Where.FINDINGS:
            self._step = _Step.FINDING
        elif self._step is _Step.FINDING and seen.where is Where.MAIN:
            # Whichever was chosen is the one that it goes on with.
            chosen = [chapter for chapter, one in left.items() if seen.number in one.evidence]
            if chosen:
                self._step, self._chapter, self._number = _Step.CONVERSATION, chosen[0], seen.number
            else:
                self._step = _Step.BADGE
        elif self._step is _Step.CONVERSATION and seen.where is Where.CONVERSATION:
            self._step = _Step.CAUSE
        elif self._step in (_Step.CONVERSATION, _Step.CAUSE) and seen.where is Where.FINDINGS:
            # Back to the list: what is chosen there now counts.
            self._step = _Step.FINDING
        assert self._chapter is not None
        at_evidence = seen.where is Where.MAIN and seen.number == self._number
        if self._step is _Step.CAUSE and at_evidence and seen.tab == self._chapter.tab:
            self._step, self._since = _Step.TOLD, now
            self._told.add(self._chapter)

    def _instruction(self, seen: Seen, left: dict[Chapter, Finding]) -> Line:
        chapter, step = self._chapter, self._step
        assert chapter is not None
        if step is _Step.TOLD:
            return self._cause()
        if step is _Step.BADGE:
            return _said("1/4", "Something is wrong: the badge at the top right is lit. Press `!` to see what.")
        if step is _Step.FINDING:
            text = cut(clean(left[chapter].text), _LONGEST)
            return _said("2/4", f"`↑` `↓` go to “{text.replace('`', '')}”; `enter` shows its evidence.")
        if seen.where is Where.MAIN and seen.number != self._number:
            return _said(f"{step.value}/4", f"The evidence is #{self._number}: `!` and `enter` lead back to it.")
        if step is _Step.CONVERSATION:
            return _said("3/4", "The selected row is the evidence. `V` draws what set it off, and what came of it.")
        if seen.where is Where.CONVERSATION:
            return _said("4/4", f"Drawn over time: {chapter.drawn} `escape` goes back, to the cause.")
        keys = f"`{chapter.key}`" if seen.in_detail else f"`enter`, then `{chapter.key}`"
        return _said("4/4", f"{keys} opens the tab {chapter.tab} (`z` makes it large): {chapter.look}.")

    def _cause(self) -> Line:
        assert self._chapter is not None
        more = "Another one follows." if len(self._told) < len(CHAPTERS) else "That was the last one."
        return _said("", f"That was it: {self._chapter.cause} {more}")


def _said(step: str, text: str) -> Line:
    """A line in which keys stand between backticks."""
    pieces: Line = [(f" Story {step}".rstrip(), "strong"), ("  ", "plain")]
    for index, part in enumerate(text.split("`")):
        if part:
            pieces.append((part, "accent" if index % 2 else "plain"))
    return pieces


def laid_out(line: Line, width: int, lines: int = 2) -> list[Line]:
    """The pieces in at most so many lines of that many cells, broken between words; what has no room is cut."""
    words = [(word, role) for text, role in line for word in re.findall(r"\S+\s*|\s+", text)]
    found: list[Line] = [[]]
    room = width
    for index, (word, role) in enumerate(words):
        # What stands at a word without a blank belongs to it.
        whole = word
        for after, _role in words[index + 1 :]:
            if whole != whole.rstrip():
                break
            whole += after
        if cell_len(whole.rstrip()) > room and found[-1] and len(found) < lines:
            found.append([(" ", "plain")])
            room = width - 1
        found[-1].append((word, role))
        room -= cell_len(word)
    return found
