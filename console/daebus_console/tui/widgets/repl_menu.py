"""What may stand at the cursor, one offer a line, with what it is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static

from daebus_console.commands.completion import Offer
from daebus_console.text import cells, clean, pad

MOST_ROWS = 6
_WIDEST = 60


class OfferMenu(Static):
    """The offers, the chosen one lit; as high as there are offers and room, and gone while there are none."""

    DEFAULT_CSS = """
    OfferMenu { height: auto; background: $surface; display: none; }
    OfferMenu > .menu--chosen { color: $text; background: $accent 50%; text-style: bold; }
    OfferMenu > .menu--name { color: $text-primary; }
    OfferMenu > .menu--meta { color: $text-muted; }
    """
    COMPONENT_CLASSES = {"menu--chosen", "menu--name", "menu--meta"}  # noqa: RUF012 - as Textual declares it

    def show(self, offers: Sequence[Offer], chosen: int, rows: int, indent: int) -> None:
        """Show so many rows of the offers, around the chosen one (-1: none is), `indent` cells from the left."""
        self.display = bool(offers)
        if not offers:
            return
        rows = max(1, min(rows, MOST_ROWS, len(offers)))
        first = max(0, min(chosen - rows + 1 if chosen >= rows else 0, len(offers) - rows))
        shown = offers[first : first + rows]
        width = min(_WIDEST, max(cells(clean(offer.text)) for offer in shown))
        indent = max(1, min(indent, self.size.width - width - 20))
        text = Text(no_wrap=True, overflow="ellipsis")
        for index, offer in enumerate(shown, first):
            name = "menu--chosen" if index == chosen else "menu--name"
            text.append(" " * indent)
            text.append(f" {pad(clean(offer.text), width)} ", self.get_component_rich_style(name))
            text.append(f" {clean(offer.meta)}", self.get_component_rich_style("menu--meta"))
            if index == first + rows - 1 and len(offers) > rows:
                text.append(f"  {index + 1}/{len(offers)}", self.get_component_rich_style("menu--meta"))
            text.append("\n")
        text.right_crop(1)
        self.update(text)
