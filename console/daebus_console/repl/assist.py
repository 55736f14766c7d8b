"""Everything that helps while one types, for a face that draws it itself: prompt_toolkit's kinds without its screen."""

from __future__ import annotations

from collections.abc import Callable

from daebus_console.commands.completion.offer import Known, Offer
from daebus_console.repl.completer import CommandCompleter
from daebus_console.repl.history import EntryHistory
from daebus_console.repl.suggest import LineSuggest


class Assist:
    """Completion, history and ghost text of one prompt. `known` is asked anew for each line."""

    def __init__(self, known: Callable[[], Known], history: EntryHistory) -> None:
        self._known = known
        self.history = history

    def offers(self, text: str, cursor: int) -> list[Offer]:
        """What may stand at the cursor, best first."""
        return CommandCompleter(self._known()).offers(text, cursor)

    def rest(self, text: str) -> str:
        """What the line most likely goes on with."""
        return LineSuggest(self.history, self._known()).rest(text)

    def entries(self) -> list[str]:
        """What was entered, oldest first."""
        return self.history.entries()

    def remember(self, text: str) -> None:
        """Keep what was entered."""
        self.history.append_string(text)
