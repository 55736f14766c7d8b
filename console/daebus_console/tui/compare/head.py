"""The head lines of a comparison, and the comparison as plain text for the clipboard. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daebus_console.commands.doing.shared.differing import change_line, change_lines, latency_line
from daebus_console.engine.diff.preview import one_line
from daebus_console.engine.diff.values import Change, How
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.replay.redact import masked
from daebus_console.naming import shown
from daebus_console.render import to_text
from daebus_console.text import clean
from daebus_console.tui.compare.rows import Compared, counts
from daebus_console.tui.compare.values import percent
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line, text_of
from daebus_console.tui.rows.signs import state_of

_LONGEST_COPY = 1_000_000
_SLOWER = 1.2
"""From that many times as long on, a latency is lit."""
_KINDS = {Kind.ONE_WAY: "one-way message on ", Kind.BROADCAST: "broadcast on ", Kind.RESPONSE: "answer of ",
          Kind.UNREADABLE: "unreadable message on ", Kind.GAP: "gap", Kind.TOLD: "told by "}  # fmt: skip


def title(before: Exchange, after: Exchange) -> Line:
    """Which two are compared: `#12 → #15  users.get_user`."""
    line: Line = [(" Compare ", "strong"), (f" #{before.number} → #{after.number}  ", "plain"), *_name(before)]
    if text_of(_name(before)) != text_of(_name(after)):
        line += [(" → ", "dim"), *_name(after)]
    if after.aside.origin == before.number:
        line.append(("  a replay of it", "dim"))
    return line


def tally(compared: Compared | None) -> Line:
    """How many differences there are: for the right end of the title."""
    if compared is None:
        return [(" comparing … ", "wait")]
    role = "warn" if compared.differing else "ok"
    return [(f" {counts(compared.differing, compared.ignored)} ", role)]


def standing(before: Exchange, after: Exchange, now: float) -> Line:
    """How both stand, and how long they took: `#12 ✓ ok → #15 ✗ error (refused)   12ms → 31ms (+158 %)`."""
    return [(" ", "plain"), *_state(before, now), (" → ", "dim"), *_state(after, now), *_latencies(before, after)]


def _name(exchange: Exchange) -> Line:
    if exchange.action:
        return [(shown(exchange.target or "?"), "name"), (".", "dim"), (shown(exchange.action, text=True), "action")]
    kind = _KINDS.get(exchange.kind, "")
    return [(kind, "dim"), (shown(exchange.target or ("" if exchange.kind is Kind.GAP else "?")), "name")]


def _state(exchange: Exchange, now: float) -> Line:
    sign = state_of(exchange, now)
    line: Line = [(f"#{exchange.number} ", "dim"), (f"{sign.sign} {sign.word}", sign.role)]
    if exchange.aside.code:
        line.append((f" ({clean(exchange.aside.code)})", "error"))
    return line


def _latencies(before: Exchange, after: Exchange) -> Line:
    one, other = before.latency, after.latency
    if one is None and other is None:
        return []
    line: Line = [("    ", "plain"), (_span(before), "plain"), (" → ", "dim"), (_span(after), "plain")]
    if one and other:
        role = "wait" if other > one * _SLOWER else "ok" if one > other * _SLOWER else "dim"
        line.append((percent(one, other), role))
    return line


def _span(exchange: Exchange) -> str:
    if exchange.latency is None:
        return "…" if exchange.state is State.PENDING else "no answer"
    return fmt.duration(exchange.latency)


def change_text(change: Change, redact: Redactor) -> str:
    """One difference as text; where its values are cut in it, they follow as JSON on a line each."""
    text = to_text(change_line(change, redact, indent=""))
    shown = masked(change, redact) if redact else change
    values = {"before": shown.before, "after": shown.after}
    if change.how is not How.CHANGED:
        del values["after" if change.how is How.REMOVED else "before"]
    lines = [f"{name}: {_whole(value)}" for name, value in values.items()]
    return "\n".join([text, *lines]) if "…" in text else text


def _whole(value: Any) -> str:
    text = one_line(value, _LONGEST_COPY)
    return f"{text} … (only the first {_LONGEST_COPY:,} characters)" if len(text) > _LONGEST_COPY else text


def whole_text(before: Exchange, after: Exchange, changes: Sequence[Change], redact: Redactor) -> str:
    """All differences as text, as the command `diff` writes them."""
    lines = [text_of(title(before, after)).removeprefix(" Compare ").strip()]
    lines += [to_text(line) for line in change_lines(changes, redact)]
    latency = latency_line(before.latency, after.latency)
    lines += [to_text(latency)] if latency is not None else []
    return "\n".join(lines if changes else [*lines, "  no difference"])
