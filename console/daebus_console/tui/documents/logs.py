"""What services told of an exchange: its log, how its handlers and listeners ended, tracebacks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.records.joining import Told
from daebus_console.engine.records.lines import Line as Entry
from daebus_console.engine.records.lines import lines_of_told
from daebus_console.engine.records.standing import Standing
from daebus_console.naming import shown
from daebus_console.text import clean, folded
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line

_ROLES = {"DEBUG": "dim", "WARNING": "warn", "ERROR": "error", "CRITICAL": "error", "FAILED": "error", "ENDED": "dim"}
_SHORTEST = 20
_NARROW = 70
"""Cells below which times and instances are told in short, or not at all."""


def logs_lines(
    exchange: Exchange,
    told: Told,
    tells: bool | None,
    width: int,
    mask: Callable[[str], str] = str,
    unasked: str | None = None,
) -> list[Line]:
    """The lines of the tab, for `width` cells. `tells` is whether its service tells at all; None where nobody knows.

    `unasked` is why it could not be asked, or why nothing can be there, where it is so.
    """
    found = lines_of_told(told)
    if not found:
        return [[(text, "dim")] for text in wrapped(_nothing(exchange, told, tells, unasked), width)]
    lines: list[Line] = []
    for entry in found:
        # Of a broadcast the listeners are in services of their own.
        who = shown(entry.service) if exchange.kind is Kind.BROADCAST else shown(entry.instance, text=True)[:8]
        lines += _entry(entry, "" if width < _NARROW and exchange.kind is not Kind.BROADCAST else who, width, mask)
    lines.append([("", "plain")])
    lines.append([("Told by the service, by its own clock.", "dim")])
    return lines


def _entry(entry: Entry, who: str, width: int, mask: Callable[[str], str]) -> list[Line]:
    role = _ROLES.get(entry.level, "plain")
    at = fmt.clock(entry.at)[: 8 if width < _NARROW else 12]
    head: Line = [(at, "dim"), (f" {shown(entry.level, text=True):<8} ", role)]
    who = f"{who} " if who else ""
    text = f"{entry.logger}: {entry.text}" if entry.logger else entry.text
    indent = len(at) + 10 + len(who)
    first, *rest = wrapped(mask(text), max(_SHORTEST, width - indent))
    lines: list[Line] = [[*head, (who, "dim"), (first, role)]]
    lines += [[(" " * indent, "plain"), (one, role)] for one in rest]
    for one in wrapped(mask(entry.more), width - 4) if entry.more else ():
        lines.append([("    ", "plain"), (one, "dim")])
    for frame in entry.frames or ():
        lines.append([(f"    in {clean(frame.function)}, {clean(frame.file)}:{frame.line or '?'}", "accent")])
        for name, value in frame.locals.items():
            lines.append([(f"      {clean(name)}", "name"), (f" = {clean(mask(value))}", "plain")])
    return lines


def standing_lines(
    found: Sequence[Standing], tells: bool | None, service: str, width: int, unasked: str | None = None
) -> list[Line]:
    """Where something pending stands; where nobody tells, that."""
    if not found and unasked is not None:
        return [[(one, "warn")] for one in wrapped(unasked, width)]
    if not found and tells is False:
        text = f"{shown(service)} cannot tell where it is: it is of another framework, or of an older release."
        return [[(one, "dim")] for one in wrapped(text, width)]
    return [[(f"  {one}", standing.role or "plain")] for standing in found for one in wrapped(standing.text, width - 2)]


def wrapped(text: str, width: int) -> list[str]:
    """The text fit for the screen, in lines of at most that many cells, its own line breaks kept."""
    lines: list[str] = []
    for one in text.splitlines():
        lines += folded(clean(one), max(_SHORTEST, width))
    return lines or [""]


def _nothing(exchange: Exchange, told: Told, tells: bool | None, unasked: str | None) -> str:
    target = shown(exchange.target or "?")
    if told.unsure:
        return f"Nothing is shown: {told.unsure}."
    if exchange.kind in (Kind.GAP, Kind.UNREADABLE):
        return "Nothing is told of this."
    if unasked is not None:
        return f"Nothing is shown: {unasked}"
    if tells is False and exchange.kind is not Kind.BROADCAST:
        return f"{target} does not tell what it does: it is of another framework, or of an older release."
    if exchange.state is State.PENDING:
        return "Nothing was logged yet, from INFO on; how it ended is told when it has."
    if exchange.kind is Kind.BROADCAST:
        return "No listener told of this broadcast: none heard it, or those that did do not tell."
    if exchange.request_id is None:
        return "It has no id, so that nobody can tell what was logged for it."
    return (
        f"{target} told nothing of it: its flight recorder keeps the newest 2,000 records, or it was handled by a"
        " program that does not tell. Services are asked when this tab is opened."
    )
