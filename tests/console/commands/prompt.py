"""A prompt for tests: lines in, everything it says remembered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daebus_console.commands.context import Context
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.verbs import Face
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.commands.support import Heard, Viewed


class Asked:
    """Answers every question with the words it is given, and remembers the questions."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    def __call__(self, question: str, word: str = "y") -> bool:
        self.questions.append(question)
        return bool(self.answers) and self.answers.pop(0) == word


class Prompt:
    """Call it with a line; it returns the exit status."""

    def __init__(self, session: Session, *answers: str, read_only: bool = False, **options: Any) -> None:
        self.heard, self.view, self.asked = Heard(), Viewed(), Asked(*answers)
        self.entered: list[str] = []
        self.context = Context(
            session,
            Sender(session, read_only=read_only),
            self.heard,
            Face.PROMPT,
            view=self.view,
            live=True,
            confirm=self.asked,
            entered=lambda: self.entered,
            **options,
        )

    def __call__(self, line: str) -> int:
        command = parse(line)
        assert command is not None
        self.entered.append(line)
        return run(command, self.context)

    def close(self) -> None:
        """End what is under way, and the connections."""
        self.context.jobs.close()
        self.context.sender.close()


@contextmanager
def prompting(session: Session, *answers: str, **options: Any) -> Iterator[Prompt]:
    """A prompt that is closed at the end."""
    prompt = Prompt(session, *answers, **options)
    try:
        yield prompt
    finally:
        prompt.close()
