"""The story of the demo: what goes wrong in the shop in which chapter, and how it shows. Pure.

The bugs themselves are in the shop (story.py there), which has the same chapters in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = 60.0
"""How long a chapter is; its bug is there for the first SHARE of it."""
SHARE = 0.75


@dataclass(frozen=True)
class Chapter:
    """One bug.

    `found_as` are the findings that tell of it: their rules, each with its service. `drawn` is what its conversation
    shows. `tab` is the tab of the detail that has the cause, `key` its key, and `look` what to see there. `cause` says
    what it was, in a sentence.
    """

    title: str
    found_as: tuple[tuple[str, str], ...]
    drawn: str
    tab: str
    key: str
    look: str
    cause: str


CHAPTERS = (
    Chapter(
        "a listener that raises, and nobody is told",
        (("listener-raised", "notifier"),),
        "a listener failed, and nobody was told.",
        "Logs",
        "5",
        "the traceback ends at the line that raised",
        "the notifier looks up a card for each customer, and not every customer has one.",
    ),
    Chapter(
        "the same question five times for one order",
        (("equal-calls", "gateway"),),
        "five times stock.check, one after the other, for one order.",
        "Request",
        "1",
        "it names no shelf, so that each answer has all of them",
        "the gateway asks in a loop for what one question before it would tell.",
    ),
    Chapter(
        "an error that the customer is never told",
        (("swallowed-error", "gateway"), ("type-changed", "payment")),
        "the tip failed, and the order above it went well.",
        "Logs",
        "5",
        "the traceback ends where a text is taken for a number",
        "each seventh tip is a text, its booking fails, and the gateway keeps that to itself.",
    ),
    Chapter(
        "a message that is lost for a slip in its name",
        (("unknown-action", "notifier"),),
        "send_recipt was sent, and nothing came of it.",
        "Logs",
        "5",
        "the notifier dropped it, for it has no such action",
        "the gateway sends send_recipt, and the notifier has send_receipt.",
    ),
)


class Telling:
    """What is to be told of the story as it goes on. It `begins` at epoch seconds; a chapter takes `seconds`."""

    def __init__(self, begins: float, seconds: float) -> None:
        self._begins, self._seconds = begins, seconds
        self._told = -1

    def lines(self, now: float) -> list[str]:
        """What has begun or ended since it was last asked, a text each; what is long past is left out."""
        gone = max(0.0, (now - self._begins) / self._seconds)
        # A chapter has two parts, with its bug and without.
        part = 2 * int(gone) + (gone % 1 >= SHARE)
        first = part if self._told < 0 else max(self._told + 1, part - 1)
        self._told = max(self._told, part)
        return [self._line(one) for one in range(first, part + 1)]

    def _line(self, part: int) -> str:
        number = part // 2 % len(CHAPTERS)
        chapter = CHAPTERS[number]
        if part % 2:
            return f"story: that was: {chapter.cause} Another one follows"
        return f"story: chapter {number + 1} of {len(CHAPTERS)}, for {self._seconds * SHARE:.3g} s: {chapter.title}"
