"""Prompts that a signal ends as a whole.

A signal's handler may run in the middle of drawing. What is raised there leaves out the rest of it: the terminal would
keep a cursor or a mode as they were meant for a moment. So the prompt is told, and leaves by itself.
"""

from __future__ import annotations

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import AnyFormattedText

from daebus_console.cli.ending import Ended, Ending


class Prompts:
    """Asks for a line at a time, in the main thread."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending
        self._session: PromptSession[str] | None = None
        self._ended: int | None = None

    def ask(self, session: PromptSession[str], message: AnyFormattedText = None) -> str:
        """The line; raises Ended where a signal came, KeyboardInterrupt for ctrl+c, EOFError for ctrl+d."""
        self._session = session
        try:
            with self._ending.told_to(self._told):
                # A signal before the prompt runs is seen by `pre_run`; one that comes later by its event loop.
                return session.prompt(message, pre_run=self._leave)
        finally:
            if self._ended is not None:
                raise Ended(self._ended)

    def _told(self, status: int) -> bool:
        self._ended = status
        loop = self._session.app.loop if self._session is not None else None
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._leave)
        return True

    def _leave(self) -> None:
        if self._ended is None or self._session is None:
            return
        app = self._session.app
        if app.future is not None and not app.future.done():
            app.exit(result="")
