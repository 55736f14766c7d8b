"""The nodes of a cluster, as one of them sees it, and what several of them agree on. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from daebus.wire.resp import ProtocolError

from .route import Place

_BAD = frozenset(("fail", "fail?", "handshake", "noaddr"))


class Node(NamedTuple):
    """One node. `is_good` is whether the one that tells of it reaches it; `slots` are ranges, both ends included."""

    id: str
    place: Place
    is_good: bool
    is_master: bool
    slots: tuple[tuple[int, int], ...]
    is_failed: bool = False
    """Whether most of the masters agree that it does not answer."""
    is_myself: bool = False
    """Whether it is the one that tells this."""
    epoch: int = 0
    """Of two that both claim a slot, the one with the higher one has it."""


class View(NamedTuple):
    """What one node sees: itself among all it knows of."""

    nodes: tuple[Node, ...]

    @property
    def good(self) -> frozenset[str]:
        """The ids of those that it reaches, with itself."""
        return frozenset(node.id for node in self.nodes if node.is_good)

    @property
    def myself(self) -> Node | None:
        """The one that tells it."""
        return next((node for node in self.nodes if node.is_myself), None)

    def find(self, number: str) -> Node | None:
        """The node with that id."""
        return next((node for node in self.nodes if node.id == number), None)

    def owner(self, slot: int) -> Node | None:
        """The master that has a slot."""
        return next((node for node in self.nodes if any(low <= slot <= high for low, high in node.slots)), None)


def view(text: str, asked: Place) -> View:
    """What the reply to CLUSTER NODES says that came from `asked`. Raises ProtocolError where it makes no sense."""
    return View(tuple(_node(line, asked) for line in text.splitlines() if line.strip()))


def _node(line: str, asked: Place) -> Node:
    words = line.split()
    try:
        number, address, flags = words[0], words[1], frozenset(words[2].split(","))
        linked = words[7] == "connected"
        place = _place(address, asked, myself="myself" in flags)
    except (IndexError, ValueError):
        raise ProtocolError(f"not a line of CLUSTER NODES: {line[:200]!r}") from None
    myself = "myself" in flags
    good = myself or (linked and not flags & _BAD)
    slots, epoch = tuple(_ranges(words[8:])), int(words[6]) if words[6].isdigit() else 0
    return Node(number, place, good, "master" in flags, slots, "fail" in flags, myself, epoch)


def _place(address: str, asked: Place, *, myself: bool) -> Place:
    """`IP:PORT@BUS[,HOSTNAME[,...]]`; the host name where there is one, since certificates are for names."""
    ends, _comma, more = address.partition(",")
    host, _colon, port = ends.partition("@")[0].rpartition(":")
    name = more.partition(",")[0]
    if "=" in name:
        name = ""
    if myself:
        # As it was reached: it may not know its own address, and it is there under this one.
        return Place(asked.host, int(port) or asked.port)
    return Place(name or host.strip("[]"), int(port))


def _ranges(words: Iterable[str]) -> Iterable[tuple[int, int]]:
    for word in words:
        if word.startswith("["):
            # On its way from or to another node.
            continue
        low, _dash, high = word.partition("-")
        yield int(low), int(high or low)


def agreed(views: Iterable[View]) -> View | None:
    """What most of them say together, and of each node what it says of itself: one that is cut off knows no better."""
    views = list(views)
    if not views:
        return None
    lines: dict[str, Node] = {}
    good, failed, known = Counter[str](), Counter[str](), Counter[str]()
    for one in sorted(views, key=lambda one: len(one.good)):
        for node in one.nodes:
            known[node.id] += 1
            good[node.id] += node.is_good
            failed[node.id] += node.is_failed
            before = lines.get(node.id)
            if before is None or not before.is_myself or node.is_myself:
                lines[node.id] = node
    most = len(views) / 2
    return View(
        tuple(
            node._replace(is_good=good[number] > most, is_failed=failed[number] > most, is_myself=False)
            for number, node in lines.items()
            if known[number] > most or len(views) == 1
        )
    )
