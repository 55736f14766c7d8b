"""export: exchanges in another form, to standard output, a file or the clipboard."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from typing import Protocol, runtime_checkable

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.again.comparing import rules_of
from daebus_console.commands.doing.again.exporting_apart import RECORDS, Counted, other_half
from daebus_console.commands.doing.shared.choosing import Chosen, choose, inputs_of
from daebus_console.commands.doing.shared.copying import too_long
from daebus_console.commands.doing.shared.inputs import given, giving_up, misplaced, tell_warnings
from daebus_console.commands.doing.shared.putting_out import form_named, put_out
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.export import FORMATS, ExportOptions, format_for, pieces
from daebus_console.engine.export.where import bare_url
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.offline import OfflineSession
from daebus_console.files.places import FileError, is_standard_output
from daebus_console.files.writing import Writing
from daebus_console.render import size
from daebus_console.text import clean_json

_NAMED = 10


@runtime_checkable
class Copier(Protocol):
    """A view that can put a text into the clipboard."""

    def copy(self, text: str) -> None:
        """Put it there."""


def run_export(command: Command, context: Context) -> int:
    """Write the export where it is wanted."""
    words = command["what"]
    chosen = choose(words, command.line, context)
    if chosen.rest:
        raise chosen.rest[0].error("nothing more is expected after the numbers")
    name = _format(command)
    if name != "pytest":
        _no_rules(command, name)
    options = ExportOptions(
        redact=context.redact,
        redis=_redis(chosen, context),
        rules=rules_of(command),
        title=_title(chosen),
        single=len(chosen.numbers) == 1,
        calls_from=_calls_from(command, name, chosen, context),
        app=command["app"] or "",
    )
    # What only asks services for themselves is no work of theirs, and answered differently each time.
    whole = not FORMATS[name].again or bool(chosen.numbers) or chosen.matching.names_control
    # Without its gaps a capture would say that nobody answered where nobody looked.
    each = chosen.for_capture if name == "capture" else chosen.each
    with other_half(chosen, name, options, whole) as other:
        count = Counted(each(), whole, options.left_out)
        found = pieces(name, count, replace(options, following=lambda: other.records(count)))
        if command["copy"]:
            _copy(found, context, name, count)
        elif command["output"] is None or is_standard_output(command["output"]):
            put_out(found, context, clean_json if name in RECORDS else str)
        else:
            _write(found, command, context, name, count, inputs_of(chosen, context))
    left_out = [_left_out(options.left_out, name)] if options.left_out else []
    if count.control:
        left_out.append(f"{count.control:,} on control channels left out, as `replay` does (is:control exports them)")
    if left_out:
        context.output.note("; ".join(left_out))
    if chosen.recording is not None:
        tell_warnings(chosen.recording, context)
    return Exit.DONE


def _no_rules(command: Command, name: str) -> None:
    """Raise CommandError where it is said what may differ, and nothing is compared."""
    for option in given(command, "--ignore", "--tolerance", "--any-order"):
        raise misplaced(command, option, f"{option} goes with --as pytest, and this is {name}")


def _calls_from(
    command: Command, name: str, chosen: Chosen, context: Context
) -> Callable[[], Iterable[Exchange]] | None:
    """Among which exchanges the calls are that handlers made; None where they are not wanted. Raises CommandError."""
    if not command["with_calls"]:
        if command["app"] is not None:
            raise misplaced(command, "--app", "--app goes with --as pytest --with-calls")
        return None
    if name != "pytest":
        raise misplaced(command, "--with-calls", f"--with-calls goes with --as pytest, and this is {name}")
    if chosen.recording is not None:
        return chosen.recording.exchanges
    with context.session.lock:
        found = list(context.session.journal.exchanges)
    return lambda: found


def _left_out(numbers: list[int], name: str) -> str:
    """How many have no form there; why stands in the place of each."""
    some = ", ".join(f"#{number}" for number in numbers[:_NAMED])
    more = f" and {len(numbers) - _NAMED:,} more" if len(numbers) > _NAMED else ""
    return f"{len(numbers):,} left out, which {name} cannot say: {some}{more} (a comment in the place of each says why)"


def _format(command: Command) -> str:
    if command["as"] is None:
        return format_for(command["output"]) if command["output"] is not None else "json"
    return form_named(command, "format", FORMATS)


def _redis(chosen: Chosen, context: Context) -> str:
    """The URL that is named in the export, without its password."""
    if chosen.header is not None:
        return chosen.header.redis
    session = context.session
    return session.header.redis if isinstance(session, OfflineSession) else bare_url(session.address.url)


def _title(chosen: Chosen) -> str:
    if chosen.numbers:
        return f"Exchange {', '.join(f'#{number}' for number in chosen.numbers)}, as seen on the bus."
    where = os.path.basename(chosen.path) if chosen.path is not None else "a session"
    which = f" that match {chosen.matching.text}" if chosen.matching.text else ""
    return f"Exchanges of {where}{which}, as seen on the bus."


def _copy(found: Iterable[str], context: Context, name: str, count: Counted) -> None:
    view: object = context.view
    if not isinstance(view, Copier):
        raise CommandError("there is no clipboard here: write a file with --output, or pipe it to what has one")
    text = "".join(found)
    if told := too_long(text):
        raise CommandError(f"{told}: write a file with --output")
    view.copy(text)
    context.output.note(f"{count.told} copied as {name}")


def _write(
    found: Iterable[str],
    command: Command,
    context: Context,
    name: str,
    count: Counted,
    inputs: Container[tuple[int, int]],
) -> None:
    path = command["output"]
    try:
        # Payloads may hold what is nobody else's business.
        with Writing(path, force=command["force"], given_up=giving_up(context), inputs=inputs) as file:
            for piece in found:
                file.write(piece)
    except FileError as error:
        raise misplaced(command, path, str(error)) from None
    again = "; `export --as capture` writes what can be opened and replayed" if name == "jsonl" else ""
    context.output.note(f"{count.told} written to {file.path} as {name}, {size(file.size)}{again}")
