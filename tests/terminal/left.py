"""How a program left its terminal: which modes it switched on and never off again. Pure but for `line_settings`."""

from __future__ import annotations

import os
import re
import termios
from typing import Any

from tests.support.programs.terminal import Terminal

_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_ON_AT_FIRST = {7, 25}
"""Lines wrap and the cursor is seen."""
_LOCAL, _INPUT, _OUTPUT = 3, 0, 1


def modes_left(output: bytes) -> dict[int, bool]:
    """The private modes that are not as they were before, and whether each is on."""
    last = {int(number): found[2] == b"h" for found in _MODE.finditer(output) for number in found[1].split(b";")}
    # What asks the terminal for a mode, and synchronized output, which ends by itself, is no state.
    return {number: on for number, on in last.items() if on is not (number in _ON_AT_FIRST) and number != 2026}


def keyboards_left(output: bytes) -> int:
    """How many keyboard protocols were pushed and not popped."""
    return len(re.findall(rb"\x1b\[>\d+u", output)) - len(re.findall(rb"\x1b\[<u", output))


def line_settings(descriptor: int) -> list[Any]:
    """What `stty` would tell: echo, line editing and the like."""
    found = termios.tcgetattr(descriptor)
    return [found[_INPUT], found[_OUTPUT], found[_LOCAL]]


def settings_of_a_new_one() -> list[Any]:
    """The line settings that a terminal begins with: those of one that a program runs on may be its own already."""
    descriptors = os.openpty()
    try:
        return line_settings(descriptors[1])
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def assert_as_before(terminal: Terminal) -> None:
    """The terminal is as it was before the program began."""
    output = bytes(terminal.output)
    assert modes_left(output) == {}, output[-600:]
    assert keyboards_left(output) == 0
    assert line_settings(terminal.process.child_fd) == settings_of_a_new_one()
