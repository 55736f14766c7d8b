"""What the filter line offers to complete: from the bus as it is known now. Reads the session under its lock."""

from __future__ import annotations

from daebus_console.commands.completion.offer import Offer
from daebus_console.engine.session import Session
from daebus_console.tui.widgets.filter_bar import Completer


def filter_completer(session: Session) -> Completer:
    """Completions of the filter language, with names seen on the bus."""

    def complete(text: str, cursor: int) -> list[Offer]:
        # Whoever never filters need not wait for the import.
        from daebus_console.engine.filter import completion as filter_completion

        with session.lock:
            known = filter_completion.known_names(session.directory)
        return [Offer(*one) for one in filter_completion.completions(text, cursor, known)]

    return complete
