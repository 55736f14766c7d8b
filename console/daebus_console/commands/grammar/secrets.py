"""What of a command line is secret: values of redacted keys, and passwords in URLs. Pure.

A line that holds something of the kind is kept in no file; where it is shown again, it is without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command, filter_from
from daebus_console.commands.grammar.script import commands_in
from daebus_console.commands.terms.items import Item, Items, Json, Text, find_equals
from daebus_console.commands.terms.words import Word, split
from daebus_console.urls import passwords_in, without_password, without_passwords

_MASK = "***"
_TELLING = 3
"""Characters of a password below which it is in any text by chance, and hardly one."""
_QUOTED = re.compile(r"['`]([^'`]+)['`]")
_STEP = re.compile(r"[.\[\]\"\\]+")


class Masking(Protocol):
    """What is asked of `engine.hiding.redact.Redactor`."""

    keys: tuple[str, ...]

    def mask(self, value: object) -> object:
        """The value with what is secret masked; the same object where nothing is."""

    def text(self, text: str) -> str:
        """The same for a text."""

    def names(self, key: object) -> bool:
        """Whether that is one of the keys."""


@dataclass(frozen=True)
class Shown:
    """A command line as it may be shown. `edits` are the places of the real one that read otherwise, in order."""

    text: str
    edits: tuple[tuple[int, int, str], ...] = ()

    def at(self, position: int) -> int:
        """Where a position of the real line is in this one."""
        shift = 0
        for start, end, instead in self.edits:
            if position < end:
                return min(position, start) + shift if position <= start else start + shift + len(instead)
            shift += len(instead) - (end - start)
        return position + shift


def shown(line: str, redact: Masking | None = None) -> Shown:
    """The command line without what is secret in it."""
    edits = tuple(_edits(line, redact))
    parts, kept = [], 0
    for start, end, instead in edits:
        parts += [line[kept:start], instead]
        kept = end
    return Shown("".join([*parts, line[kept:]]), edits)


def safe_error(error: CommandError, redact: Masking | None = None) -> CommandError:
    """The error as it may be shown."""
    found = shown(error.line, redact)
    hidden = [error.line[start:end] for start, end, _instead in found.edits]

    def quotation(quoted: re.Match[str]) -> str:
        said = quoted[1]
        return f"'{_MASK}'" if said not in found.text and any(said in one for one in hidden) else quoted[0]

    safe = CommandError(
        _without(hidden, _QUOTED.sub(quotation, _safe_text(error.message, redact))),
        found.at(error.position),
        0,
        None if error.suggestion is None else _safe_text(error.suggestion, redact),
        error.usage,
        found.text,
        error.unfinished,
    )
    if error.length:
        safe.length = max(1, found.at(error.position + error.length) - safe.position)
    return safe


def _without(hidden: Iterable[str], message: str) -> str:
    """The message without the passwords of what is hidden, in whatever form it repeats the rest of it."""
    for password in sorted((one for source in hidden for one in passwords_in(source)), key=len, reverse=True):
        if len(password) >= _TELLING:
            message = message.replace(password, _MASK)
    return message


def _safe_text(text: str, redact: Masking | None) -> str:
    text = without_passwords(text)
    return redact.text(text) if redact is not None and redact.keys else text


def _edits(line: str, redact: Masking | None) -> Iterator[tuple[int, int, str]]:
    keyed = redact is not None and _named(line, redact)
    if not keyed and "://" not in line and "password=" not in line.casefold():
        return
    words, rest = _words(line)
    hidden = len(words)
    if redact is not None and keyed and len(words) > 1 and words[0].text == "set" and redact.names(words[1].text):
        hidden = 2
    for index, word in enumerate(words):
        raw = line[word.start : word.end]
        instead = _MASK if index >= hidden else without_password(raw)
        if redact is not None and keyed and index < hidden:
            instead = _without_values(word, instead, redact)
        if instead != raw:
            yield word.start, word.end, instead
    if rest < len(line):
        # A quote or a bracket is open there: what is in it nobody can tell.
        open_part = line[rest:]
        if without_password(open_part) != open_part or (redact is not None and keyed and _named(open_part, redact)):
            yield rest, len(line), _MASK


def _words(line: str) -> tuple[list[Word], int]:
    """The words of a line, as far as they can be told, and where that ends."""
    try:
        return split(line, filter_from), len(line)
    except CommandError as error:
        begun = line.rfind(" ", 0, error.position) + 1
        try:
            return split(line[:begun], filter_from), begun
        except CommandError:
            return [], 0


def _without_values(word: Word, raw: str, redact: Masking) -> str:
    """The source of a word without the values of redacted keys."""
    if word.text[:1] in ("{", "["):
        masked = redact.text(word.text)
        return raw if masked == word.text else masked
    for sign in ("=", ":", "~", "<", ">"):
        at = find_equals(raw) if sign == "=" else raw.find(sign)
        if at is None or at < 0:
            continue
        steps = _STEP.split(raw[:at].removesuffix(":").strip("'\"-"))
        if any(redact.names(step) for step in steps):
            return f"{raw[: at + 1]}{_MASK}"
        if sign == "=" and (value := redact.text(raw[at + 1 :])) != raw[at + 1 :]:
            return f"{raw[: at + 1]}{value}"
    return redact.text(raw)


def names_secret(text: str, redact: Masking) -> bool:
    """Whether a URL in it has a password, or one of the redacted keys gets a value in it.

    Where it cannot be understood, whether one of these is named.
    """
    if shown(text, redact).edits or any(shown(line, redact).edits for line in text.splitlines()):
        return True
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
            if _in_item(value, redact) or redact.names(command.arguments.get("name")):
                return True
        elif name == "filter" and value is not None and _named(value, redact):
            return True
    return False


def _in_item(item: Item, redact: Masking) -> bool:
    if _names_one(item.path, redact):
        return True
    if isinstance(item.source, Text | Json):
        return redact.mask(item.source.value) is not item.source.value
    return False


def _names_one(steps: Iterable[object], redact: Masking) -> bool:
    return any(redact.names(step) for step in steps)


def _named(text: str, redact: Masking) -> bool:
    folded = text.casefold()
    return any(key in folded for key in redact.keys)
