"""set: values by name, which items reach as `$name`."""

from __future__ import annotations

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.sources import ContextSources
from daebus_console.commands.errors import nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.items import fetch
from daebus_console.render import Line, Span, json_lines, json_spans, line, preview

_NAME_WIDTH = 16


def run_set(command: Command, context: Context) -> int:
    """Give a value its name; with a name alone show its value, with nothing the values of all."""
    name, value = command["name"], command["value"]
    if value is not None:
        context.variables[name] = fetch(value, ContextSources(context))
        context.output.result([_row(name, context)])
    elif name is not None:
        return _show(name, context)
    elif context.variables:
        context.output.result([_row(one, context) for one in sorted(context.variables)])
    else:
        context.output.note("nothing is set yet: set NAME VALUE; $last will be the answer to the next request")
    return Exit.DONE


def _show(name: str, context: Context) -> int:
    if name not in context.variables:
        meant = nearest(name, context.variables)
        context.output.error(f"nothing is called ${name}{f'; there is ${meant}' if meant else ''}")
        return Exit.USAGE
    context.output.result(json_lines(_masked(name, context)))
    return Exit.DONE


def _row(name: str, context: Context) -> Line:
    width = max(20, context.output.width - _NAME_WIDTH - 4)
    value = preview(_masked(name, context), width)
    return line(Span(f"${name}".ljust(_NAME_WIDTH), "key"), " ", *json_spans(value))


def _masked(name: str, context: Context) -> object:
    # A name that is a redacted key hides its value as it would in a payload.
    masked: object = context.redact.mask({name: context.variables[name]})[name]
    return masked
