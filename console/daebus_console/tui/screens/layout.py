"""Which panes are there and how large: hiding, zooming, resizing, and remembering it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.screen import Screen
from textual.widget import Widget

HIDEABLE = ("left", "detail-pane", "repl-pane")
LOWEST, NARROWEST = 3, 14


class Layout:
    """The layout of the main screen. Sizes are cells."""

    def __init__(self, screen: Screen[None]) -> None:
        self.screen = screen
        self.zoomed: Widget | None = None
        self.sizes: dict[str, int] = {}

    def pane(self, name: str) -> Widget:
        """A pane by its name."""
        return self.screen.query_one(f"#{name}")

    def of_focus(self) -> Widget:
        """The pane that has the keyboard."""
        focused = self.screen.focused
        while focused is not None and not focused.has_class("pane"):
            focused = focused.parent if isinstance(focused.parent, Widget) else None
        return focused or self.pane("flow-pane")

    def holds_focus(self, pane: Widget) -> bool:
        """Whether the keyboard is in that pane."""
        return self.screen.focused is not None and pane in self.screen.focused.ancestors_with_self

    def is_seen(self, name: str) -> bool:
        """Whether that pane is on the screen."""
        pane = self.pane(name)
        most = pane.styles.max_height
        return bool(pane.display) and self.zoomed in (None, pane) and (most is None or most.value > 0)

    def show(self, name: str, shown: bool) -> None:
        """Show or hide a pane."""
        self.pane(name).display = shown

    def zoom(self) -> None:
        """Give the pane with the keyboard the whole screen, or take it back."""
        pane = self.zoomed or self.of_focus()
        self.zoomed = None if self.zoomed else pane
        zoomed = self.zoomed is not None
        for other in self.screen.query(".pane"):
            if other.display:
                # Being shown by hand would count for more than another pane's having the screen.
                other.styles.clear_rule("display")
        self.screen.set_class(zoomed, "-zoomed")
        for other in self.screen.query(".pane"):
            other.set_class(zoomed and other is pane, "-whole")
        for box in self.screen.query("#body, #right"):
            box.set_class(zoomed and pane in box.walk_children(), "-whole")
        if pane.id in self.sizes:
            # What the user has set would count for more than the whole screen.
            pane.styles.clear_rule("width" if pane.id == "left" else "height")
            if not zoomed:
                self.resize(pane.id, self.sizes[pane.id])

    def make_higher(self, rows: int) -> None:
        """Make the pane with the keyboard higher, or lower; not where it has the whole screen."""
        if self.zoomed is not None:
            return
        pane = self.of_focus()
        if pane.id in ("left", "flow-pane"):
            # They take what the others leave.
            pane, rows = self.pane("detail-pane"), -rows
        self.resize(str(pane.id), pane.outer_size.height + rows)

    def make_wider(self, cells: int) -> None:
        """Make the directory wider, or narrower; not where a pane has the whole screen."""
        if self.zoomed is not None:
            return
        self.resize("left", self.pane("left").outer_size.width + cells)

    def resize(self, name: str, size: int) -> None:
        """Give a pane that width (the directory) or height (detail and commands), as far as the others live on."""
        screen = self.screen.size
        pane = self.pane(name)
        if name == "left":
            self.sizes[name] = max(NARROWEST, min(screen.width - 40, size))
            pane.styles.width = self.sizes[name]
        else:
            most = screen.height - (12 if name == "detail-pane" else 8)
            self.sizes[name] = max(LOWEST, min(most, size))
            pane.styles.height = self.sizes[name]

    def state(self) -> dict[str, Any]:
        """What is to be remembered: of the panes those that the user hid, and not those behind a zoomed one."""
        hidden = [name for name in HIDEABLE if self.pane(name).styles.inline.display == "none"]
        return {"hidden": hidden, "sizes": dict(self.sizes)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Be as remembered; what does not fit any more is passed over."""
        hidden = state.get("hidden")
        for name in HIDEABLE:
            if isinstance(hidden, list) and name in hidden:
                self.show(name, False)
        sizes = state.get("sizes")
        for name, size in sizes.items() if isinstance(sizes, dict) else ():
            if name in HIDEABLE and isinstance(size, int) and not isinstance(size, bool):
                self.resize(name, size)
