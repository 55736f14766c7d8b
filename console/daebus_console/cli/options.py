"""The options of the shell that belong to no verb. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from daebus_console import naming
from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.words import Word, from_argv
from daebus_console.commands.verbs import SHELL_OPTIONS, VERBS

_PART = re.compile(r"(?:\\.|[^\\,]|\\$)+", re.DOTALL)
"""Between two commas; one behind a backslash belongs to what it stands in."""
_BY_NAME = {name: option for option in SHELL_OPTIONS for name in (option.name, option.short) if name}


@dataclass(frozen=True)
class Globals:
    """What was said beside the verb. `channels` are globs, `redact` the names of keys, `dialects` those that are
    read; all empty where not given."""

    redis: str | None = None
    channels: tuple[str, ...] = ()
    read_only: bool = False
    passive: bool = False
    confirm_remote: bool = True
    redact: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    version: bool = False
    help: bool = False


def take_globals(arguments: Sequence[str]) -> tuple[Globals, list[str]]:
    """Take those options out of the shell's arguments, wherever they stand; returns them and the rest.

    What a verb names as an option of its own stays with the verb. Raises CommandError.
    """
    line, words = from_argv(arguments)
    found: dict[str, Any] = {}
    rest: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word.text == "--":
            rest += [one.text for one in words[position - 1 :]]
            break
        name, equals, value = word.text.partition("=")
        option = _BY_NAME.get(name if equals else word.text)
        if option is None or _belongs_to_verb(name, rest):
            if not rest and word.text.startswith("-"):
                raise _unknown(line, word, name, [one.text for one in words[position:]])
            rest.append(word.text)
            continue
        if option.key in found:
            raise _at(line, word, f"{option.name} is given twice")
        if option.kind is Kind.FLAG:
            if equals:
                raise _at(line, word, f"{option.name} takes no value")
            found[option.key] = True
            continue
        if not equals:
            if position >= len(words):
                raise CommandError(f"{option.shown} lacks its value: {option.help}", len(line), line=line)
            value = words[position].text
            position += 1
        if not value:
            raise _at(line, word, f"{option.shown} lacks its value: {option.help}")
        found[option.key] = value
        if option.key == "confirm_remote":
            if value not in ("on", "off"):
                raise _at(line, word, f"{option.name} is on or off, not {value}")
            found[option.key] = value == "on"
    if found.get("passive"):
        found["read_only"] = True
    _read_lists(found, line)
    return Globals(**found), rest


def _read_lists(found: dict[str, Any], line: str) -> None:
    """Read those that are lists, in place. Raises CommandError."""
    for key in ("channels", "redact", "dialects"):
        if key in found:
            found[key] = tuple(part for part in (piece.strip() for piece in _PART.findall(found[key])) if part)
    if "channels" in found:
        try:
            found["channels"] = tuple(naming.read_glob(glob) for glob in found["channels"])
            for glob in found["channels"]:
                naming.to_bytes(glob)
        except ValueError:
            raise CommandError("--channels: no channel can have such a name", 0, 0, line=line) from None
    if "dialects" in found:
        # The table of them is loaded only where it is asked for.
        from daebus_console.engine import dialects

        try:
            dialects.chosen(found["dialects"])
        except ValueError as error:
            raise CommandError(f"--dialects: {error}", 0, 0, line=line) from None


def _belongs_to_verb(name: str, rest: Sequence[str]) -> bool:
    return bool(rest) and _has(rest[0], name)


def _has(verb: str, name: str) -> bool:
    """Whether there is such a verb, and that is one of its options."""
    return verb in VERBS and any(name in (option.name, option.short) for option in VERBS[verb].options)


def _unknown(line: str, word: Word, name: str, after: Sequence[str]) -> CommandError:
    """What is said of an option that is not known before a verb: it belongs to what comes after it, or to nothing."""
    verb = next((text for text in (*after, *VERBS) if _has(text, name)), None)
    if verb in after:
        return _at(line, word, f"{name} is an option of `{verb}`: it stands behind it")
    if verb is not None:
        return _at(line, word, f"{name} is an option of verbs, such as `{verb}`: it stands behind one")
    return _at(line, word, f"there is no option {name}", suggestion=nearest(name, _BY_NAME))


def _at(line: str, word: Word, message: str, suggestion: str | None = None) -> CommandError:
    return CommandError(message, word.start, word.end - word.start, suggestion, line=line)
