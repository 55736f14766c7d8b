"""A prompt beside which things have passed, without a Redis: the messages are put into the session one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.session import Session
from tests.console.commands.prompt import Prompt, prompting
from tests.console.engine.bus import Sent


class Passed:
    """Put messages on it with >>; its clock moves with `wait` alone. `prompt` is the prompt beside it."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.session = prompt.context.session
        self.now = 1_700_000_000.0

    def __rshift__(self, sent: Sent) -> Exchange:
        return self.session.correlator.feed(self.now, *sent)[1]

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.session.correlator.advance(self.now)

    def __call__(self, line: str) -> int:
        """Enter a line; what it says is in `lines`, `records` and `notes`, anew each time."""
        heard = self.prompt.heard
        for kept in (heard.lines, heard.records, heard.notes, heard.errors, heard.mistakes):
            kept.clear()
        return self.prompt(line)

    @property
    def said(self) -> str:
        return "\n".join(self.prompt.heard.lines)

    @property
    def records(self) -> list[Any]:
        return self.prompt.heard.records

    @property
    def notes(self) -> list[str]:
        return self.prompt.heard.notes


@contextmanager
def remembered(**options: Any) -> Iterator[Passed]:
    with prompting(Session("redis://localhost:1/0"), **options) as prompt:
        yield Passed(prompt)
