"""Edits of a message: `user.name=Bob age:=30 -token`. Items set, a dash before a path takes away. Pure."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from daebus_console.commands.items import Item, Items, Sources, parse_items
from daebus_console.commands.paths import Append, Path, PathError, dig, parse_path, place, show_path
from daebus_console.commands.words import Word


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
        """An edited copy. Raises CommandError, pointing at the edit that does not fit."""
        edited = copy.deepcopy(payload)
        for edit in self.edits:
            if isinstance(edit, Removal):
                _remove(edited, edit)
            elif not edit.path:
                edited = Items((edit,)).build(sources)
            else:
                value = Items((replace(edit, path=("value",)),)).build(sources)["value"]
                try:
                    place(edited, edit.path, value)
                except PathError as error:
                    raise edit.word.error(str(error)) from None
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


def _remove(payload: dict[str, Any], removal: Removal) -> None:
    *before, last = removal.path
    try:
        holder = dig(payload, tuple(before))
        dig(holder, (last,))
    except PathError as error:
        raise removal.word.error(f"cannot take away {show_path(removal.path)}: {error}") from None
    del holder[last]
