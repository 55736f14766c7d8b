"""Where in a program it was raised, out of a traceback of Python. Pure."""

from __future__ import annotations

import re

from daebus_console.text import beginning

_LONGEST = 80
_FRAME = re.compile(r'^  File "([^"\n]*)", line (\d+), in ([^\n]*)\n(?:    ([^\n]*))?', re.MULTILINE)
_NOT_ITS_OWN = re.compile(
    r"site-packages|dist-packages|^<frozen|[/\\]lib[/\\]python3|[/\\]Lib[/\\]"
    r"|[/\\]daebus[/\\](?:service|client|transport|wire|recorder|testing)[/\\]"
)
"""Files of what is installed, of Python and of the framework."""


def place_in(traceback: str | None) -> str:
    """The innermost line of the program itself in a traceback, and what it says; empty where there is none."""
    own = [frame for frame in _FRAME.findall(traceback or "") if not _NOT_ITS_OWN.search(frame[0])]
    if not own:
        return ""
    file, line, function, source = own[-1]
    name = file.replace("\\", "/").rsplit("/", 1)[-1]
    where = f"{beginning(name, _LONGEST)}:{line}, {beginning(function, _LONGEST)}"
    return f"{where}: {beginning(source.strip(), _LONGEST)}" if source.strip() else where


def in_place(place: str) -> str:
    """The end of a sentence that says what was raised; empty where nobody knows where."""
    return f", in {place}" if place else ""
