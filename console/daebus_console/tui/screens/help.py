"""The keys of the focused pane, made from its bindings: what is bound is told, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Static

from daebus_console.tui.leaving import Dialog
from daebus_console.tui.widgets.key_line import LAST

_HIDDEN = {"copy_selected_text", "maximize", "minimize", "help_quit"}
_OTHERS = {
    "focus_next": "Next pane",
    "focus_previous": "Previous pane",
    "copy_text": "Copy what the mouse has selected",
}
"""What keys of Textual do, in our words."""
_NAMES = {
    "DirectoryList": "Directory",
    "FlowList": "Flow",
    "DetailPane": "Detail",
    "DocumentView": "Detail",
    "CommandLine": "Command line",
    "FilterLine": "Filter line",
    "HeldScreen": "Held",
    "FindingsScreen": "Findings",
    "GroupsScreen": "What failed",
    "StatsScreen": "Statistics",
    "SequenceScreen": "Sequence",
    "ConversationScreen": "Conversation",
    "ContrastScreen": "Contrast",
    "ShapeScreen": "Shape",
    "SideBySideScreen": "Two conversations",
    "CompareScreen": "Compare",
    "RulesScreen": "Breakpoints and faults",
}


def name_of(node: DOMNode) -> str:
    """What a part of the screen is called: by itself, or as the screen that it is on."""
    names = (_NAMES.get(type(one).__name__) for one in node.ancestors_with_self if not isinstance(one, App))
    return next((name for name in names if name), "Everywhere")


class HelpScreen(Dialog[None]):
    """A table of keys over what is below. Any of escape, q, ? closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Close"),
        Binding("j", "go('scroll_down')", "Down"),
        Binding("k", "go('scroll_up')", "Up"),
        Binding("ctrl+f", "go('page_down')", "Page down"),
        Binding("ctrl+b", "go('page_up')", "Page up"),
        Binding("g", "go('scroll_home')", "First"),
        Binding("G", "go('scroll_end')", "Last"),
    ]

    def __init__(self, groups: dict[str, list[tuple[str, str]]]) -> None:
        super().__init__()
        self.groups = groups

    @classmethod
    def of(cls, screen: Screen[None]) -> HelpScreen:
        """The help on the pane of that screen that has the keyboard."""
        return cls(grouped(screen.active_bindings.values(), screen))

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help-box") as box:
            box.border_title = "Keys"
            box.border_subtitle = "escape closes"
            for name, keys in self.groups.items():
                yield Static(Text(name, style="bold"), classes="help-head")
                table = Table.grid(padding=(0, 2))
                for key, what in keys:
                    table.add_row(Text(key, style="bold"), Text(what))
                yield Static(table, classes="help-keys")

    def action_go(self, where: str) -> None:
        """Scroll with the keys of lists, which it tells."""
        getattr(self.query_one("#help-box"), f"action_{where}")()


def grouped(bindings: Iterable[ActiveBinding], screen: Screen[None]) -> dict[str, list[tuple[str, str]]]:
    """Keys and what they do, by the part of the screen they belong to; keys of one action in one row."""
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for active in bindings:
        binding = active.binding
        action = binding.action.rpartition(".")[2]
        if not binding.description or action.partition("(")[0] in _HIDDEN or binding.system:
            continue
        group = name_of(active.node)
        told = _OTHERS.get(action, binding.description)
        found.setdefault((group, binding.action), (told, []))[1].append(screen.app.get_key_display(binding))
    groups: dict[str, list[tuple[str, str]]] = {}
    for (group, _action), (description, keys) in sorted(found.items(), key=lambda one: one[0][1] in LAST):
        groups.setdefault(group, []).append((" ".join(dict.fromkeys(keys)), description))
    last = groups.pop("Everywhere", None)
    return {**groups, "Everywhere": last} if last else groups
