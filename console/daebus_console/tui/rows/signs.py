"""The sign, word and role of each state and kind: never a colour alone. Pure."""

from __future__ import annotations

from typing import NamedTuple

from daebus_console.engine.message.envelope import debug_of
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.text import clean


class Sign(NamedTuple):
    """One cell, a word of at most nine, and the role that gives the colour."""

    sign: str
    word: str
    role: str


_STATES = {
    State.OK: Sign("✓", "ok", "ok"),
    State.ERROR: Sign("✗", "error", "error"),
    State.PENDING: Sign("◌", "waiting", "wait"),
    State.TIMEOUT: Sign("◷", "timeout", "error"),
    State.UNKNOWN: Sign("?", "unknown", "warn"),
    State.ORPHAN: Sign("⇠", "orphan", "warn"),
    State.SENT: Sign("·", "sent", "dim"),
    State.GAP: Sign("┄", "gap", "gap"),
}
HELD = Sign("‖", "held", "warn")
_MOST_NUMBERS = 5
_PULSE = "◜◝◞◟"

ARROWS = {Kind.REQUEST: "→", Kind.ONE_WAY: "⇢", Kind.BROADCAST: "»", Kind.RESPONSE: "←", Kind.UNREADABLE: "→",
          Kind.TOLD: "‥"}  # fmt: skip
"""How a message went: request, one-way, broadcast, answer."""
UNLIKE = "≠"
"""The mark of what is not like others of its kind."""


def state_of(exchange: Exchange, now: float = 0.0) -> Sign:
    """How the exchange stands. Pending ones turn with `now` (epoch seconds)."""
    if exchange.state is State.PENDING:
        if exchange.held:
            return HELD
        pulse = _PULSE[int(now * 4) % 4]
        if parts := exchange.parts:
            return Sign(pulse, f"part {len(parts)}", "accent")
        return Sign(pulse, "waiting", "wait")
    if exchange.kind is Kind.UNREADABLE:
        return Sign("✗", "no JSON", "error")
    sign = _STATES[exchange.state]
    if exchange.kind is Kind.TOLD:
        return Sign(sign.sign, "told", sign.role if sign.role == "error" else "dim")
    if exchange.state is State.TIMEOUT and exchange.flags & Flag.LATE:
        return Sign("◷", "too late", "error")
    if exchange.state in (State.OK, State.ERROR) and exchange.flags & Flag.LATE:
        return Sign(sign.sign, "late", "warn")
    if exchange.flags & Flag.DUPLICATE:
        return Sign("‡", "twice" if sign.role == "ok" else sign.word, "warn" if sign.role == "ok" else sign.role)
    if exchange.kind is Kind.ONE_WAY:
        return Sign("·", "one-way", "dim")
    if exchange.kind is Kind.BROADCAST:
        return Sign("·", "broadcast", "dim")
    return sign


def remarks(exchange: Exchange) -> list[str]:
    """What else is to be said of it, in words."""
    said = []
    flags = exchange.flags
    if exchange.kind is Kind.TOLD:
        said.append("not seen: told by the service afterwards, by its own clock, and not counted")
    if flags & Flag.OURS:
        said.append("sent by this console")
    if flags & Flag.LATE:
        said.append(
            "answered after its time had run out"
            if flags & Flag.DECLARED
            else "answered late; how long its asker waits is not told on the wire"
        )
    if flags & Flag.DUPLICATE:
        said.append("more than one final answer")
    if flags & Flag.REUSED_ID:
        said.append("its request_id was in use already")
    if flags & Flag.DEBUGGED:
        said += debugged(exchange)
    if flags & Flag.MALFORMED:
        said.append("a field of the envelope has a type it should not have")
    if exchange.aside.origin:
        said.append(f"replays #{exchange.aside.origin}")
    if exchange.aside.replays:
        said.append(f"replayed as {_numbers(exchange.aside.replays)}")
    return said


def debugged(exchange: Exchange) -> list[str]:
    """What a debugger did to its messages, one line for each that bears a mark."""
    marks = [(message, debug_of(message.data)) for message in exchange.messages]
    return [
        f"{'answer' if message.kind is Kind.RESPONSE else 'message'} touched by the debugger of {clean(mark[0])}:"
        f" {clean(', '.join(mark[1])) or 'it does not say how'}"
        for message, mark in marks
        if mark is not None
    ]


def _numbers(numbers: list[int]) -> str:
    """The latest of them."""
    told = ", ".join(f"#{number}" for number in numbers[-_MOST_NUMBERS:])
    return told if len(numbers) <= _MOST_NUMBERS else f"… {told} ({len(numbers)} times)"
