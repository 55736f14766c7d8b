"""Going from row to row: to the next error or mark, to the other end of a pair. Pure; hold the session's lock."""

from __future__ import annotations

from collections.abc import Callable

from daebus_console.engine.exchange import Exchange, Flag, Kind, State
from daebus_console.tui.flow_model import FlowModel
from daebus_console.tui.row_order import Rows

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


def _cause(model: FlowModel, exchange: Exchange) -> int | None:
    if exchange.parent_id is None:
        return None
    for candidate in reversed(model.journal.exchanges):
        if candidate.number < exchange.number and candidate.request_id == exchange.parent_id:
            return candidate.number
    return None
