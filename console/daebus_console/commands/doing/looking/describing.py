"""describe: the actions of a service, shown or written out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.looking.listing import LOOK_FOR
from daebus_console.commands.doing.shared.inputs import one_form
from daebus_console.commands.doing.shared.putting_out import form_named, put_out
from daebus_console.commands.errors import nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.schema.described import Described, Whole, described
from daebus_console.engine.schema.formats import FORMATS
from daebus_console.engine.schema.shape import default, notes, shape, signature
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import NOT_ASKED, why_unasked
from daebus_console.naming import quoted, shown, with_names
from daebus_console.render import Line, Span, line, table
from daebus_console.text import clean_json


def run_describe(command: Command, context: Context) -> int:
    """Wait until the service has told of itself, and show what it takes and answers."""
    name, wanted = command["service"], command["action"]
    if command["as"] is not None:
        form_named(command, "format", FORMATS)
        one_form(command, "asyncapi", "jsonschema")
    session, cancellation = context.look(), context.cancellation
    session.wait_for(lambda: _is_known(session, name) or cancellation.cancelled, LOOK_FOR)
    with session.lock:
        service = session.directory.services.get(name)
        here = service is not None and (bool(service.subscribers) or session.recorded)
        framework = service is not None and service.framework
        entries = [] if service is None else [one for one in service.actions.values() if one.declared]
        found = [described(one.name, one.doc, one.told) for one in sorted(entries, key=lambda one: one.name)]
        schemas = any(one.told is not None for one in entries)
        names = list(session.directory.services)
        channel = session.directory.channels.get(name)
        subscribed = channel is not None and channel.subscribers > 0
        problem = session.status.discovery_problem
        unasked = why_unasked(session, [name])
    if problem is not None:
        context.output.error(problem)
        return Exit.NO_REDIS
    if not here and not subscribed:
        context.output.error(f"nobody serves {quoted(name)}{_perhaps(nearest(name, names))}")
        return Exit.NOBODY
    if not found and session.settings.passive:
        context.output.error(f"nothing is known of what {quoted(name)} takes: {NOT_ASKED}")
        return Exit.ERROR
    if not found and unasked is not None:
        context.output.error(unasked)
        return Exit.NO_REDIS
    if not found:
        why = "has no actions, or has not told of them in time" if framework else "is not on this framework"
        context.output.error(f"{quoted(name)} {why}: nothing is known of what it takes")
        return Exit.ERROR
    actions = [one for one in found if wanted is None or one.name == wanted]
    if not actions:
        meant = _perhaps(nearest(wanted, [one.name for one in found]))
        context.output.error(f"{quoted(name)} has no action '{shown(wanted, text=True)}'{meant}")
        return Exit.ERROR
    if not schemas:
        context.output.note("no schemas are known: the service is of a release that tells none, or was not asked yet")
    _put_out(command, context, actions, whole=wanted is not None)
    return Exit.DONE


def _perhaps(meant: str | None) -> str:
    return f" (did you mean {shown(meant)}?)" if meant else ""


def _is_known(session: Session, name: str) -> bool:
    """Whether the service has told of itself, or is not there."""
    directory = session.directory
    service = directory.services.get(name)
    if service is None or not service.subscribers:
        return directory.polled is not None or session.recorded
    return any(one.told is not None for one in service.actions.values())


def _put_out(command: Command, context: Context, actions: list[Described], *, whole: bool) -> None:
    form = command["as"]
    if form is not None and command["json"]:
        context.output.record(json.loads(FORMATS[form](command["service"], actions)))
    elif form is not None:
        shown_as = clean_json if form in ("asyncapi", "jsonschema") else str
        put_out([FORMATS[form](command["service"], actions)], context, shown_as)
    elif command["json"]:
        for action in actions:
            context.output.record(with_names(_record(command["service"], action), "service"))
    elif whole:
        context.output.result(_in_full(actions[0]))
    else:
        context.output.result(_in_short(actions))


def _record(service: str, action: Described) -> dict[str, Any]:
    return {
        "service": service,
        "action": action.name,
        "description": action.description,
        "arguments": action.arguments,
        "answer": action.answer,
        "last": action.last,
        "streams": action.streams,
    }


def _parts(action: Described) -> tuple[Whole | None, Whole | None]:
    arguments = None if action.arguments is None else Whole.of(action.arguments)
    return arguments, None if action.answer is None else Whole.of(action.answer)


def _signature(action: Described) -> str:
    arguments, answer = _parts(action)
    return signature(shown(action.name, text=True), arguments, answer, streams=action.streams)


def _in_short(actions: list[Described]) -> Iterator[Line]:
    for action in actions:
        yield line(Span(_signature(action), "key"))
        first = action.description.partition("\n")[0]
        if first:
            yield line("    ", Span(first, "dim"))


def _in_full(action: Described) -> Iterator[Line]:
    yield line(Span(_signature(action), "key"))
    for text in action.description.splitlines():
        yield line("    ", text)
    arguments, answer = _parts(action)
    if arguments is None:
        yield line("    ", Span("What it takes is not told.", "dim"))
    else:
        yield line("")
        yield line(Span("payload", "bold"), Span(_of(arguments), "dim"))
        yield from _fields(arguments)
    if answer is not None:
        yield line("")
        yield line(Span("answer", "bold"), Span(_of(answer), "dim"))
        yield from _fields(answer)
    yield from _definitions(arguments, answer)


def _of(whole: Whole) -> str:
    return f"  {shape(whole)}" if whole.reference is not None or not list(whole.fields()) else ""


def _definitions(*wholes: Whole | None) -> Iterator[Line]:
    """What is referred to within them, each once."""
    told = {whole.reference for whole in wholes if whole is not None}
    for whole in wholes:
        for name, schema in (whole.definitions if whole is not None else {}).items():
            if whole is None or name in told or not isinstance(schema, Mapping):
                continue
            told.add(name)
            one = whole.within(schema)
            yield line("")
            yield line(Span(str(name), "bold"), Span("" if list(one.fields()) else f"  {shape(one)}", "dim"))
            yield from _fields(one)


def _fields(whole: Whole) -> list[Line]:
    rows: list[list[str | Span]] = []
    for name, schema, required in whole.fields():
        value = default(schema)
        given = Span("required", "warn") if required else Span("" if value is None else value, "dim")
        rows.append([f"    {name}", Span(shape(schema), "accent"), given, Span(notes(schema), "dim")])
    return table(("", "", "", ""), rows)[1:] if rows else []
