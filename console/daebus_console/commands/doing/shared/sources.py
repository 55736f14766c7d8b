"""Where the values of items come from that do not stand in the command: files, standard input, earlier answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from daebus_console.commands.context import Context
from daebus_console.commands.doing.shared.inputs import stored
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.items import Item, Items, Json, SourceError
from daebus_console.commands.terms.paths import Path, PathError, dig, find
from daebus_console.engine import jsontext
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange
from daebus_console.files.places import STANDARD, FileError

LARGEST = 64 * 1024 * 1024
"""Bytes of the largest file or input that is taken for a payload."""


class ContextSources:
    """The sources of a context: see `items.Sources`."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._stdin: str | None = None

    def text(self, path: str) -> str:
        """The text of a file, UTF-8."""
        try:
            data = stored(path, self.context).all(LARGEST)
        except FileError as error:
            raise SourceError(str(error)) from None
        return _decoded(data, path)

    def stdin(self) -> str:
        """All of standard input, as often as it is asked for; at a prompt that is where commands come from."""
        if self._stdin is None:
            self._stdin = self.text(STANDARD)
        return self._stdin

    def reference(self, name: str, path: Path) -> Any:
        """The value of `$last`, `$name` or `#123`, at `path`."""
        try:
            value = self._number(int(name[1:])) if name.startswith("#") else self._variable(name[1:])
            found = dig(value, path)
        except PathError as error:
            raise SourceError(f"{name}: {error}") from None
        if path and isinstance(found, dict | list) and isinstance(value, jsontext.Object | jsontext.Array):
            start, end = find(jsontext.text_of(value), path)
            found = jsontext.with_text(found, jsontext.text_of(value)[start:end])
        return found

    def _variable(self, name: str) -> Any:
        variables = self.context.variables
        if name not in variables:
            missing = "no answer came yet" if name == "last" else f"nothing is called ${name}"
            raise SourceError(f"${name}: {missing}")
        return variables[name]

    def _number(self, number: int) -> Any:
        try:
            exchange = self.context.exchange(number)
        except CommandError as error:
            raise SourceError(error.message) from None
        try:
            telling = _telling(exchange)
            return wire.payload_of(telling.data, whole=telling.whole)
        except wire.Unreadable as error:
            raise SourceError(f"#{number} is unreadable: {error}") from None


def settle(command: Command, context: Context) -> Command:
    """The command with its payload as of now, so that what comes later does not change what it refers to."""
    items = command.arguments.get("items")
    if not isinstance(items, Items) or not items.items:
        return command
    payload = items.build(ContextSources(context))
    whole = Items((Item((), Json(payload), items.items[0].word),))
    return replace(command, arguments={**command.arguments, "items": whole})


def _telling(exchange: Exchange) -> Any:
    """The message of an exchange whose payload it stands for: the answer, else what opened it."""
    return exchange.answer or exchange.opened


def _decoded(data: bytes, name: str) -> str:
    try:
        # Files written on Windows may begin with a byte order mark, which is no part of the text.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        name = "standard input" if name == STANDARD else name
        raise SourceError(f"{name} is not UTF-8 text (byte {error.start})") from None
