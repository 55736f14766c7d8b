"""What is held, in words: a row, a line, a record."""

from __future__ import annotations

from typing import Any

from daebus_console.commands.context import Context
from daebus_console.engine.holding.desk import Held
from daebus_console.engine.holding.report import Hold
from daebus_console.engine.holding.words import left, patience, stage, where
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, duration, line


def held_row(held: Held, now: float) -> list[str | Span]:
    """One row of a table."""
    first = held.first
    copies = f" ×{held.instances}" if held.instances > 1 else ""
    return [
        Span(f"H{held.number}", "bold"),
        f"{where(first)}{copies}",
        stage(first),
        _sender(first),
        duration(max(0.0, now - first.since)),
        left(held, now),
        patience(first, now),
        Span(", ".join(shown(one, text=True) for one in held.owners), "dim"),
        Span(first.hold, "dim"),
    ]


def _sender(hold: Hold) -> str:
    """Who sent it; nobody signs a broadcast."""
    return shown(hold.sender or "?") if hold.sender or hold.place != "event" else ""


HEADINGS = ("", "WHAT", "WHERE", "FROM", "SINCE", "AT MOST", "WHO ASKED", "BY", "ID")


def held_line(held: Held, now: float, called: str) -> Line:
    """One line, for when it has just been held; `called` is what lets it go by that name, in this face."""
    first = held.first
    asked, sender = patience(first, now), _sender(first)
    return line(
        Span(f"‖ H{held.number} ", "warn"),
        Span(where(first), "bold"),
        f" {stage(first)}{f', from {sender}' if sender else ''}",
        Span(f", {asked}" if asked else "", "dim"),
        Span(f"  `release {called}`", "dim"),
    )


def held_record(held: Held, now: float, context: Context) -> dict[str, Any]:
    """One record."""
    first = held.first
    return {
        "number": held.number,
        **fields("service", first.service),
        "place": first.place,
        "name": first.name,
        "from": first.sender,
        "id": first.id,
        "parent": first.parent,
        "held_s": round(max(0.0, now - first.since), 3),
        "left_s": None if held.until is None else round(max(0.0, held.until - now), 3),
        "asker_left_s": None if first.asker is None else round(first.asker - now, 3),
        "asker_waits": first.waits and not (first.deserted or first.doubtful),
        "asker_gone": first.waits and first.deserted,
        "asker_guessed": first.guessed,
        "part": first.part,
        "behind": first.behind,
        "one_way": first.one_way,
        "owners": held.owners,
        "holds": [one.hold for one in held.holds],
        "payload": context.redact.mask(first.payload),
        "cut": not first.whole,
    }
