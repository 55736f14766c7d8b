"""A face for tests: an Output that remembers, and a View that does as well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daebus_console.commands.errors import CommandError
from daebus_console.render import Line, to_text


class Heard:
    """An Output whose every word is kept, as text."""

    width = 100
    closed = False

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.records: list[Any] = []
        self.notes: list[str] = []
        self.steps: list[str] = []
        self.errors: list[str] = []
        self.mistakes: list[CommandError] = []

    def result(self, lines: Iterable[Line]) -> None:
        self.lines += [to_text(line) for line in lines]

    def record(self, value: Any) -> None:
        self.records.append(value)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, line: Line, *, transient: bool = False) -> None:
        if not transient:
            self.steps.append(to_text(line))

    def error(self, text: str) -> None:
        self.errors.append(text)

    def mistake(self, error: CommandError) -> None:
        self.mistakes.append(error)

    def flush(self) -> None:
        pass


class Viewed:
    """A View that remembers what was done to it."""

    def __init__(self) -> None:
        self.filter: str | None = "(unset)"
        self.paused = False
        self.clears = 0
        self.selected: list[int] = []
        self.left = False

    def set_filter(self, text: str | None) -> None:
        self.filter = text

    def toggle_pause(self) -> bool:
        self.paused = not self.paused
        return self.paused

    def cleared(self) -> None:
        self.clears += 1

    def select(self, number: int) -> bool:
        self.selected.append(number)
        return False

    def quit(self) -> None:
        self.left = True
