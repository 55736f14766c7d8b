"""diff: what differs between two exchanges."""

from __future__ import annotations

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.differing import change_lines, latency_line
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.diff.exchange import diff_exchanges, not_seen
from daebus_console.engine.diff.rules import RuleError, Rules, parse_rules
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.message.touched import touched_calls
from daebus_console.engine.replay.redact import masked, of_exchanges
from daebus_console.engine.replay.report import change_data
from daebus_console.render import Span, line


def rules_of(command: Command) -> Rules:
    """The rules that the options --ignore, --tolerance and --any-order say. Raises CommandError."""
    try:
        return parse_rules(command["ignore"], command["tolerance"], command["any_order"])
    except RuleError as error:
        position = max(command.line.find("--tolerance"), 0)
        raise CommandError(str(error), position, len("--tolerance")) from None


def calls_of(exchange: Exchange, context: Context) -> list[Exchange]:
    """The calls of it that a debugger had a hand in, of what is remembered; what it called was sent after it."""
    with context.session.lock:
        exchanges = context.session.journal.exchanges
        since = exchanges.between(exchange.number + 1, exchanges.last)
    return touched_calls(exchange, since)


def run_diff(command: Command, context: Context) -> int:
    """Compare two exchanges; the status is 1 where they differ."""
    numbers = command["exchange"]
    if len(numbers) == 1:
        origin = context.exchange(numbers[0]).aside.origin
        if not origin:
            raise CommandError(f"#{numbers[0]} is no replay: name a second exchange", len(command.line))
        numbers = (origin, *numbers)
    if len(numbers) != 2:
        raise CommandError("expected two exchanges, such as: diff #12 #15", len(command.line))
    rules = rules_of(command)
    first, second = (context.exchange(number) for number in numbers)
    told = not_seen((first, second))
    if told is not None:
        raise CommandError(told, len(command.line))
    with context.session.lock:
        found = diff_exchanges(first, second, rules)
        redact = of_exchanges(context.redact, first, second)
    output = context.output
    if command["json"]:
        for change in found.changes:
            output.record(change_data(masked(change, redact) if redact else change))
        return Exit.ERROR if found else Exit.DONE
    output.result([line(Span(f"#{first.number}", "bold"), " → ", Span(f"#{second.number}", "bold"))])
    output.result(change_lines(found.changes, redact))
    latency = latency_line(*found.latencies)
    if latency is not None:
        output.result([latency])
    if not found:
        output.result([line(Span("  no difference", "ok"))])
    return Exit.ERROR if found else Exit.DONE
