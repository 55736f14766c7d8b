"""The screen of a Textual application as an SVG that needs no font from elsewhere and looks the same everywhere.

Every word is placed by itself, so that no viewer's blanks or letter widths move a column; blocks are drawn, not
written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

CELL, LINE, SIZE = 8.4, 18, 14
"""Pixels of a cell, of a line, of a letter."""
MARGIN, BAR = 12, 34
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
LOOK = (
    f"text{{font:{SIZE}px {FONTS};white-space:pre}} rect{{shape-rendering:crispEdges}} "
    ".b{font-weight:bold} .i{font-style:italic}"
)
_WORDS = re.compile(r"\S+(?: \S+)*")
_RISING = "▁▂▃▄▅▆▇█"
_GROWING = "▏▎▍▌▋▊▉█"
_BLOCK = re.compile(f"[{_RISING}{_GROWING}▒]")
_LIGHTS = ("#ff5f57", "#febc2e", "#28c840")


def draw(lines: Iterable[Iterable[Segment]], width: int, title: str) -> str:
    """The lines of a screen of that many cells, in a window with that title."""
    rows = [list(line) for line in lines]
    grounds = Counter(_colour(segment.style, "bgcolor") for row in rows for segment in row for _cell in segment.text)
    ground = grounds.most_common(1)[0][0]
    wide, high = width * CELL + 2 * MARGIN, len(rows) * LINE + BAR + MARGIN
    lights = "".join(
        f'<circle cx="{MARGIN + 9 + 20 * place}" cy="{BAR / 2}" r="6" fill="{colour}"/>'
        for place, colour in enumerate(_LIGHTS)
    )
    drawn = "\n".join(piece for number, row in enumerate(rows) for piece in _row(row, BAR + number * LINE, ground))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}">
<title>{escape(title)}</title>
<style>{LOOK}</style>
<rect width="{wide:g}" height="{high:g}" rx="8" fill="{ground}"/>
{lights}<text x="{wide / 2:g}" y="{BAR / 2 + 5:g}" fill="#a0a0a0" text-anchor="middle">{escape(title)}</text>
{drawn}
</svg>
"""


def _row(row: list[Segment], top: float, ground: str) -> Iterator[str]:
    """Grounds first, then what stands on them."""
    column = 0
    written: list[str] = []
    for text, style, _control in row:
        left, cells = MARGIN + column * CELL, cell_len(text)
        column += cells
        fore, back = _colour(style, "color"), _colour(style, "bgcolor")
        if style is not None and style.reverse:
            fore, back = back, fore
        if back != ground:
            yield _rectangle(left, top, cells * CELL, LINE, back)
        written += _blocks(text, left, top, fore)
        written += _words(_BLOCK.sub(" ", text), left, top, fore, style)
    yield from written


def _words(text: str, left: float, top: float, colour: str, style: Style | None) -> Iterator[str]:
    kinds = "".join(sign for sign, on in (("b", style and style.bold), ("i", style and style.italic)) if on)
    for word in _WORDS.finditer(text):
        cells = cell_len(word[0])
        x = left + cell_len(text[: word.start()]) * CELL
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        if style is not None and style.underline:
            kind += ' text-decoration="underline"'
        yield (
            f'<text x="{x:g}" y="{top + LINE - 5:g}" fill="{colour}" textLength="{cells * CELL:g}"{kind}>'
            f"{escape(word[0])}</text>"
        )


def _blocks(text: str, left: float, top: float, colour: str) -> Iterator[str]:
    """Runs of the same block as one rectangle."""
    for run in re.finditer(f"({_BLOCK.pattern})\\1*", text):
        x, wide = left + cell_len(text[: run.start()]) * CELL, len(run[0]) * CELL
        sign = run[1]
        if sign in _RISING:
            high = (_RISING.index(sign) + 1) / 8 * LINE
            yield _rectangle(x, top + LINE - high, wide, high, colour)
        elif sign in _GROWING:
            # One that is partly filled comes alone.
            yield _rectangle(x, top, (_GROWING.index(sign) + 1) / 8 * CELL, LINE, colour)
        else:
            yield _rectangle(x, top, wide, LINE, colour, ' fill-opacity="0.6"')


def _rectangle(x: float, y: float, wide: float, high: float, colour: str, more: str = "") -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" fill="{colour}"{more}/>'


def _colour(style: Style | None, name: str) -> str:
    colour = getattr(style, name, None)
    return "#e0e0e0" if colour is None else colour.get_truecolor().hex
