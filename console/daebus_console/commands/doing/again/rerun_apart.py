"""rerun at a prompt: the shell's face of it in another process, on a capture of what belongs to the exchange."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.again.rerun_found import Found
from daebus_console.commands.doing.again.rerun_told import tell
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.engine import jsontext
from daebus_console.engine.export import ExportOptions, pieces
from daebus_console.engine.message.control import is_release
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.engine.message.exchange import Kind as What
from daebus_console.engine.rerun.case import LINGER, UNTOLD, id_of

_TICK = 0.1
_RULES = ("--ignore", "--tolerance")


def run_apart(command: Command, context: Context, what: Found) -> int:
    """Run it and tell of it. Raises CommandError."""
    if command["pdb"]:
        position = max(command.line.find("--pdb"), 0)
        raise CommandError(
            "a debugger needs the terminal for itself: write the capture with `export --as capture -o FILE`, and"
            " run it at the shell",
            position,
            len("--pdb"),
        )
    found = _belonging(what.exchange, what.each())
    numbers = {place: one.number for place, one in enumerate(found, 1)}
    place = [one.number for one in found].index(what.exchange.number) + 1
    with context.session.lock:
        text = "".join(pieces("capture", found, ExportOptions()))
    with _file(text) as path:
        return _child(command, context, path, place, numbers)


def _belonging(exchange: Exchange, exchanges: Iterable[Exchange]) -> list[Exchange]:
    """What may belong to its handling, in the order in which it was opened."""
    parent = id_of(exchange)
    end = exchange.answer.at + LINGER if exchange.answer is not None else exchange.opened.at + UNTOLD
    found = [
        one
        for one in exchanges
        if one.number == exchange.number
        or (parent is not None and one.parent_id == parent)
        or (one.opened.at >= exchange.opened.at and is_release(one))
        or (
            one.kind in (What.BROADCAST, What.ONE_WAY)
            and (not one.flags & Flag.CONTROL or one.kind is What.BROADCAST)
            and exchange.opened.at <= one.opened.at <= end
        )
    ]
    return sorted(found, key=lambda one: one.opened.seq)


@contextmanager
def _file(text: str) -> Iterator[str]:
    """A file of that text that nobody else may read, and that is gone afterwards."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="daebus-", suffix=".jsonl") as file:
        file.write(text)
        file.flush()
        yield file.name


def _child(command: Command, context: Context, path: str, number: int, numbers: dict[int, int]) -> int:
    """Have another process do it; `numbers` are those that its exchanges have here, where they differ."""
    arguments = [sys.executable, "-m", "daebus_console"]
    if context.redact:
        arguments += ["--redact", ",".join(context.redact.keys)]
    arguments += ["rerun", "--app", command["app"], "--json"]
    for option in _RULES:
        value = command[option.removeprefix("--")]
        arguments += [f"{option}={value}"] if value is not None else []
    arguments += ["--any-order"] if command["any_order"] else []
    arguments += [f"--timeout={command['timeout']}"] if command["timeout"] is not None else []
    arguments += ["--", path, f"#{number}"]
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        out, said = _waited(process, context)
    for text in said.decode("utf-8", "replace").splitlines():
        context.output.note(context.redact.text(text))
    if context.cancellation.cancelled:
        return Exit.INTERRUPTED
    try:
        told: dict[str, Any] = jsontext.loads(out.decode())
    except ValueError:
        return process.returncode or Exit.ERROR
    record = _numbered(told, numbers)
    record["calls"] = [_numbered(call, numbers) for call in told["calls"]]
    if command["json"]:
        context.output.record(record)
    else:
        tell(record, context.output)
    return int(record["exit"])


def _numbered(record: dict[str, Any], numbers: dict[int, int]) -> dict[str, Any]:
    """The record with the number that its exchange has here. It is another one: what was read knows its old text."""
    return {**record, "exchange": numbers.get(record["exchange"], record["exchange"])}


def _waited(process: subprocess.Popen[bytes], context: Context) -> tuple[bytes, bytes]:
    """What it printed, to its end, or until nobody waits any more."""
    while True:
        try:
            return process.communicate(timeout=_TICK)
        except subprocess.TimeoutExpired:
            if context.cancellation.cancelled:
                process.kill()
