"""The command palette: what the screen in front can do, made from its bindings, and the verbs of the command pane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from textual import on
from textual.app import App
from textual.binding import Binding
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits
from textual.dom import DOMNode
from textual.screen import Screen
from textual.system_commands import SystemCommandsProvider
from textual.widgets import Input, OptionList

from daebus_console.commands.verbs import VERBS, Face
from daebus_console.tui.leaving import LeftOnce
from daebus_console.tui.look.measured import Measures
from daebus_console.tui.screens.help import name_of

if TYPE_CHECKING:
    from daebus_console.tui.screens.main import MainScreen

_LEFT_OUT = ("move", "page", "first", "last", "recall", "complete", "submit", "cursor", "command_palette")


class Offer(NamedTuple):
    """One line of the palette: what it is called, what more there is to say, and what it does."""

    title: str
    help: str
    node: DOMNode
    action: str


def offers(screen: Screen[Any], main: MainScreen) -> Iterator[Offer]:
    """Every action of the screen: of all panes of the main one; of another that of what has the keyboard."""
    panes: Sequence[tuple[str, DOMNode]]
    if screen is main:
        panes = (
            ("Flow", main.flow),
            ("Directory", main.directory),
            ("Detail", main.detail),
            ("Detail", main.detail.view),
            ("Console", main),
        )
    else:
        nodes = (screen.focused or screen).ancestors_with_self
        panes = [(name_of(node), node) for node in nodes if not isinstance(node, App)]
    offered: set[str] = set()
    for name, node in (*panes, ("Console", screen.app)):
        for binding in bindings_of(node):
            action = binding.action.rpartition(".")[2].partition("(")[0]
            # What a screen binds anew of the application's is told once.
            twice = node is screen.app and binding.action in offered
            if binding.description and action not in _LEFT_OUT and not twice:
                offered.add(binding.action.removeprefix("app."))
                key = screen.app.get_key_display(binding)
                yield Offer(f"{name}: {binding.description}", f"key {key}", node, binding.action)


def bindings_of(node: DOMNode) -> Iterable[Binding]:
    """The bindings that our own classes give to a node, each key of several by itself once only."""
    seen: set[str] = set()
    for cls in type(node).__mro__:
        if not cls.__module__.startswith("daebus_console"):
            continue
        for binding in cls.__dict__.get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.action not in seen:
                seen.add(binding.action)
                first = next(iter(Binding.make_bindings([binding])))
                yield first


class Palette(CommandPalette, LeftOnce[None], Measures):
    """See Textual, where each of many clicks that come at once would do what the line says."""

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _chosen_once(self, event: OptionList.OptionSelected | Input.Submitted) -> None:
        """Do nothing more where the first of many clicks or keys has led elsewhere."""
        if self.app.screen is not self:
            event.prevent_default()

    def _action_command_list(self, action: str) -> None:
        """See Textual, whose list ends in an error where the screen has no room for a line of it."""
        if self.query_one(CommandList).size:
            super()._action_command_list(action)


class Actions(SystemCommandsProvider):
    """Feeds the palette: with what Textual offers behind. Of two that feed it any may be the first."""

    @property
    def _main(self) -> MainScreen:
        main: MainScreen = self.app.main  # type: ignore[attr-defined]  # this palette is of no other application
        return main

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for offer in offers(self.screen, self._main):
            yield DiscoveryHit(offer.title, self._doing(offer), help=offer.help)
        async for hit in super().discover():
            yield hit

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        main = self._main
        for offer in offers(self.screen, main):
            score = matcher.match(offer.title)
            if score > 0:
                yield Hit(score, matcher.highlight(offer.title), self._doing(offer), help=offer.help)
        # A command is typed on the main screen.
        for verb in VERBS.values() if self.screen is main else ():
            title = f"Command: {verb.name}"
            score = matcher.match(f"{title} {verb.summary}")
            if score > 0 and Face.PROMPT in verb.faces:
                yield Hit(score, title, partial(main.begin, f"{verb.name} "), help=verb.summary)
        async for hit in super().search(query):
            yield hit

    def _doing(self, offer: Offer) -> Callable[[], object]:
        return partial(self.app.run_action, offer.action, offer.node)
