"""The kinds of values that verbs take, and how each is read from a word. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from daebus_console import naming
from daebus_console.commands.terms.items import find_equals, parse_value
from daebus_console.commands.terms.words import Word, as_name


class Kind(StrEnum):
    """What a value is. Completion goes by it as well."""

    SERVICE = "SERVICE"
    ACTION = "ACTION"
    CHANNEL = "CHANNEL"
    PATTERN = "PATTERN"
    """A channel of another framework, which nobody takes for items."""
    ITEMS = "ITEMS"
    FILTER = "FILTER"
    REF = "#N"
    FILE = "FILE"
    """A file that is read."""
    OUTPUT = "OUTPUT"
    """A file that is written."""
    DURATION = "S"
    COUNT = "N"
    RATE = "RATE"
    """So many a second."""
    SPEED = "SPEED"
    """So many times as fast."""
    TEXT = "TEXT"
    TOPIC = "TOPIC"
    NAME = "NAME"
    VALUE = "VALUE"
    JOB = "JOB"
    URL = "URL"
    FLAG = "FLAG"
    WORDS = "WORDS"
    MATCH = "MATCH"
    """An action or a channel, and conditions on a payload."""
    CONDITIONS = "CONDITIONS"
    """Several of those conditions, with blanks between them."""
    HELD = "H"
    """What is held."""
    VERDICT = "VERDICT"
    """How what is held goes on."""
    DEED = "DEED"
    """What a fault does."""


_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_LONGEST_TOLD = 60
_LONGEST = 366 * 86400.0


def read_value(kind: Kind, word: Word, column: int = 0) -> Any:
    """The value that a word has as that kind, from `column` of its text on. Raises CommandError.

    Durations are seconds (float), counts, jobs and references int, a value is an Item; WORDS and a MATCH are the words
    themselves, for the verb to take apart; all others are text.
    """
    return _READERS[kind](word, column)


def _text(word: Word, column: int) -> str:
    text = word.text[column:]
    if not text:
        raise word.error("expected something that is not empty", column)
    return text


def _name(word: Word, column: int) -> str:
    """The name of a channel, or of a service: whatever bytes it is made of."""
    return _of_bytes(_any_name(word, column), word, column)


def _pattern(word: Word, column: int) -> str:
    """The same where no items are meant. An object in JSON is a pattern of NestJS, and the channel is that of it."""
    text = _text(word, column)
    if not text.startswith("{"):
        return _of_bytes(_unquoted(word, column), word, column)
    try:
        name = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    except RecursionError:
        raise word.error("the pattern is nested too deeply", column) from None
    except ValueError as error:
        raise word.error(f"the pattern is no JSON: {error}", column) from None
    return _of_bytes(name, word, column)


def _of_bytes(name: str, word: Word, column: int) -> str:
    try:
        naming.to_bytes(name)
    except UnicodeEncodeError:
        raise word.error("no channel can have this name: half a surrogate pair is no UTF-8", column) from None
    return name


def _action(word: Word, column: int) -> str:
    """The name of an action, which is text."""
    name = _any_name(word, column)
    raw = word.text[column:]
    if not naming.is_text(name) and (not naming.is_text(raw) or naming.has_bytes(raw)):
        raise word.error("the name of an action is text, and this is not UTF-8", column)
    return name


def _any_name(word: Word, column: int) -> str:
    text = _text(word, column)
    if not word.quoted and (text[0] in "{@" or find_equals(text) is not None):
        told = "expected a name here, and items after it; where this is the name, write"
        raise word.error(f"{told} {_typed(text)} (`help names` tells more)", column)
    return _unquoted(word, column)


def _unquoted(word: Word, column: int) -> str:
    text = _text(word, column)
    if not word.quoted and len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        # One pair of quotes was for the shell; what is left of two would go to a channel that nobody meant.
        told = f"these quotes would be part of the name: without them it is {_typed(text[1:-1])}"
        raise word.error(f"{told}, with them {_typed(text)}", column)
    try:
        return naming.read(text)
    except ValueError:
        raise word.error("\\U is followed by the number of a character, at most 0010ffff", column) from None


def _typed(name: str) -> str:
    """How a name is typed that may be taken for something else."""
    return as_name(name if len(name) <= _LONGEST_TOLD else name[:_LONGEST_TOLD] + "…")


def _duration(word: Word, column: int) -> float:
    found = _DURATION.fullmatch(word.text[column:])
    if found is None:
        raise word.error("expected a time, such as 5, 200ms, 2s or 1m", column)
    seconds = float(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds <= _LONGEST:
        raise word.error("expected a time above zero, such as 5, 200ms, 2s or 1m", column)
    return seconds


def _count(word: Word, column: int) -> int:
    text = word.text[column:].replace("_", "")
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) > 0):
        raise word.error("expected a whole number above zero, such as 100", column)
    return int(text)


def _rate(word: Word, column: int) -> float:
    return _decimal(word, column, "/s", "expected how many a second, such as 50 or 0.5")


def _speed(word: Word, column: int) -> float:
    return _decimal(word, column, "x", "expected how many times as fast, such as 2 or 0.5")


def _decimal(word: Word, column: int, unit: str, expected: str) -> float:
    """A number above zero, which the unit may follow."""
    found = re.fullmatch(rf"(\d+(?:\.\d*)?|\.\d+)(?:{unit})?", word.text[column:])
    if found is None or not 0 < float(found[1]) < 1e9:
        raise word.error(expected, column)
    return float(found[1])


def _ref(word: Word, column: int) -> int:
    found = re.fullmatch(r"#?(\d{1,15})", word.text[column:])
    if found is None:
        raise word.error("expected the number of an exchange, such as #123", column)
    return int(found[1])


def _conditions(word: Word, column: int) -> str:
    """Quotes within them are theirs."""
    text = _text(word, column)
    return text if word.raw[column : column + 1] in ("'", '"') else word.raw[column:]


def _variable(word: Word, column: int) -> str:
    name = word.text[column:]
    plain = name.removeprefix("$")
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", plain) is None:
        raise word.error("expected a name of letters, digits and _, which does not begin with a digit", column)
    if plain == "last":
        raise word.error("$last is always the last answer; choose another name", column)
    if plain != name:
        raise word.error("expected the name without its $", column, suggestion=plain)
    return name


def _job(word: Word, column: int) -> int:
    found = re.fullmatch(r"\[?(\d{1,9})\]?", word.text[column:])
    if found is None:
        raise word.error("expected the number of a job, such as 1; `jobs` lists them", column)
    return int(found[1])


_READERS: dict[Kind, Callable[[Word, int], Any]] = {
    Kind.SERVICE: _name,
    Kind.ACTION: _action,
    Kind.CHANNEL: _name,
    Kind.PATTERN: _pattern,
    Kind.REF: _ref,
    Kind.FILE: _text,
    Kind.OUTPUT: _text,
    Kind.DURATION: _duration,
    Kind.COUNT: _count,
    Kind.RATE: _rate,
    Kind.SPEED: _speed,
    Kind.TEXT: _text,
    Kind.TOPIC: _text,
    Kind.URL: _text,
    Kind.NAME: _variable,
    Kind.VALUE: parse_value,
    Kind.JOB: _job,
    Kind.WORDS: lambda word, _column: word,
    Kind.MATCH: lambda word, _column: word,
    Kind.CONDITIONS: _conditions,
    Kind.HELD: _text,
    Kind.DEED: _text,
    Kind.VERDICT: _text,
}
