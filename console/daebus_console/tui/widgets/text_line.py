"""A line to type in."""

from __future__ import annotations

from textual.widgets import Input


class TextLine(Input):
    """An Input that takes every printable key, so that the footer does not offer what a slash would do elsewhere."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether the key is typed rather than bound."""
        return key == "slash" or super().check_consume_key(key, character)
