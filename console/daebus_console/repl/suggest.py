"""Ghost text: what the line most likely is going to be."""

from __future__ import annotations

from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document

from daebus_console.commands.completion.completer import fill_in
from daebus_console.commands.completion.highlight import LONGEST
from daebus_console.commands.completion.offer import Known
from daebus_console.repl.history import EntryHistory


class LineSuggest(AutoSuggest):
    """Suggests the newest entry that begins with what stands there, else the payload seen last for the action."""

    def __init__(self, history: EntryHistory, known: Known) -> None:
        self.history, self.known = history, known

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        """See prompt_toolkit."""
        del buffer
        rest = self.rest(document.text)
        return Suggestion(rest) if rest else None

    def rest(self, text: str) -> str:
        """What is to be added to the text; empty where nothing is suggested."""
        if not text.strip() or "\n" in text or len(text) > LONGEST:
            return ""
        for entry in reversed(self.history.entries()):
            if entry.startswith(text) and entry != text and "\n" not in entry:
                return entry[len(text) :]
        filled = fill_in(text, self.known)
        return filled[len(text) :] if filled is not None and filled.startswith(text) else ""
