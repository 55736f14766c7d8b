"""The command palette: every action of every pane, made from their bindings, and the verbs of the command pane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode

from daebus_console.commands.verbs import VERBS, Face
from daebus_console.tui.messages import Prefill

if TYPE_CHECKING:
    from daebus_console.tui.screens.main import MainScreen

_LEFT_OUT = ("move", "page", "first", "last", "recall", "complete", "submit", "cursor")


class Offer(NamedTuple):
    """One line of the palette: what it is called, what more there is to say, and what it does."""

    title: str
    help: str
    node: DOMNode
    action: str


def offers(main: MainScreen) -> Iterator[Offer]:
    """Every action there is."""
    panes = (("Flow", main.flow), ("Directory", main.directory), ("Detail", main.detail), ("Detail", main.detail.view))
    for name, node in (*panes, ("Console", main)):
        for binding in bindings_of(node):
            action = binding.action.rpartition(".")[2].partition("(")[0]
            if binding.description and action not in _LEFT_OUT:
                key = main.app.get_key_display(binding)
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


class Actions(Provider):
    """Feeds the palette."""

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for offer in offers(self.app.main):  # type: ignore[attr-defined]  # this palette is of no other application
            yield DiscoveryHit(offer.title, self._doing(offer), help=offer.help)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        main: MainScreen = self.app.main  # type: ignore[attr-defined]  # as above
        for offer in offers(main):
            score = matcher.match(offer.title)
            if score > 0:
                yield Hit(score, matcher.highlight(offer.title), self._doing(offer), help=offer.help)
        for verb in VERBS.values():
            title = f"Command: {verb.name}"
            score = matcher.match(f"{title} {verb.summary}")
            if score > 0 and Face.PROMPT in verb.faces:
                yield Hit(score, title, partial(main.post_message, Prefill(f"{verb.name} ")), help=verb.summary)

    def _doing(self, offer: Offer) -> Callable[[], object]:
        return partial(self.app.run_action, offer.action, offer.node)
