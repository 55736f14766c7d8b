"""Roles of text resolved to the colours of the theme.

The application alone carries the component classes of the roles, so that a style sheet is applied to each of them once
and not once for every widget that draws lines. See docs/decisions/roles-once.md.
"""

from __future__ import annotations

from typing import Any

from rich.style import Style
from textual.widget import Widget

from daebus_console.tui.rows.lines import ROLES

COMPONENTS = frozenset(f"role--{role}" for role in ROLES)
"""The component classes of the roles; see console.tcss."""


def style_of(widget: Widget, role: str) -> Style:
    """How that widget draws a role: in the role's colours, on the widget's own ground where the role has none."""
    app, name = widget.app, f"role--{role}"
    try:
        styles = app.get_component_styles(name)
    except KeyError:
        # From Python 3.13 on the first widgets are there before the application has its styles.
        app.stylesheet.apply(app)
        styles = app.get_component_styles(name)
    style = widget.rich_style + styles.text_style
    ground = widget.background_colors[1]
    if styles.has_rule("background"):
        ground += styles.background
        style += Style(bgcolor=ground.rich_color)
    if styles.has_rule("auto_color") and styles.auto_color:
        style += Style(color=(ground + ground.get_contrast_text(styles.color.a)).rich_color)
    elif styles.has_rule("color"):
        style += Style(color=(ground + styles.color).rich_color)
    return style


class DrawsRoles(Widget):
    """A widget that draws roles again and again: how each looks on it is worked out once for each style it has."""

    def __init__(self, *children: Widget, **keywords: Any) -> None:
        self._role_styles: dict[str, Style] = {}
        super().__init__(*children, **keywords)

    def notify_style_update(self) -> None:
        """See Textual."""
        super().notify_style_update()
        self._role_styles.clear()

    def role_style(self, role: str) -> Style:
        """See `style_of`."""
        style = self._role_styles.get(role)
        if style is None:
            style = self._role_styles[role] = style_of(self, role)
        return style
