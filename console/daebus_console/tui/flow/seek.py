"""Going from row to row: to the next error or mark, to the other end of a pair. Pure; hold the session's lock."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.tui.flow.model import FlowModel
from daebus_console.tui.flow.order import Rows

WRONG = frozenset({State.ERROR, State.TIMEOUT, State.UNKNOWN, State.ORPHAN})


def went_wrong(exchange: Exchange) -> bool:
    """Whether somebody looking for trouble wants to see it."""
    return exchange.state in WRONG or bool(exchange.flags & (Flag.DUPLICATE | Flag.LATE | Flag.REUSED_ID))


def is_marked(exchange: Exchange) -> bool:
    """Whether the user marked it."""
    return bool(exchange.flags & Flag.MARKED)


def seek(
    model: FlowModel, rows: Rows, start: int, direction: int, wanted: Callable[[Exchange], bool], skip: int | None
) -> int | None:
    """The place of the next wanted row from `start` (not included) that way; `skip` is the row one is on."""
    index = start + direction
    while 0 <= index < len(rows):
        entry = model.entry(rows[index])
        if entry is not None and rows[index] != skip and wanted(entry[0]):
            return index
        index += direction
    return None


def other_end(model: FlowModel, number: int) -> int | None:
    """By message: from a request to its answer and back. By exchange: to the exchange that caused it."""
    entry = model.entry(number)
    if entry is None:
        return None
    exchange, message = entry
    if message is None:
        return _cause(model, exchange)
    if message is exchange.opened:
        answers = [one.seq for one in exchange.messages if one.kind is Kind.RESPONSE and one is not message]
        return answers[-1] if answers else None
    return exchange.opened.seq


_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?")
_AGO = re.compile(r"-?(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def when(text: str, now: float) -> float | None:
    """Epoch seconds of the last local `HH:MM`, `HH:MM:SS` or `HH:MM:SS.mmm`, or of `5m` ago; None for other texts."""
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - float(ago[1]) * _UNITS[ago[2]]
    match = _CLOCK.fullmatch(text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59 or float(match[3] or 0) >= 60:
        return None
    seconds = float(match[3] or 0)
    today = time.localtime(now)
    for days in (0, 1):
        day = (today.tm_year, today.tm_mon, today.tm_mday - days, int(match[1]), int(match[2]), int(seconds), 0, 0, -1)
        at = time.mktime(day) + seconds % 1
        if at <= now:
            return at
    return at


def at_time(model: FlowModel, at: float) -> int | None:
    """The number of the row that began next from that time on, of the last where all are older; None without rows.

    Where the clock went back, what came later began earlier, so that all rows are looked at.
    """
    found, soonest = None, math.inf
    for index in range(len(model.rows)):
        number = model.rows[index]
        entry = model.entry(number)
        began = math.inf if entry is None else (entry[1] or entry[0].opened).at
        if at <= began < soonest:
            found, soonest = number, began
    return model.rows[len(model.rows) - 1] if found is None and len(model.rows) else found


def _cause(model: FlowModel, exchange: Exchange) -> int | None:
    if exchange.parent_id is None:
        return None
    # What caused one that a service told of may have been told of later.
    beyond = math.inf if exchange.kind is Kind.TOLD else exchange.number
    for candidate in reversed(model.journal.exchanges):
        if candidate.number < beyond and candidate is not exchange and candidate.request_id == exchange.parent_id:
            return candidate.number
    return None
