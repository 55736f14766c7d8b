"""Completion for prompt_toolkit's prompts."""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from daebus_console.commands.completion import Known, complete
from daebus_console.text import clean, cut

_META_WIDTH = 60


class CommandCompleter(Completer):
    """Offers what `commands.completion` finds, each with a line on what it is."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """See prompt_toolkit."""
        del complete_event
        for offer in complete(document.text, document.cursor_position, self.known):
            yield Completion(
                offer.text,
                start_position=offer.start - document.cursor_position,
                display=cut(clean(offer.text), _META_WIDTH),
                display_meta=cut(clean(offer.meta), _META_WIDTH),
            )
