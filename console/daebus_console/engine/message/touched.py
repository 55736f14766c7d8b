"""What a debugger did to exchanges, in words: what it had a hand in does not tell what is natural. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.engine.message.envelope import debug_of
from daebus_console.engine.message.exchange import Exchange, Flag, Notice
from daebus_console.naming import shown

_MOST = 5
_HARMLESS = ("held", "delayed", "duplicated", "answered twice")
"""After these the answer is the one that it would have been."""
_UNMARKED = "kept from its handler, or its answer dropped"


def touched(exchange: Exchange) -> str:
    """What was done to it, and by whom: `held, edited by ann@laptop:7`; empty where nothing was."""
    if not exchange.flags & Flag.DEBUGGED:
        return ""
    parts: dict[str, None] = {}
    for by, did in _marks(exchange):
        parts[f"{', '.join(shown(one, text=True) for one in did) or 'touched'} by {shown(by, text=True)}"] = None
    return "; ".join(parts) or ("held" if _noticed(exchange) else _UNMARKED)


def bent(exchange: Exchange) -> bool:
    """Whether its answer, or that there is none, is the doing of a debugger."""
    if not exchange.flags & Flag.DEBUGGED:
        return False
    did = [one for _by, several in _marks(exchange) for one in several]
    return any(one not in _HARMLESS for one in did) or not (did or _noticed(exchange))


def edited(exchange: Exchange) -> bool:
    """Whether its answer says that it was edited, or that its handler got what was."""
    answers = [message for message in exchange.messages if message is not exchange.request]
    return any("edited" in mark[1] for message in answers if (mark := debug_of(message.data)) is not None)


def hand_in(exchanges: Iterable[Exchange]) -> str:
    """The same of several, with their numbers, as one sentence; empty where nothing was done to any of them."""
    found = [f"#{one.number} {told}" for one in exchanges if (told := touched(one))]
    more = f", and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f"a debugger had a hand in it: {', '.join(found[:_MOST])}{more}" if found else ""


def touched_calls(exchange: Exchange, among: Iterable[Exchange]) -> list[Exchange]:
    """The calls that were made for it and that a debugger had a hand in."""
    id = exchange.request_id
    return [one for one in among if one.flags & Flag.DEBUGGED and id is not None and one.parent_id == id]


def _marks(exchange: Exchange) -> list[tuple[str, list[str]]]:
    marks = (debug_of(message.data) for message in exchange.messages)
    return [mark for mark in marks if mark is not None]


def _noticed(exchange: Exchange) -> bool:
    return any(isinstance(one, Notice) for one in exchange.progress or ())
