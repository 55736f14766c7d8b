"""Where commands of the line REPL speak: straight to the terminal, or above the prompt while somebody types there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.errors import CommandError
from daebus_console.render import Line


class PromptOutput:
    """An Output; see `commands.context.Output`. `typing` tells that the prompt is shown."""

    def __init__(self, straight: TerminalOutput, above: TerminalOutput) -> None:
        self._straight, self._above = straight, above
        self.typing = False

    @property
    def _now(self) -> TerminalOutput:
        return self._above if self.typing else self._straight

    @property
    def width(self) -> int:
        """How many cells a line of a list of many may take."""
        return self._straight.width

    @property
    def closed(self) -> bool:
        """Whether nobody reads any more."""
        return self._straight.closed

    def result(self, lines: Iterable[Line]) -> None:
        """Print lines."""
        self._now.result(lines)
        self.flush()

    def record(self, value: Any) -> None:
        """Print one JSON value."""
        self._now.record(value)
        self.flush()

    def note(self, text: str) -> None:
        """Print something beside the result."""
        self._now.note(text)

    def progress(self, line: Line, *, transient: bool = False) -> None:
        """Print something on the way; above the prompt there is no place for what is only transient."""
        if not (transient and self.typing):
            self._now.progress(line, transient=transient)

    def error(self, text: str) -> None:
        """Print why there is no result."""
        self._now.error(text)

    def mistake(self, error: CommandError) -> None:
        """Show what is wrong with a command, and where."""
        self._now.mistake(error)

    def settle(self) -> None:
        """Leave the terminal at the beginning of a line, for the prompt."""
        self._straight.settle()

    def flush(self) -> None:
        """Let everything be seen."""
        self._now.flush()
