"""show: one exchange with all its messages."""

from __future__ import annotations

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.entries import Entry, Liner, day_line, look, record
from daebus_console.engine import payloads
from daebus_console.render import Line, Span, json_lines, line, repeated_line
from daebus_console.text import clean


def run_show(command: Command, context: Context) -> int:
    """Bring the exchange into view where there is a view, and print its messages."""
    exchange = context.exchange(command["exchange"])
    with context.session.lock:
        entries = [Entry.of(message, exchange) for message in exchange.messages]
    if command["json"]:
        for entry in entries:
            context.output.record(record(entry, context.redact))
        return Exit.DONE
    if context.view is not None and context.view.select(exchange.number):
        return Exit.DONE
    liner = Liner(context.output.width, context.redact)
    context.output.result([day_line(entries[0].message.at)])
    for entry in entries:
        context.output.result([*_day(liner, entry), liner.line(entry), *_payload(entry, context)])
    return Exit.DONE


def _day(liner: Liner, entry: Entry) -> list[Line]:
    day = liner.day(entry)
    return [] if day is None else [day]


def _payload(entry: Entry, context: Context) -> list[Line]:
    if entry.gap is not None:
        return []
    payload, problem, packed = look(entry.message, context.redact)
    if problem is not None:
        return [line(Span(f"  {problem}", "warn"))]
    twice = repeated_line(payload)
    lines = json_lines(payload) + ([twice] if twice is not None else [])
    told = [line(Span(f"  {text}", "dim")) for text in _packed(packed, context)]
    return told + [(Span("  "), *one) for one in lines]


def _packed(packed: payloads.Decoded | None, context: Context) -> list[str]:
    fields = payloads.told(packed, context.redact.mask)
    headers = fields.get("headers") or {}
    told = [f"decoded by {fields['decoded_by']}"] if fields else []
    told += [f"{clean(name)}: {clean(str(value))}" for name, value in headers.items()]
    return told + ([f"not all of it: {fields['incomplete']}"] if "incomplete" in fields else [])
