"""Whether a command line holds what is to be redacted, so that it is kept nowhere. Pure."""

from __future__ import annotations

from typing import Protocol

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar import Command
from daebus_console.commands.items import Item, Items, Json, Text
from daebus_console.commands.script import commands_in


class Masking(Protocol):
    """What is asked of `engine.redact.Redactor`."""

    keys: tuple[str, ...]

    def mask(self, value: object) -> object:
        """The value with what is secret masked; the same object where nothing is."""


def names_secret(text: str, redact: Masking) -> bool:
    """Whether one of the redacted keys gets a value in it; where it cannot be understood, whether one is named."""
    if not redact.keys:
        return False
    try:
        return any(_in_command(command, redact) for command in commands_in(text))
    except CommandError:
        return _named(text, redact)


def _in_command(command: Command, redact: Masking) -> bool:
    for name, value in command.arguments.items():
        if isinstance(value, Items):
            if any(_in_item(item, redact) for item in value.items):
                return True
        elif isinstance(value, Item):
            if _in_item(value, redact) or str(command.arguments.get("name")).casefold() in redact.keys:
                return True
        elif name == "filter" and value is not None and _named(value, redact):
            return True
    return False


def _in_item(item: Item, redact: Masking) -> bool:
    if any(isinstance(step, str) and step.casefold() in redact.keys for step in item.path):
        return True
    if isinstance(item.source, Text | Json):
        return redact.mask(item.source.value) is not item.source.value
    return False


def _named(text: str, redact: Masking) -> bool:
    folded = text.casefold()
    return any(key in folded for key in redact.keys)
