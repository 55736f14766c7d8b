"""The rows of the flow: which columns fit a width, and one exchange or message as a line. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from daebus_console.engine.message.exchange import DAEBUS, PLAIN, Exchange, Flag, Kind, Message, State
from daebus_console.naming import shown
from daebus_console.text import cells, clean
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line, Piece, fit, fit_right
from daebus_console.tui.rows.signs import ARROWS, UNLIKE, Sign, state_of

_UNNAMED = (DAEBUS, PLAIN)
_PART, _FAILED, _WELL = Sign("⋯", "part", "accent"), Sign("✗", "error", "error"), Sign("✓", "ok", "ok")
"""How an answer stands."""
FAST, SLOW = 0.001, 10.0
"""Seconds at the two ends of the latency bar, whose scale is logarithmic."""


@dataclass(frozen=True)
class Columns:
    """Cells of each column; 0 where it has no room."""

    time: int
    number: int
    source: int
    target: int
    action: int
    state: int
    latency: int
    bar: int
    size: int
    replies: int


@lru_cache(maxsize=64)
def columns(width: int, digits: int = 0) -> Columns:
    """The columns for a flow that is `width` cells wide: the wider, the more of them. Numbers have so many digits."""
    time = 12 if width >= 84 else 8 if width >= 64 else 0
    number = max(digits, 6 if width >= 50 else 5)
    state = 11 if width >= 72 else 1
    bar = 10 if width >= 130 else 6 if width >= 104 else 0
    size = 5 if width >= 76 else 0
    replies = 4 if width >= 96 else 0
    latency = 6
    fixed = 2 + sum(cells + 1 for cells in (time, number, state, bar, size, replies, latency) if cells)
    rest = max(6, width - fixed - 4)
    source = min(22, max(2, rest * 28 // 100))
    target = min(26, max(2, rest * 36 // 100))
    return Columns(time, number, source, target, max(2, rest - source - target), state, latency, bar, size, replies)


def heading(width: int, *, date: str = "", digits: int = 0) -> Line:
    """The names of the columns; over the times the date of the first of them, where one is to be shown."""
    c = columns(width, digits)
    line = "  "
    if c.time:
        line += fit((date if c.time > len(date) else date[5:]) or "time", c.time) + " "
    line += fit_right("#", c.number) + " "
    line += fit("from", c.source) + "   " + fit("to", c.target) + " " + fit("action", c.action) + " "
    line += fit("state" if c.state > 1 else "", c.state) + " " + fit_right("took", c.latency)
    if c.bar:
        line += " " + fit("", c.bar)
    if c.size:
        line += " " + fit_right("size", c.size)
    if c.replies:
        line += " " + fit_right("ans", c.replies)
    return [(fit(line, width), "dim")]


class Marks(NamedTuple):
    """What is to be said of an exchange besides.

    `found` is the role of the mark that tells of a finding, empty for none; `rule` the sign of a debugger's rule for
    its like, or of being held; `unlike` whether its messages are not like others of their kind.
    """

    found: str = ""
    rule: str = ""
    unlike: bool = False


_UNMARKED = Marks()


def exchange_row(
    exchange: Exchange, width: int, now: float, turn: str = "", marks: Marks = _UNMARKED, digits: int = 0
) -> Line:
    """One exchange as one line. `now` (epoch seconds) is what pending ones are measured against.

    `turn` is what of the date is no longer as in the row before; see `dates.change`.
    """
    if exchange.kind is Kind.GAP:
        return gap_row(exchange, width, turn)
    c = columns(width, digits)
    sign = state_of(exchange, now)
    line = _begin(exchange, exchange.opened.at, c, turn, _mark(exchange, marks))
    source, target = parties(exchange)
    line += [*_whence(exchange, source, c), (f" {ARROWS[exchange.kind]} ", sign.role)]
    line += _whither(exchange, target, c)
    line += _state(sign, c)
    took, role = _took(exchange, now)
    line.append((fit_right(_duration(took), c.latency), role))
    if c.bar:
        line += [(" ", "plain"), (fmt.bar(latency_share(took), c.bar), role)]
    if c.size:
        line.append((" " + fit_right(fmt.size(exchange.size), c.size), "dim"))
    if c.replies:
        count = exchange.replies
        line.append((" " + fit_right(str(count) if count else "", c.replies), "dim" if count < 2 else "accent"))
    return line


def _state(sign: Sign, c: Columns) -> Line:
    """How it stands: in one cell by its sign alone."""
    return [(fit(f"{sign.sign} {sign.word}" if c.state > 1 else sign.sign, c.state), sign.role), (" ", "plain")]


def _whither(exchange: Exchange, target: str, c: Columns) -> Line:
    what = _what(exchange)
    if not what:
        # A channel may have the room of the action that its message does not have.
        return [(fit(target, c.target + 1 + c.action), "name"), (" ", "plain")]
    return [(fit(target, c.target), "name"), (" ", "plain"), (fit(what, c.action), "action"), (" ", "plain")]


def _whence(exchange: Exchange, source: str, c: Columns) -> Line:
    """Who sent it, and in which dialect where that is not ours: others have short names, or none that is known."""
    dialect = exchange.dialect
    if dialect in _UNNAMED:
        return [(fit(source, c.source), "name" if source != "?" else "dim")]
    if source in ("", "?"):
        return [(fit_right(dialect, c.source) if len(dialect) <= c.source else fit(dialect, c.source), "dim")]
    tag = fit(dialect, min(len(dialect), max(c.source - 1 - cells(source), c.source * 6 // 10)))
    return [(fit(source, c.source - len(tag) - 1), "name"), (f" {tag}", "dim")]


def _mark(exchange: Exchange, marks: Marks) -> Piece:
    """The one of all that may be said of it that matters most."""
    if exchange.flags & Flag.MARKED:
        return ("◆", "warn")
    if marks.rule:
        return (marks.rule, "warn")
    return ("!", marks.found) if marks.found else (UNLIKE, "accent") if marks.unlike else (" ", "plain")


def _begin(exchange: Exchange, at: float, c: Columns, turn: str, mark: Piece) -> Line:
    ours, touched = exchange.flags & Flag.OURS, exchange.flags & Flag.DEBUGGED
    line: Line = [
        mark,
        ("✎", "warn") if touched else ("↻" if exchange.flags & Flag.PINNED else "▸" if ours else " ", "accent"),
    ]
    if c.time:
        shown = fmt.turned(at, turn, c.time) if turn else fmt.clock(at)[: c.time]
        line.append((fit(shown, c.time) + " ", "accent" if turn else "dim"))
    line.append((fit_right(str(exchange.number), c.number) + " ", "dim"))
    return line


def parties(exchange: Exchange) -> tuple[str, str]:
    """Who sent it and where it went, as far as known, fit for the screen."""
    unnamed = "" if exchange.kind in (Kind.BROADCAST, Kind.UNREADABLE) else "?"
    source = "you" if exchange.flags & Flag.OURS else shown(exchange.source) if exchange.source else unnamed
    return source, shown(exchange.target or "?")


def _what(exchange: Exchange) -> str:
    if exchange.action and exchange.action != exchange.target:
        return shown(exchange.action, text=True)
    if exchange.kind is Kind.RESPONSE:
        return "(answer to an unseen request)"
    if exchange.kind is Kind.UNREADABLE:
        return "(unreadable)"
    return ""


def _took(exchange: Exchange, now: float) -> tuple[float | None, str]:
    if exchange.state is State.PENDING:
        return max(0.0, now - exchange.opened.at), "wait"
    took = exchange.latency if exchange.kind is not Kind.TOLD else exchange.elapsed
    if took is None:
        return (exchange.until - exchange.opened.at, "error") if exchange.state is State.TIMEOUT else (None, "dim")
    return took, "ok" if took < 0.1 else "wait" if took < 1 else "error"


def _duration(took: float | None) -> str:
    return "" if took is None else fmt.duration(took)


def latency_share(seconds: float | None) -> float:
    """Where that many seconds stand between FAST and SLOW, from 0 to 1."""
    if seconds is None or seconds <= FAST:
        return 0.0 if seconds is None else 0.02
    return max(0.02, min(1.0, math.log(seconds / FAST) / math.log(SLOW / FAST)))


def gap_row(exchange: Exchange, width: int, turn: str = "") -> Line:
    """A gap across the whole width: when, how long, why."""
    gap = exchange.aside.gap
    if gap is None:
        return [("┄" * width, "gap")]
    if gap.seconds is None:
        lasted = "seen in part since then: " if gap.partly else "not connected since then: "
    else:
        lasted = f"{'seen in part' if gap.partly else 'unseen'} for {fmt.duration(gap.seconds)}: "
    # A clock that was set leaves nothing unseen.
    lasted = lasted if gap.seconds != 0 else ""
    begun = fmt.stamp(gap.start) if turn else fmt.clock(gap.start)
    text = f"┄┄ {begun} {lasted}{clean(gap.reason)} "
    return [(fit(text + "┄" * width, width) if len(text) < width else fit(text, width), "gap")]


def message_row(
    message: Message,
    exchange: Exchange,
    width: int,
    now: float,
    turn: str = "",
    marks: Marks = _UNMARKED,
    digits: int = 0,
) -> Line:
    """One message as one line; its pair is told by the number of the exchange. The rest is as for `exchange_row`."""
    if message.kind is Kind.GAP:
        return gap_row(exchange, width, turn)
    c = columns(width, digits)
    line = _begin(exchange, message.at, c, turn, _mark(exchange, marks))
    source, target = parties(exchange)
    took = None
    if message.kind is Kind.RESPONSE:
        source, target = shown(exchange.target or "?") if exchange.kind is Kind.REQUEST else source, source
        target = shown(message.channel) if exchange.kind is not Kind.REQUEST else target
        took = exchange.after(message)
        sign = _PART if not message.final else _FAILED if message.error else _WELL
    elif message.kind is Kind.REQUEST:
        sign = state_of(exchange, now)
        sign = Sign(sign.sign, "asks", "wait") if exchange.state is State.PENDING else Sign(" ", "asks", sign.role)
    elif message.kind in (Kind.UNREADABLE, Kind.TOLD):
        sign = state_of(exchange, now)
    else:
        sign = Sign("·", "one-way" if message.kind is Kind.ONE_WAY else "broadcast", "dim")
    arrow = "→" if message.kind is Kind.RESPONSE else ARROWS[message.kind]
    line += [(fit(source, c.source), "name"), (f" {arrow} ", sign.role), *_whither(exchange, target, c)]
    line += [*_state(sign, c), (fit_right(_duration(took), c.latency), sign.role)]
    if c.bar:
        line += [(" ", "plain"), (fmt.bar(latency_share(took) if took is not None else 0.0, c.bar), sign.role)]
    if c.size:
        line.append((" " + fit_right(fmt.size(len(message.data)), c.size), "dim"))
    if c.replies:
        line.append((" " * (c.replies + 1), "dim"))
    return line
