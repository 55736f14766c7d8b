"""trace: a conversation as a waterfall in text, and as records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.material import Material, gather
from daebus_console.commands.grammar.command import Command, filter_of
from daebus_console.engine.conversation.drawing import Drawn, bar, drawn, error_in, name_of_node, remark, verdict
from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.conversation.waterfall import Row, Waterfall, waterfall
from daebus_console.engine.filter import language as filters
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.records.joining import Links
from daebus_console.engine.records.lines import name_of_run
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, duration, fit, line, plural
from daebus_console.text import cells, cut, pad

MOST_CONVERSATIONS = 5
MOST_EXCHANGES = 200_000
"""Exchanges of a capture among which the conversation is looked for."""
_STYLES = {State.OK: "ok", State.ERROR: "error", State.TIMEOUT: "warn", State.PENDING: "accent"}
_NARROWEST = 10
_LONGEST_BAR = 100
"""Cells of a bar that is printed: a longer one, in a pipe, tells no more."""


def run_trace(command: Command, context: Context) -> int:
    """Print the conversations of what is named."""
    context.session.pulls = True
    material = gather(command, context, with_filter=False)
    exchanges = list(islice(material.each(), MOST_EXCHANGES + 1))
    if len(exchanges) > MOST_EXCHANGES:
        del exchanges[MOST_EXCHANGES:]
        context.output.note(f"only the first {MOST_EXCHANGES:,} exchanges are looked at")
    material.tell_warnings(context)
    starts = _starts(material, command, exchanges)
    now = context.session.clock() if material.path is None else max((one.opened.at for one in exchanges), default=0.0)
    if material.path is None:
        with context.session.lock:
            links = context.session.telling.links(exchanges)
    else:
        links = Links.among(exchanges)
    found: list[Conversation] = []
    more = 0
    for start in starts:
        if any(conversation.has(start) for conversation in found):
            continue
        if len(found) == MOST_CONVERSATIONS:
            more += 1
            continue
        found.append(Conversation(start, exchanges, links))
    for conversation in found:
        _print(conversation, waterfall(conversation, now), command, context)
    if more:
        context.output.note(
            f"{plural(more, 'more exchange matches', 'more exchanges match')}; a narrower filter shows theirs"
        )
    if not found:
        context.output.error("nothing matches")
    return material.ended(Exit.DONE if found else Exit.NOBODY)


def _starts(material: Material, command: Command, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges that are named: by numbers, or by a filter."""
    numbers = [word for word in material.words if word.text.startswith("#")]
    if not numbers:
        wanted = filters.parse(filter_of(material.words, command.line) or "")
        # What only asks services for themselves is no conversation of theirs.
        hidden = 0 if wanted.names_control else Flag.CONTROL
        return [one for one in exchanges if one.kind is not Kind.GAP and not one.flags & hidden and wanted(one)]
    if len(numbers) != len(material.words):
        other = next(word for word in material.words if word not in numbers)
        raise other.error("expected numbers such as #12, or a filter, not both")
    by_number = {f"#{one.number}": one for one in exchanges}
    for word in numbers:
        if word.text not in by_number:
            raise word.error(f"there is no exchange {word.text}")
    return [by_number[word.text] for word in numbers]


# For people ---------------------------------------------------------------------------------------------------------


def _print(conversation: Conversation, found: Waterfall, command: Command, context: Context) -> None:
    if command["json"]:
        for row in found.rows:
            context.output.record(_record(row, found, context))
        return
    lines = [one for _number, one in lines_of(found, context.output.width, context.redact, most=_LONGEST_BAR)]
    context.output.result([head_of(conversation, found), *lines, line("")])
    if conversation.left_out:
        context.output.note(f"{conversation.left_out:,} more belong to it and are left out")


def head_of(conversation: Conversation, found: Waterfall) -> Line:
    """What it is, how much of it there is and how long it took."""
    root = found.rows[0].exchange
    failed = sum(row.failed for row in found.rows)
    pieces: list[str | Span] = [Span(f"#{root.number} " if root is not None else "", "bold")]
    pieces.append(Span(shown(name_of_node(found.rows[0].node), text=True), "key"))
    if root is not None and root.source is not None:
        pieces.append(f" from {shown(root.source)}")
    pieces.append(f": {len(conversation):,} exchange{'s' * (len(conversation) != 1)}")
    if found.stepped or root is None or not root.timeless:
        pieces.append(f", {'the clock stepped meanwhile' if found.stepped else duration(found.length)}")
    if failed:
        pieces.append(Span(f", {failed:,} failed", "error"))
    return line(*pieces)


def lines_of(
    found: Waterfall,
    width: int,
    redact: Redactor,
    held: Callable[[Exchange], str] = lambda _exchange: "",
    most: int | None = None,
) -> list[tuple[int, Line]]:
    """The lines of the drawing in that many cells, each with the number of the exchange that it is of (0: none).

    `held` says how an exchange is held by a debugger, where it is; a bar has at most so many cells (default: all).
    """
    rows = drawn(found)
    numbers = max((len(f"#{one.row.exchange.number}") for one in rows if one.row and one.row.exchange), default=1)
    names = min(max(cells(_label(one)) for one in rows), max(16, width // 2))
    # Without room for both, the bar yields to how long it took.
    free = width - numbers - names - 11
    room = max(0, min(free, _NARROWEST), free - 2)
    room = room if most is None else min(room, most)
    lines: list[tuple[int, Line]] = []
    for one in rows:
        row = one.row
        if row is None:
            lines.append((0, line(Span(" " * (numbers + 1)), Span(_label(one), "dim"))))
            continue
        exchange = row.exchange
        number = exchange.number if exchange is not None else 0
        style = _STYLES.get(exchange.state, "dim") if exchange is not None else "dim"
        if row.runs and (exchange is None or exchange.kind is not Kind.REQUEST):
            style = "error" if row.failed else "ok"
        timed = row.handler is not None or (exchange is not None and exchange.kind is Kind.REQUEST)
        timed = timed and not (exchange is not None and exchange.timeless)
        took = ("≈" if row.own_clock else "") + duration(row.end - row.start) if timed else ""
        drawing = line(
            Span((f"#{number}" if number else "").ljust(numbers + 1), "bold"),
            pad(_fitted(one, names), names),
            " ",
            Span(bar(row, found.length, room), style),
            Span(f" {took:>8}", "" if style == "ok" else style),
        )
        indent = " " * (numbers + 1 + len(one.prefix))
        said = _said(row, indent, redact, held)
        lines += [(number, drawing), *((number, fit(one_said, width)) for one_said in said)]
    return lines


def _label(one: Drawn) -> str:
    if one.row is not None:
        return one.prefix + shown(name_of_node(one.row.node), text=True)
    names = ", ".join(f"{shown(name, text=True)} {count:,}" for name, count in one.names)
    return f"{one.prefix}… {one.more:,} more" + (f": {names}" if names else "")


def _fitted(one: Drawn, width: int) -> str:
    """The label in so many cells: what was asked for stays whole for longer than who was asked."""
    label = _label(one)
    exchange = one.row.exchange if one.row is not None else None
    end = f".{shown(exchange.action, text=True)}" if exchange is not None and exchange.action is not None else ""
    if cells(label) <= width or not end or not label.endswith(end):
        return cut(label, width)
    room = width - cells(one.prefix + end)
    if room < 2:
        return cut(one.prefix + end[1:], width)
    return one.prefix + cut(label[len(one.prefix) : -len(end)], room) + end


def _said(row: Row, indent: str, redact: Redactor, held: Callable[[Exchange], str]) -> list[Line]:
    """The lines below a row: its error and what became of it."""
    exchange = row.exchange
    lines: list[Line] = []
    if row.failed:
        lines.append(line(indent, Span(redact.text(error_in(row)), "error"), Span(f"  {verdict(row)}", "dim")))
    elif exchange is not None and (stands := held(exchange)):
        lines.append(line(indent, Span(f"‖ {stands}", "warn")))
    elif exchange is not None and exchange.state is State.PENDING:
        lines.append(line(indent, Span("not answered yet", "accent")))
    told = remark(row)
    if told:
        lines.append(line(indent, Span(told, "warn")))
    return lines


# For programs -------------------------------------------------------------------------------------------------------


def _record(row: Row, found: Waterfall, context: Context) -> dict[str, Any]:
    exchange, parent = row.exchange, row.node.parent
    record: dict[str, Any] = {
        "exchange": exchange.number if exchange is not None else None,
        "within": parent.exchange.number if parent is not None and parent.exchange is not None else None,
        "depth": row.node.depth,
    }
    run = row.node.run
    if run is not None:
        told = {"kind": "run", "id": row.node.id, "name": name_of_run(run), **fields("service", run.source.service)}
        told |= {"instance": run.source.instance, "status": run.outcome, "at": round(run.at, 6)}
        return {**record, **told, **_times(row, found, context)}
    if exchange is None:
        return {**record, "kind": "not seen", "request_id": row.node.id, "name": name_of_node(row.node)}
    return {
        **record,
        "kind": exchange.kind.value,
        "status": exchange.state.value,
        **fields("from", exchange.source),
        **fields("to", exchange.target),
        "action": exchange.action,
        "instance": exchange.instance,
        "at": round(exchange.opened.at, 6),
        "answered": exchange.answer is not None,
        **_times(row, found, context),
        "remark": remark(row) or None,
    }


def _times(row: Row, found: Waterfall, context: Context) -> dict[str, Any]:
    timeless = row.exchange is not None and row.exchange.timeless
    return {
        "start_ms": _milliseconds(row.start),
        "end_ms": None if timeless else _milliseconds(row.end),
        "own_clock": row.own_clock,
        "way_ms": _milliseconds(row.way),
        "queued_ms_told": _milliseconds(row.queued),
        "handler_ms_told": _milliseconds(row.handler),
        "calls_ms": None if timeless else _milliseconds(row.calls),
        "own_ms": _milliseconds(row.own),
        "error": context.redact.text(error_in(row)) if row.failed else None,
        "arose_here": row.arose,
        "rose_to": row.rose_to or None,
        "swallowed_by": row.swallowed_by or None,
        "length_ms": None if found.stepped else _milliseconds(found.length),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
