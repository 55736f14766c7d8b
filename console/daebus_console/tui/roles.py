"""Roles of text resolved to the colours of the theme.

The application alone carries the component classes of the roles, so that a style sheet is applied to each of them once
and not once for every widget that draws lines. See docs/decisions/roles-once.md.
"""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget

from daebus_console.tui.lines import ROLES

COMPONENTS = frozenset(f"role--{role}" for role in ROLES)
"""The component classes of the roles; see console.tcss."""


def style_of(widget: Widget, role: str) -> Style:
    """How that widget draws a role: in the role's colours, on the widget's own ground where the role has none."""
    styles = widget.app.get_component_styles(f"role--{role}")
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
