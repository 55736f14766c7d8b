"""export: exchanges in another form, to standard output, a file or the clipboard."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from daebus_console.commands.choosing import Chosen, choose
from daebus_console.commands.comparing import rules_of
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.grammar import Command
from daebus_console.engine.exchange import Exchange
from daebus_console.engine.export import FORMATS, ExportOptions, format_for, pieces
from daebus_console.engine.offline import OfflineSession
from daebus_console.render import line, size
from daebus_console.text import clean_json


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
    options = ExportOptions(
        redact=context.redact,
        redis=_redis(chosen, context),
        rules=rules_of(command),
        title=_title(chosen),
        single=len(chosen.numbers) == 1,
    )
    count = _Count(chosen.each())
    found = pieces(name, count, options)
    if command["copy"]:
        _copy(found, context, name, count)
    elif command["output"] is not None:
        _write(found, command, context, name, count)
    else:
        # What a terminal would obey: where it is JSON, in a way that says the same.
        shown = clean_json if name in ("json", "jsonl") else str
        for piece in found:
            context.output.result(line(text) for text in shown(piece.removesuffix("\n")).split("\n"))
    for warning in chosen.recording.warnings if chosen.recording is not None else ():
        context.output.note(f"{chosen.path}: {warning}")
    return Exit.DONE


class _Count:
    """Counts what passes through it."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._exchanges = exchanges
        self.count = 0

    def __iter__(self) -> Iterator[Exchange]:
        for exchange in self._exchanges:
            self.count += 1
            yield exchange

    @property
    def told(self) -> str:
        return f"{self.count} exchange{'s' * (self.count != 1)}"


def _format(command: Command) -> str:
    name: str | None = command["as"]
    if name is None:
        return format_for(command["output"]) if command["output"] is not None else "json"
    if name not in FORMATS:
        position = max(command.line.rfind(name), 0)
        known = ", ".join(FORMATS)
        raise CommandError(
            f"there is no format {name!r}; there are: {known}", position, len(name), nearest(name.lower(), FORMATS)
        )
    return name


def _redis(chosen: Chosen, context: Context) -> str:
    """The URL that is named in the export, without its password."""
    if chosen.header is not None:
        return chosen.header.redis
    session = context.session
    return session.header.redis if isinstance(session, OfflineSession) else str(session.address)


def _title(chosen: Chosen) -> str:
    if chosen.numbers:
        return f"Exchange {', '.join(f'#{number}' for number in chosen.numbers)}, as seen on the bus."
    where = os.path.basename(chosen.path) if chosen.path is not None else "a session"
    which = f" that match {chosen.matching.text}" if chosen.matching.text else ""
    return f"Exchanges of {where}{which}, as seen on the bus."


def _copy(found: Iterable[str], context: Context, name: str, count: _Count) -> None:
    view: object = context.view
    if not isinstance(view, Copier):
        raise CommandError("there is no clipboard here: write a file with --output, or pipe it to what has one")
    view.copy("".join(found))
    context.output.note(f"{count.told} copied as {name}")


def _write(found: Iterable[str], command: Command, context: Context, name: str, count: _Count) -> None:
    path = os.path.expanduser(command["output"])
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if command["force"] else os.O_EXCL)
    try:
        # Payloads may hold what is nobody else's business.
        file = open(path, "w", encoding="utf-8", opener=lambda name, _flags: os.open(name, flags, 0o600))  # noqa: SIM115
    except FileExistsError:
        raise _refused(command, f"{path} is there already; use --force to overwrite it, or name another file") from None
    except OSError as error:
        raise _refused(command, f"cannot write {path}: {error.strerror}") from None
    try:
        with file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fchmod(file.fileno(), 0o600)
            for piece in found:
                file.write(piece)
            written = file.tell()
    except OSError as error:
        raise _refused(command, f"cannot write {path}: {error.strerror}") from None
    context.output.note(f"{count.told} written to {path} as {name}, {size(written)}")


def _refused(command: Command, text: str) -> CommandError:
    return CommandError(text, max(command.line.rfind(command["output"]), 0), len(command["output"]))
