"""What is wrong in a line that is typed, told in one line below the place where it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.text import cells
from daebus_console.tui.rows.lines import Line


def pointed(texts: Sequence[str], place: tuple[int, int] | None, begin: int, width: int) -> Line:
    """Carets below a place (its first cell, and how many), and the first of the texts that has room beside them.

    Where none has, or the place is not to be seen (None), there are no carets: they would stand below something else.
    What has no room either way is cut by whoever draws it.
    """
    for text in texts if place is not None else ():
        at, marked = place or (0, 0)
        carets = "^" * max(1, marked)
        if at + len(carets) + 1 + cells(text) <= width:
            return [(" " * at, "plain"), (carets, "error"), (f" {text}", "error")]
        if begin + cells(text) + 1 <= at and at + len(carets) <= width:
            return [(" " * (at - 1 - cells(text)), "plain"), (f"{text} ", "error"), (carets, "error")]
    told = next((text for text in texts if begin + cells(text) <= width), texts[-1])
    return [(" " * begin, "plain"), (told, "error")]
