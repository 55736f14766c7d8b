"""Strips that are parted by the cells that terminals, and we, count.

Textual parts what stands beside a scroll bar or behind a dialog, and Rich takes some signs, such as the vowels of Hindi
and Tamil, for narrower than they are drawn: what comes behind them would be shifted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import OptionList, Static

from daebus_console.text import cells, clip


class Measures(Widget):
    """A widget whose strips are as long as they say they are, and stay so where they are parted."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """See Textual."""
        return list(map(measured, super().render_lines(crop)))


class Told(Static, Measures):
    """A text in which there may be what came over the bus."""


class Choices(OptionList, Measures):
    """A list of such texts."""


class Measured(Strip):
    """A strip in which Rich counts other cells than there are."""

    def crop(self, start: int, end: int | None = None) -> Strip:
        """See Textual."""
        start, end = max(0, start), self.cell_length if end is None else min(self.cell_length, end)
        return self.divide([start, end])[1] if start < end else Strip([], 0)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """See Textual."""
        parts, rest, position = list[Strip](), list(self), 0
        for cut in cuts:
            if cut > self.cell_length:
                break
            part, rest = _parted(rest, cut - position)
            parts.append(Measured(part, cut - position))
            position = cut
        return parts


def measured(strip: Strip) -> Strip:
    """The strip, which is `Measured` where it has to be: with so many cells as it says, whoever filled it up."""
    if not any(_differs(segment.text) for segment in strip):
        return strip
    width = strip.cell_length
    segments, _rest = _parted(list(strip), width)
    lacking = width - sum(cells(segment.text) for segment in segments)
    if lacking:
        segments = [*segments, Segment(" " * lacking, segments[-1].style)]
    return Measured(segments, width)


@lru_cache(maxsize=4096)
def _differs(text: str) -> bool:
    return not text.isascii() and cell_len(text) != cells(text)


def _parted(segments: list[Segment], width: int) -> tuple[list[Segment], list[Segment]]:
    """So many cells of them, and the rest; a wide sign at the place is blank on both sides."""
    for index, segment in enumerate(segments):
        taken = cells(segment.text)
        if taken > width:
            text = clip(segment.text, width)
            blank = width - cells(text)
            behind = segment.text[len(text) :]
            if blank:
                behind = " " + behind[len(clip(behind, 2)) :]
            whole, style = segments[:index], segment.style
            return [*whole, Segment(text + " " * blank, style)], [Segment(behind, style), *segments[index + 1 :]]
        width -= taken
    return segments, []
