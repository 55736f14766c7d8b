"""Two conversations side by side: what is missing in the second, new, repeated, slower, or ended otherwise. Pure.

Their exchanges are laid beside each other from the top down: within what is the same already, the first call of an
action beside the first of the same, the second beside the second, whatever comes between them. What stands at the top
of both is laid beside each other whatever it is, and told where it is something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from daebus_console.engine.conversation.tree import Conversation, Node
from daebus_console.engine.message.exchange import Exchange, State

SLOWER_BY, SLOWER_TIMES = 0.005, 1.5
"""What takes so many seconds more, and so many times as long, is told to be slower (or faster)."""


class How(StrEnum):
    """In which way an exchange of the second conversation is not like that of the first."""

    MISSING = "missing"
    NEW = "new"
    REPEATED = "repeated"
    OTHER = "another action"
    ENDED = "ended otherwise"
    SLOWER = "slower"
    FASTER = "faster"
    SAME = "same"


class Pair(NamedTuple):
    """Two exchanges beside each other, `depth` levels below the top; either may be None.

    `more` are the exchanges of the second that are one too many, where it is REPEATED.
    """

    how: How
    before: Exchange | None
    after: Exchange | None
    depth: int
    more: tuple[Exchange, ...] = ()


def compare(before: Conversation, after: Conversation) -> list[Pair]:
    """Both conversations side by side, each pair before what is within it."""
    found: list[Pair] = []
    pending: list[tuple[Node | None, Node | None, tuple[Exchange, ...]]] = [(before.root, after.root, ())]
    if (before.root.exchange is None) is not (after.root.exchange is None):
        # What set off one of them was not seen: what came of it stands beside the whole of the other.
        pending = list(reversed(list(_beside(_seen(before.root), _seen(after.root)))))
    while pending:
        one, other, more = pending.pop()
        found += _told(one, other, more)
        if one is not None and other is not None:
            pending += reversed(list(_beside(one.children, other.children)))
    return found


def _told(one: Node | None, other: Node | None, more: tuple[Exchange, ...]) -> Iterator[Pair]:
    node = one or other
    assert node is not None, "one of them is there"
    if one is None or other is None:
        # All that is within it is missing, or new, with it.
        for below in node.walk():
            if below.exchange is None:
                continue
            if other is None:
                yield Pair(How.MISSING, below.exchange, None, below.depth)
            else:
                yield Pair(How.NEW, None, below.exchange, below.depth)
        return
    if one.exchange is not None and other.exchange is not None:
        how = _how(one.exchange, other.exchange)
        if more:
            yield Pair(How.REPEATED, one.exchange, other.exchange, node.depth, more)
        if how is not How.SAME or not more:
            yield Pair(how, one.exchange, other.exchange, node.depth)


def _seen(root: Node) -> list[Node]:
    return root.children if root.exchange is None else [root]


def _beside(
    one: Sequence[Node], other: Sequence[Node]
) -> Iterator[tuple[Node | None, Node | None, tuple[Exchange, ...]]]:
    """What is in both, laid beside each other in the order of the second."""
    first = _by_name(one)
    after = _by_name(other)
    for key in dict.fromkeys((*after, *first)):
        before_ones, after_ones = first.get(key, []), after.get(key, [])
        both = min(len(before_ones), len(after_ones))
        more = tuple(node.exchange for node in after_ones[both:] if node.exchange is not None) if both else ()
        for place in range(both):
            yield before_ones[place], after_ones[place], more if place == both - 1 else ()
        for node in before_ones[both:]:
            yield node, None, ()
        if not both:
            for node in after_ones:
                yield None, node, ()


def _by_name(nodes: Sequence[Node]) -> dict[tuple[str, str | None, str | None], list[Node]]:
    found: dict[tuple[str, str | None, str | None], list[Node]] = {}
    for node in nodes:
        if node.exchange is not None:
            found.setdefault(_name(node.exchange), []).append(node)
    return found


def _name(exchange: Exchange) -> tuple[str, str | None, str | None]:
    return exchange.kind, exchange.target, exchange.action


def _how(before: Exchange, after: Exchange) -> How:
    if _name(before) != _name(after):
        return How.OTHER
    if before.state is not after.state or before.aside.code != after.aside.code:
        return How.ENDED
    one, other = before.latency, after.latency
    if one is None or other is None or before.state is State.PENDING:
        return How.SAME
    if other - one > SLOWER_BY and other > one * SLOWER_TIMES:
        return How.SLOWER
    return How.FASTER if one - other > SLOWER_BY and one > other * SLOWER_TIMES else How.SAME
