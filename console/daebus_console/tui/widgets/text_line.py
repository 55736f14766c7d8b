"""A line to type in, which never holds what a terminal would obey or not show."""

from __future__ import annotations

from textual.widgets import Input

from daebus_console.text import clean


class TextLine(Input):
    """An Input that takes every printable key, so that the footer does not offer what a slash would do elsewhere."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether the key is typed rather than bound."""
        return key == "slash" or super().check_consume_key(key, character)

    def validate_value(self, value: str) -> str:
        """Leave out signs that cannot be shown, wherever the text comes from, and say so."""
        if clean(value) == value:
            return value
        kept = "".join(sign for sign in value if clean(sign) == sign)
        # What is left may still be a pile of marks on one letter.
        kept = kept if clean(kept) == kept else clean(kept)
        self.notify("Signs that cannot be shown were left out; in JSON they can be written as \\uXXXX", timeout=4)
        return kept
