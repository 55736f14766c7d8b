"""The keys that do something now, in one line at the foot of a screen.

Textual's Footer has a widget for each key and makes all of them anew whenever the focus moves. This draws one line.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from daebus_console.tui.look.legible import legible

LAST = ("help", "app.leave")
"""Actions of the whole screen, which stand behind what the screen is for."""
ALWAYS = ("help", "screen.keys")
"""What tells of all keys, and so of those that have no room."""
_MORE = "… "


class KeyLine(Widget, can_focus=False):
    """Each key with what it does. A click presses the key; the mouse wheel moves to what has no room.

    Where not all have room, the one that tells of all of them stands at the end.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key", "keys--does", "keys--hovered", "keys--off"}
    ALLOW_SELECT = False

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._keys: list[tuple[Binding, str, bool]] = []
        self._first = 0
        self._hovered: int | None = None

    def on_mount(self) -> None:
        """Follow what the focused widget can do."""
        self.screen.bindings_updated_signal.subscribe(self, self._follow)

    def on_unmount(self) -> None:
        """Follow no more."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _follow(self, screen: Screen[Any]) -> None:
        if not self.app.app_focus or not self.is_attached or screen is not self.screen:
            return
        shown: dict[str, tuple[Binding, str, bool]] = {}
        for _node, binding, enabled, _tooltip in screen.active_bindings.values():
            if binding.show:
                shown.setdefault(binding.action, (binding, self.app.get_key_display(binding), enabled))
        keys = sorted(shown.values(), key=lambda found: found[0].action in LAST)
        if keys != self._keys:
            self._keys, self._first, self._hovered = keys, 0, None
            self.refresh()

    def _width(self, index: int) -> int:
        """The cells that a key takes, with the blank behind it."""
        binding, key, _enabled = self._keys[index]
        return cell_len(f"{key} {binding.description} ")

    def _all_fit(self) -> bool:
        """Whether those from the first on have room; the last blank needs none."""
        return sum(map(self._width, range(self._first, len(self._keys)))) <= self.size.width + 1

    def _shown(self) -> list[int | None]:
        """The keys that are drawn, one after the other; None stands for those that have no room."""
        keys = list(range(self._first, len(self._keys)))
        if self._all_fit():
            return [*keys]
        last = next((index for index in keys if self._keys[index][0].action in ALWAYS), None)
        room = self.size.width + 1 - cell_len(_MORE) - (self._width(last) if last is not None else 0)
        shown: list[int | None] = []
        for index in keys:
            room -= self._width(index) if index != last else 0
            if room < 0:
                break
            if index != last:
                shown.append(index)
        return [*shown, None, *([last] if last is not None else [])]

    def _at(self, x: int) -> int | None:
        """Which key is drawn there."""
        end = 0
        for index in self._shown():
            begin, end = end, end + (self._width(index) if index is not None else cell_len(_MORE))
            if begin <= x < end - 1:
                return index
        return None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Light what a click would press."""
        self._hover(self._at(event.x))

    def on_leave(self) -> None:
        """Light nothing."""
        self._hover(None)

    def _hover(self, index: int | None) -> None:
        if index != self._hovered:
            self._hovered = index
            self.refresh()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the key."""
        if (index := self._at(event.x)) is not None:
            binding, _key, enabled = self._keys[index]
            if enabled:
                self.app.simulate_key(binding.key)
            else:
                self.app.bell()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """On to what has no room."""
        if not self._all_fit():
            self._scroll(1, event)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Back."""
        if self._first:
            self._scroll(-1, event)

    def _scroll(self, by: int, event: events.MouseScrollDown | events.MouseScrollUp) -> None:
        self._first += by
        self._hovered = None
        self.refresh()
        event.stop()
        event.prevent_default()

    def render_line(self, y: int) -> Strip:
        """See Textual."""
        width, ground = self.size.width, self.rich_style
        if y:
            return Strip.blank(width, ground)
        key_style, does, hovered, off = (
            legible(self.get_component_rich_style(f"keys--{part}")) for part in ("key", "does", "hovered", "off")
        )
        segments: list[Segment] = []
        for index in self._shown():
            if index is None:
                segments.append(Segment(_MORE, does))
                continue
            binding, key, enabled = self._keys[index]
            over = hovered if index == self._hovered else off if not enabled else None
            segments += [
                Segment(key, over or key_style),
                Segment(f" {binding.description}", over or does),
                Segment(" ", ground),
            ]
        return Strip(segments).adjust_cell_length(width, ground)
