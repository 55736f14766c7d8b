"""When what happened in an exchange, as a small chart. Pure."""

from __future__ import annotations

from typing import NamedTuple

from daebus_console.engine.message.exchange import Exchange, Flag, Message, Notice, State
from daebus_console.text import cells, clean, cut
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.exchanges import parties
from daebus_console.tui.rows.lines import Line, fit, fit_right

_NAME = 24
_TIME = 10
_WIDE = 70
_SHORTEST = 8
"""Cells of the track at least."""
_UNKNOWN = "the clock stepped meanwhile: nobody knows how long it took"


class Mark(NamedTuple):
    """One event: seconds since the start, what it was, how it is drawn, and more to say."""

    at: float
    name: str
    sign: str
    role: str
    more: str = ""


def marks(exchange: Exchange) -> list[Mark]:
    """What happened, in order. Where the clock stepped meanwhile, nobody knows how long after the start."""
    start = exchange.opened.at
    source, target = parties(exchange)
    question = exchange.aside.question
    if question is not None:
        # The answer came first, and nothing tells how long before it was asked.
        first = _answer(exchange, exchange.opened)
        found = [first, Mark(question.at - start, f"told: asked by {source}", "●", "accent", target)]
    elif exchange.request is None:
        found = [Mark(0.0, "answered", "■", "warn", "nobody was seen to ask")]
    else:
        found = [Mark(0.0, f"asked by {source}" if exchange.reply_to else f"sent by {source}", "●", "accent", target)]
    answer = exchange.answer
    held = exchange.has(Flag.DEBUGGED)
    if exchange.elapsed is not None and exchange.latency is not None and exchange.transit is not None and not held:
        # The responder tells how long its handler ran; it began that long before the answer left it. Of one that was
        # held nobody knows whether that was before its handler or behind it.
        began = max(0.0, exchange.latency - exchange.elapsed - exchange.transit / 2)
        found.append(Mark(began, "picked up", "▸", "name", f"{fmt.duration(exchange.elapsed)} in the handler"))
    for number, part in enumerate(exchange.parts, 1):
        found.append(Mark(part.at - start, f"part {number}", "◆", "accent", fmt.size(len(part.data))))
    notices = [one for one in exchange.progress or () if isinstance(one, Notice)]
    if notices:
        more = f"its asker was told {len(notices)} times to wait" if len(notices) > 1 else "its asker was told to wait"
        found.append(Mark(notices[0].at - start, "held", "‖", "warn", more))
    if exchange.state is State.TIMEOUT:
        who = "the asker named it" if exchange.flags & Flag.DECLARED else "the console's setting"
        found.append(Mark(exchange.until - start, "time ran out", "◷", "error", who))
    if answer is not None and answer is not exchange.opened:
        found.append(_answer(exchange, answer))
    for extra in exchange.aside.extra or ():
        found.append(Mark(extra.at - start, "answered again", "‡", "warn", fmt.size(len(extra.data))))
    if exchange.stepped:
        return found
    # A clock may go back a little, and nothing say so.
    return sorted((mark._replace(at=max(0.0, mark.at)) for mark in found), key=lambda mark: mark.at)


def _answer(exchange: Exchange, answer: Message) -> Mark:
    name = "failed" if answer.error else "answered"
    by = f"by {clean(exchange.instance)}" if exchange.instance else ""
    more = " ".join(part for part in (fmt.size(len(answer.data)), by) if part)
    if exchange.has(Flag.DEBUGGED) and exchange.elapsed is not None:
        more = f"{fmt.duration(exchange.elapsed)} in the handler, {more}"
    return Mark(answer.at - exchange.opened.at, name, "■", "error" if answer.error else "ok", more)


def timeline(exchange: Exchange, width: int, now: float) -> list[Line]:
    """The chart: a line an event, its place in time to the right of its name."""
    found, timeless = marks(exchange), exchange.stepped
    times = [float(number) if timeless else mark.at for number, mark in enumerate(found)]
    pending = exchange.state is State.PENDING
    span = max(times[-1], now - exchange.opened.at if pending else 0.0, 1e-6)
    names = min(_NAME, 1 + max(cells(mark.name) for mark in found)) if width < _WIDE else _NAME
    rest = width - names - _TIME - 2
    room = max(_SHORTEST, rest - max(cells(mark.more) for mark in found))
    left = max(0, rest - room)
    lines: list[Line] = [
        [
            (fit(fmt.clock(exchange.opened.at), names), "dim"),
            (fit_right("after", 7) + "   ", "dim"),
            ("0" + fit_right("?" if timeless else fmt.duration(span), room - 1), "dim"),
        ]
    ]
    before = 0.0
    for mark, at in zip(found, times, strict=True):
        place = round(at / span * (room - 1))
        start = round(before / span * (room - 1))
        track = " " * start + "╌" * (place - start)
        lines.append(
            [
                (fit(mark.name, names), "plain"),
                (fit_right("" if at == 0 else "?" if timeless else fmt.duration(at), 7) + "   ", mark.role),
                (track, "dim"),
                (mark.sign, mark.role),
                (" " * (room - 1 - place) + "  ", "plain"),
                (cut(mark.more, left), "dim"),
            ]
        )
        before = at
    if timeless:
        lines += [[], [(cut(_UNKNOWN, width), "dim")]]
    if pending:
        waited = fmt.duration(max(0.0, now - exchange.opened.at))
        lines.append([(fit("waiting …", names), "wait"), (fit_right(waited, 7), "wait")])
    return lines
