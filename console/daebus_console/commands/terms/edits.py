"""Edits of a message: `user.name=Bob age:=30 -token`. Items set, a dash before a path takes away. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from daebus_console.commands.terms.items import Item, Sources, assemble, fetch_text, parse_items
from daebus_console.commands.terms.paths import Append, Path, PathError, parse_path, place, show_path, take_away
from daebus_console.commands.terms.words import Word
from daebus_console.engine import jsontext


@dataclass(frozen=True)
class Removal:
    """A member that is taken away."""

    path: Path
    word: Word


@dataclass(frozen=True)
class Edits:
    """Edits in the order in which they are carried out. False where there are none."""

    edits: tuple[Item | Removal, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.edits)

    def apply(self, payload: dict[str, Any], sources: Sources) -> dict[str, Any]:
        """An edited copy: all that the edits do not name is written as it was.

        Raises CommandError, pointing at the edit that does not fit.
        """
        text = jsontext.text_of(payload)
        for edit in self.edits:
            if isinstance(edit, Removal):
                text = _without(text, edit)
                continue
            value, written = fetch_text(edit, sources)
            if not edit.path:
                text = jsontext.text_of(assemble([(edit, value, written)]))
                continue
            try:
                text = place(text, edit.path, written)
            except PathError as error:
                raise edit.word.error(str(error)) from None
        edited: dict[str, Any] = jsontext.loads(text)
        return edited


def parse_edits(words: Sequence[Word]) -> Edits:
    """The edits that those words say. Raises CommandError at the first that is none."""
    setting = [word for word in words if not _removes(word)]
    # All together first: what is set twice, or does not fit with another, is found so.
    parse_items(setting)
    return Edits(tuple(_removal(word) if _removes(word) else parse_items([word]).items[0] for word in words))


def _removes(word: Word) -> bool:
    return word.text.startswith("-") and word.text != "-" and "=" not in word.text


def _removal(word: Word) -> Removal:
    try:
        path = parse_path(word.text[1:])
    except PathError as error:
        raise word.error(str(error), 1 + error.column, 1) from None
    if Append in path:
        raise word.error("[] appends; to take away, name a place such as [0]")
    return Removal(path, word)


def _without(text: str, removal: Removal) -> str:
    try:
        return take_away(text, removal.path)
    except PathError as error:
        raise removal.word.error(f"cannot take away {show_path(removal.path)}: {error}") from None
