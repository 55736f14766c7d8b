"""A line to type in, which never holds what a terminal would obey or not show, and does one key after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual import events
from textual.widgets import Input

from daebus_console.text import showable
from daebus_console.tui.widgets.keys_in_order import carried_out, passed_on

LEFT_OUT = "Signs that cannot be shown were left out; in JSON they can be written as \\uXXXX"


class TextLine(Input):
    """An Input that takes every printable key, so that the footer does not offer what a slash would do elsewhere.

    `entered` is called with what stands there at Enter, before the next key is looked at.
    """

    def __init__(self, *arguments: Any, entered: Callable[[str], None] | None = None, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._entered = entered

    async def _on_key(self, event: events.Key) -> None:
        if not await passed_on(self, event):
            await carried_out(self, event, also_around=True)

    async def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]  # Textual awaits either
        await passed_on(self, event)

    async def action_submit(self) -> None:
        """See Textual."""
        if self._entered is not None:
            self._entered(self.value)
        else:
            await super().action_submit()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether the key is typed rather than bound."""
        return key == "slash" or super().check_consume_key(key, character)

    def validate_value(self, value: str) -> str:
        """Leave out signs that cannot be shown, wherever the text comes from, and say so."""
        kept = showable(value)
        if kept != value:
            self.notify(LEFT_OUT, timeout=4)
        return kept
