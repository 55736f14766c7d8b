"""What is to be held: the next message like this, each of them, or those that fulfil a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from daebus_console.commands.terms.words import as_name
from daebus_console.engine.holding.condition import Condition
from daebus_console.text import clean
from daebus_console.tui.leaving import Dialog
from daebus_console.tui.look.measured import Choices, Told


class Choice(NamedTuple):
    """One line of the list: what it says, the command that does it, and whether that is to be completed first."""

    text: str
    command: str
    typed: bool = False


def choices(
    service: str,
    action: str | None,
    conditions: Sequence[Condition],
    *,
    event: bool = False,
    number: int | None = None,
) -> list[Choice]:
    """What can be chosen for the messages of an action, or with `event` of a channel that a service listens to.

    With the `number` of a broadcast it is held before all services that listen to its channel.
    """
    name = as_name(action, action=not event) if action is not None else ""
    stem = f"break {as_name(service)} {name}".rstrip() if number is None else f"break #{number}"
    place = " --place event" if event and number is None else ""
    found = [Choice("the next one", f"{stem}{place} --once"), Choice("every one", f"{stem}{place}")]
    if not event:
        found.append(Choice("its next answer", f"{stem} --place answer --once"))
        found.append(Choice("every answer", f"{stem} --place answer"))
    # Without an action the first condition would be taken for one, were it not for its prefix.
    found += [Choice(f"where {one}", f"{stem} {one}{place}") for one in conditions]
    return [*found, Choice("another condition …", f"{stem}{place} payload.", typed=True)]


class BreakScreen(Dialog[Choice | None]):
    """Dismissed with what was chosen, or None. `what` names the messages; `note` says what speaks against it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Never mind"),
        Binding("j", "move('cursor_down')", "Down"),
        Binding("k", "move('cursor_up')", "Up"),
    ]

    def __init__(self, what: str, offered: Sequence[Choice], note: str = "") -> None:
        super().__init__()
        self.what, self.offered, self.note = what, offered, note

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_subtitle = "enter: hold them, escape: never mind"
            yield Told(Text.assemble(("Hold ", "bold"), (clean(self.what), "bold"), "  before it goes on:"))
            if self.note:
                yield Told(Text(clean(self.note)), classes="dialog-note")
            yield Choices(*(Option(Text(clean(one.text))) for one in self.offered))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """That is it."""
        self.dismiss(self.offered[event.option_index])

    def action_move(self, action: str) -> None:
        """Go up or down, as in lists elsewhere."""
        getattr(self.query_one(OptionList), f"action_{action}")()
