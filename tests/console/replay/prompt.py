"""A prompt without a screen: commands as they are typed, on a live session, and what they say."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from daebus_console.commands.context import Context
from daebus_console.commands.doing.runner import run
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.under_way import under_way
from daebus_console.commands.verbs import Face
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.render import Line, to_text
from tests.support.waiting import eventually


def answered(session: Session, target: str, action: str) -> list[Exchange]:
    """The exchanges in which that service was asked that, and of which the answer was seen."""
    with session.lock:
        asked = [one for one in session.journal.exchanges if (one.target, one.action) == (target, action)]
    return [one for one in asked if one.answer is not None]


class Said:
    """An Output that keeps what it is told."""

    width = 200
    closed = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.results: list[str] = []
        self.records: list[Any] = []
        self.notes: list[str] = []
        self.errors: list[str] = []

    def result(self, lines: Iterable[Line]) -> None:
        with self._lock:
            self.results += [to_text(one) for one in lines]

    def record(self, value: Any) -> None:
        with self._lock:
            self.records.append(value)

    def note(self, text: str) -> None:
        with self._lock:
            self.notes.append(text)

    def progress(self, line: Line, *, transient: bool = False) -> None:
        pass

    def error(self, text: str) -> None:
        with self._lock:
            self.errors.append(text)

    def mistake(self, error: CommandError) -> None:
        with self._lock:
            self.errors.append(error.message)

    def flush(self) -> None:
        pass

    @property
    def all(self) -> str:
        """Everything, in one text."""
        return "\n".join([*self.results, *map(str, self.records), *self.notes, *self.errors])


class Prompt:
    """A session on a Redis and a prompt beside it. A context manager."""

    def __init__(self, session: Session, sender: Sender | None = None, *, redact: tuple[str, ...] = ()) -> None:
        self.session = session
        self.sender = sender or Sender(session)
        self.asked: list[str] = []
        self.answer = True
        self.said = Said()
        self.context = Context(
            session, self.sender, self.said, Face.PROMPT, live=True, confirm=self._confirm, redact=Redactor(redact)
        )

    def _confirm(self, question: str, word: str = "y") -> bool:
        self.asked.append(question)
        return self.answer

    def __enter__(self) -> Prompt:
        self.session.start()
        assert self.session.wait_up(10)
        return self

    def __exit__(self, *_error: object) -> None:
        under_way(self.session).close()
        self.context.jobs.close()
        self.sender.close()
        self.session.stop()

    def __call__(self, line: str) -> int:
        """Carry out a line; `said` is what it said."""
        self.said = self.context.output = Said()
        try:
            command = parse(line)
        except CommandError as error:
            self.said.mistake(error)
            return 2
        assert command is not None
        return run(command, self.context)

    def seen(self, **attributes: Any) -> Exchange:
        """The latest exchange with these attributes, waited for."""

        def find() -> Exchange | None:
            with self.session.lock:
                for exchange in reversed(self.session.journal.exchanges):
                    if all(getattr(exchange, name) == value for name, value in attributes.items()):
                        return exchange
            return None

        return eventually(find, what=f"an exchange with {attributes}")
