"""Completion for prompt_toolkit's prompts."""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from daebus_console.commands.completion.completer import complete
from daebus_console.commands.completion.highlight import LONGEST
from daebus_console.commands.completion.offer import Known, Offer
from daebus_console.commands.grammar.script import last_start
from daebus_console.text import clean, cut

_META_WIDTH = 60


class CommandCompleter(Completer):
    """Offers what `commands.completion.completer` finds, each with a line on what it is."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """See prompt_toolkit."""
        del complete_event
        for offer in self.offers(document.text, document.cursor_position):
            yield Completion(
                offer.text,
                start_position=offer.start - document.cursor_position,
                display=cut(clean(offer.text), _META_WIDTH),
                display_meta=cut(clean(offer.meta), _META_WIDTH),
            )

    def offers(self, text: str, cursor: int) -> list[Offer]:
        """What fits at the cursor, in the command that it stands in."""
        if len(text) > LONGEST:
            return []
        start = last_start(text[:cursor])
        found = complete(text[start:], cursor - start, self.known)
        return [offer._replace(start=offer.start + start) for offer in found] if start else found
