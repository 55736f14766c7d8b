"""Questions at the shell: on standard error, answered on standard input, if both are a terminal."""

from __future__ import annotations

import sys

from daebus_console.cli.output import TerminalOutput
from daebus_console.text import clean


class Asking:
    """See `commands.context.Confirm`."""

    def __init__(self, output: TerminalOutput) -> None:
        self.output = output

    def __call__(self, question: str, word: str = "y") -> bool:
        """Whether the user typed the word; without a terminal, no."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            self.output.note(clean(question))
            return False
        self.output.flush()
        sys.stderr.write(f"{clean(question)}{' [y/N] ' if word == 'y' else ': '}")
        sys.stderr.flush()
        answer = sys.stdin.readline().strip().casefold()
        return answer in ({"y", "yes"} if word == "y" else {word.casefold()})
