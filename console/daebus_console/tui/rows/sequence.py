"""Exchanges as a sequence diagram: a column a participant, a row a message. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daebus_console.engine.message.exchange import Exchange, Kind, Message, State
from daebus_console.engine.message.steady import Steady
from daebus_console.naming import shown
from daebus_console.text import cells
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.exchanges import parties
from daebus_console.tui.rows.lines import Line, fit

TIME = 15
NARROWEST, WIDEST = 14, 34


class Step(NamedTuple):
    """One arrow: when, from whom to whom, what is written on it, in which role, and of which exchange it is.

    `at` is by one clock, also where that of whoever looked stepped meanwhile.
    """

    at: float
    source: str
    target: str
    label: str
    role: str
    number: int
    dashed: bool = False


def steps(exchanges: Iterable[Exchange], times: Steady | None = None) -> list[Step]:
    """Every message of the exchanges, in order; `times` is what knows by what clock they were."""
    found: list[tuple[int, Step]] = []
    times = Steady() if times is None else times
    for exchange in exchanges:
        if exchange.kind is Kind.GAP:
            continue
        source, target = parties(exchange)
        source = source or "·"
        for message in exchange.messages:
            step = _step(exchange, message, source, target)
            found.append((message.seq, step._replace(at=times.of(message))))
        if exchange.state is State.TIMEOUT and exchange.answer is None:
            until = times.of(exchange.opened, exchange.until)
            late = Step(until, target, source, "◷ no answer in time", "error", exchange.number, True)
            found.append((exchange.opened.seq, late))
    found.sort(key=lambda one: (one[1].at, one[0]))
    return [step for _seq, step in found]


def _step(exchange: Exchange, message: Message, source: str, target: str) -> Step:
    if message.kind is Kind.RESPONSE:
        if exchange.kind is not Kind.REQUEST:
            return Step(message.at, "?", shown(message.channel), "⇠ orphan answer", "warn", exchange.number)
        after = exchange.after(message)
        took = "" if after is None else fmt.duration(after)
        if not message.final:
            part = f"part, {took}" if took else "part"
            return Step(message.at, target, source, part, "accent", exchange.number, True)
        sign, role = ("✗ error", "error") if message.error else ("✓", "ok")
        return Step(message.at, target, source, f"{sign} {took}".rstrip(), role, exchange.number, True)
    unnamed = "unreadable" if message.kind is Kind.UNREADABLE else "broadcast"
    label = shown(exchange.action, text=True) if exchange.action else unnamed
    role = "wait" if exchange.state is State.PENDING else "plain"
    return Step(message.at, source, target, label, role, exchange.number)


def participants(found: Sequence[Step]) -> list[str]:
    """Who takes part, in the order of their first appearance."""
    names: dict[str, None] = {}
    for step in found:
        names.setdefault(step.source)
        names.setdefault(step.target)
    return list(names)


def column_width(count: int, width: int) -> int:
    """Cells for each participant."""
    return max(NARROWEST, min(WIDEST, (width - TIME) // max(1, count)))


def head_line(names: Sequence[str], width: int) -> Line:
    """The names over their lines of life."""
    line: Line = [(" " * TIME, "plain")]
    for name in names:
        short = name if cells(name) <= width - 2 else fit(name, width - 2)
        before = (width - cells(short)) // 2
        line += [(" " * before, "plain"), (short, "name"), (" " * (width - before - cells(short)), "plain")]
    return line


def step_line(step: Step, names: Sequence[str], width: int, start: float) -> Line:
    """One arrow between the lines of life."""
    line: Line = [
        (
            fit(f" +{fmt.duration(step.at - start) if step.at > start else 0}", 8) + fit(f"#{step.number}", TIME - 8),
            "dim",
        )
    ]
    places = {name: index for index, name in enumerate(names)}
    source, target = places[step.source], places[step.target]
    middle = width // 2
    cells = len(names) * width
    if source == target:
        text = f"│↺ {step.label}"
        before = source * width + middle
        return [*line, *_lives(names, width, 0, before), (fit(text, max(4, cells - before)), step.role)]
    left, right = sorted((source, target))
    begin, end = left * width + middle, right * width + middle
    arrow = _arrow(step.label, end - begin - 1, forward=target > source, dashed=step.dashed)
    line += _lives(names, width, 0, begin)
    line += [("│", "dim"), (arrow, step.role), ("│", "dim")]
    return line + _lives(names, width, end + 1, cells)


def _arrow(label: str, room: int, *, forward: bool, dashed: bool) -> str:
    sign = "╌" if dashed else "─"
    label = f" {label} " if cells(label) + 4 <= room else f" {fit(label, room - 5)} " if room > 8 else ""
    rest = room - 1 - cells(label)
    before = rest // 2
    body = sign * before + label + sign * (rest - before)
    return body + "▶" if forward else "◀" + body


def _lives(names: Sequence[str], width: int, begin: int, end: int) -> Line:
    """The lines of life from one cell to another, where nothing crosses them."""
    middle = width // 2
    text = "".join("│" if cell % width == middle and cell // width < len(names) else " " for cell in range(begin, end))
    return [(text, "dim")]
