"""compare: what differs between two conversations."""

from __future__ import annotations

from collections import Counter
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.conversation.comparing import How, Pair, compare
from daebus_console.engine.conversation.drawing import DEEPEST, error_of, name_of
from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, duration, table

_STYLES = {
    How.MISSING: "error",
    How.NEW: "accent",
    How.REPEATED: "warn",
    How.OTHER: "error",
    How.ENDED: "error",
    How.SLOWER: "warn",
}
_MOST_SHOWN = 500


def run_compare(command: Command, context: Context) -> int:
    """Compare two conversations; the status is 1 where they differ."""
    numbers = command["exchange"]
    if len(numbers) != 2:
        raise CommandError("expected two exchanges, such as: compare #12 #99", len(command.line))
    first, second = (context.exchange(number) for number in numbers)
    with context.session.lock:
        exchanges = list(context.session.journal.exchanges)
    before = Conversation(first, exchanges)
    if before.has(second):
        raise CommandError(f"#{first.number} and #{second.number} belong to one conversation", len(command.line))
    found = compare(before, Conversation(second, exchanges))
    if command["json"]:
        for pair in found:
            context.output.record(_record(pair))
    else:
        context.output.result(told for told, _pair in lines_of(found[:_MOST_SHOWN], context.redact))
        more = f"; only the first {_MOST_SHOWN} lines are shown" if len(found) > _MOST_SHOWN else ""
        context.output.note(f"{told_of(found)}{more}")
    return Exit.ERROR if {pair.how for pair in found} - {How.SAME, How.SLOWER, How.FASTER} else Exit.DONE


def lines_of(found: list[Pair], redact: Redactor) -> list[tuple[Line, Pair | None]]:
    """Two conversations side by side in lines, each with the pair that it tells of; the first is the heading."""
    rows: list[list[str | Span]] = []
    for pair in found:
        style = _STYLES.get(pair.how, "dim")
        name = shown(name_of(pair.after or pair.before), text=True)
        rows.append(
            [
                Span("  " * min(pair.depth, DEEPEST) + name, "key"),
                _number(pair.before),
                _took(pair.before),
                _number(pair.after),
                _took(pair.after),
                Span("" if pair.how is How.SAME else pair.how.value, style),
                Span(_about(pair, redact), style),
            ]
        )
    lines = table(("WHAT", "FIRST", "", "SECOND", "", "", ""), rows, right=frozenset({2, 4}))
    return list(zip(lines, [None, *found], strict=True))


def told_of(found: list[Pair]) -> str:
    """How many differ in which way, in words."""
    differing = Counter(pair.how for pair in found if pair.how is not How.SAME)
    return ", ".join(f"{count:,} {how.value}" for how, count in differing.most_common()) or "no difference but in time"


def _number(exchange: Exchange | None) -> str:
    return "-" if exchange is None else f"#{exchange.number}"


def _took(exchange: Exchange | None) -> str:
    return "" if exchange is None or exchange.latency is None else duration(exchange.latency)


def _about(pair: Pair, redact: Redactor) -> str:
    """What else is to be said of a difference."""
    if pair.how is How.REPEATED:
        numbers = ", ".join(f"#{one.number}" for one in pair.more[:3])
        return f"{len(pair.more):,} more: {numbers}{' …' if len(pair.more) > 3 else ''}"
    if pair.before is None or pair.after is None:
        return ""
    if pair.how is How.OTHER:
        kinds = f" ({pair.before.kind.value} → {pair.after.kind.value})" if pair.before.kind != pair.after.kind else ""
        return f"in place of {shown(name_of(pair.before), text=True)}{kinds}"
    if pair.how is not How.ENDED:
        return ""
    error = redact.text(error_of(pair.after))
    states = f"{pair.before.state.value} → {pair.after.state.value}"
    return f"{error} ({states})" if error else states


def _record(pair: Pair) -> dict[str, Any]:
    of = pair.after or pair.before
    assert of is not None, "one of them is there"
    return {
        "how": pair.how.value,
        "depth": pair.depth,
        **fields("to", of.target),
        "action": of.action,
        "before": _side(pair.before),
        "after": _side(pair.after),
        "more": [one.number for one in pair.more],
    }


def _side(exchange: Exchange | None) -> dict[str, Any] | None:
    if exchange is None:
        return None
    latency = exchange.latency
    return {
        "exchange": exchange.number,
        "status": exchange.state.value,
        "latency_ms": None if latency is None else round(latency * 1000, 3),
    }
