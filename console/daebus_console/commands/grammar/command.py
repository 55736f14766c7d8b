"""From a line, or the shell's arguments, to a Command. Pure; both ways end in the same parser and the same table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.terms.items import parse_items
from daebus_console.commands.terms.kinds import Kind, read_value
from daebus_console.commands.terms.words import Word, as_name, from_argv, split
from daebus_console.commands.verbs import VERBS, Argument, Face, Option, Verb

_MEANT = {
    "call": "request",
    "emit": "send",
    "exit": "quit",
    "list": "services",
    "listen": "tail",
    "ls": "services",
    "monitor": "tail",
    "pub": "broadcast",
    "publish": "broadcast",
    "q": "quit",
    "sub": "tail",
    "subscribe": "tail",
    "watch": "tail",
}
"""What people type who come from other tools."""

_LONGEST_FILTER = 10_000


@dataclass(frozen=True, repr=False)
class Command:
    """A verb with its arguments, all of them well formed. `arguments` has a value or None for each name of the table.

    Flags are True or False, items are Items, a filter is its text (None where there is none). `background` tells that
    the line ended in &. Two commands are equal when they do the same; `line` is only how it was typed.
    """

    verb: Verb
    arguments: Mapping[str, Any]
    background: bool = False
    line: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The verb's name."""
        return self.verb.name

    def __repr__(self) -> str:
        return f"Command({self.name!r}, {dict(self.arguments)!r}{', background=True' * self.background})"

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]


def parse(line: str) -> Command | None:
    """The command that a line of a prompt or a script says; None for a blank line or a comment. Raises CommandError."""
    try:
        words = split(line, filter_from)
        return _parse(words, line) if words else None
    except CommandError as error:
        error.line = line
        raise


def parse_argv(arguments: Sequence[str]) -> Command:
    """The command that the shell's arguments say (without the program's name). Raises CommandError."""
    line, words = from_argv(arguments)
    try:
        return _parse(words, line, [name for name, verb in VERBS.items() if Face.SHELL in verb.faces])
    except CommandError as error:
        error.line = line
        raise


def filter_from(name: str) -> int | None:
    """From which word on, counted from the verb, the words of that verb are the terms of a filter; None: never."""
    verb = VERBS.get(name)
    for index, argument in enumerate(verb.arguments if verb else (), start=1):
        if argument.kind is Kind.FILTER:
            return index
    return None


def _parse(words: Sequence[Word], line: str, known: Collection[str] = VERBS) -> Command:
    """`known` are the verbs that are named where there is none of that name."""
    verb = _verb(words, known)
    try:
        return _Parser(verb, words[1:], line).command()
    except CommandError as error:
        error.usage = error.usage or verb.usage
        raise


def _verb(words: Sequence[Word], known: Collection[str]) -> Verb:
    if not words:
        raise CommandError(f"expected a verb: {', '.join(known)}")
    word = words[0]
    verb = VERBS.get(word.text)
    if verb is not None:
        return verb
    if word.text.startswith("#"):
        raise word.error("expected a verb here", suggestion=f"show {word.text}")
    meant = _MEANT.get(word.text.lower()) or nearest(word.text.lower(), known)
    meant = meant if meant in known else None
    others = "" if meant else f"; there are: {', '.join(known)}"
    raise word.error(f"there is no verb `{word.text}`{others}", suggestion=meant)


class _Parser:
    """Takes the words after the verb apart, from left to right."""

    def __init__(self, verb: Verb, words: Sequence[Word], line: str) -> None:
        self.verb = verb
        self.words = words
        self.line = line
        self.position = 0
        self.plain: list[Word] = []
        self.options: dict[str, Any] = {}
        self.background = False
        self.help = False
        self._by_name = {option.name: option for option in verb.options}
        self._by_short = {option.short: option for option in verb.options if option.short}
        self._dashes = any(argument.kind in (Kind.FILTER, Kind.WORDS) for argument in verb.arguments)

    def command(self) -> Command:
        """The command, or CommandError."""
        self._take_background()
        while self.position < len(self.words):
            word = self.words[self.position]
            self.position += 1
            if word.text == "--" and not word.quoted:
                self.plain += self.words[self.position :]
                break
            if not self._take_option(word):
                self.plain.append(word)
        if self.help:
            return Command(VERBS["help"], {"topic": self.verb.name}, False, self.line)
        arguments = self._arguments()
        for option in self.verb.options:
            arguments[option.key] = self.options.get(option.key, False if option.kind is Kind.FLAG else None)
        return Command(self.verb, arguments, self.background, self.line)

    def _take_background(self) -> None:
        if not self.words or self.words[-1].text != "&" or self.words[-1].quoted:
            return
        if not self.verb.background:
            raise self.words[-1].error(f"`{self.verb.name}` cannot be left to itself with &")
        self.background = True
        self.words = self.words[:-1]

    def _take_option(self, word: Word) -> bool:
        text = word.text
        if not text.startswith("-") or text == "-" or word.raw[:1] != "-":
            return False
        if text in ("--help", "-h"):
            self.help = True
            return True
        if text.startswith("--"):
            name, equals, _value = text.partition("=")
            option = self._by_name.get(name)
            if option is None:
                known = [*self._by_name, "--help"]
                raise word.error(
                    f"`{self.verb.name}` has no option {name}", 0, len(name), suggestion=nearest(name, known)
                )
            self._set(option, word, len(name) + 1 if equals else None)
            return True
        option = self._by_short.get(text[:2])
        if option is not None:
            self._set(option, word, 2 if len(text) > 2 else None)
            return True
        if self._dashes:
            return False
        raise word.error(
            f"`{self.verb.name}` has no option {text}{self._named(text)}", suggestion=nearest(f"-{text}", self._by_name)
        )

    def _named(self, text: str) -> str:
        """How such a name is typed, where the verb takes names."""
        named = any(one.kind in (Kind.SERVICE, Kind.ACTION, Kind.CHANNEL) for one in self.verb.arguments)
        return f"; where this is a name, write {as_name(text)}" if named else ""

    def _set(self, option: Option, word: Word, column: int | None) -> None:
        if option.key in self.options:
            raise word.error(f"{option.name} is given twice")
        if option.kind is Kind.FLAG:
            if column is not None:
                raise word.error(f"{option.name} takes no value")
            self.options[option.key] = True
            return
        if column is None:
            if self.position >= len(self.words):
                raise CommandError(f"{option.shown} lacks its value: {option.help}", len(self.line))
            word, column = self.words[self.position], 0
            self.position += 1
        self.options[option.key] = read_value(option.kind, word, column)

    def _kind(self, argument: Argument) -> Kind:
        """What a word in that place is, with the options that are given."""
        if argument.other is not None and argument.other[0] in self.options:
            return argument.other[1]
        return argument.kind

    def _arguments(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        left = list(self.plain)
        for argument in self.verb.arguments:
            if not left and argument.required:
                raise CommandError(f"expected {argument.shown}: {argument.help}", len(self.line.rstrip()))
            if argument.kind is Kind.ITEMS:
                values[argument.name], left = parse_items(left), []
            elif argument.kind is Kind.FILTER:
                values[argument.name], left = filter_of(left, self.line), []
            elif argument.many:
                values[argument.name], left = tuple(read_value(argument.kind, word) for word in left), []
            else:
                values[argument.name] = read_value(self._kind(argument), left.pop(0)) if left else None
        if left:
            end = left[-1].end - left[0].start
            raise CommandError(f"`{self.verb.name}` takes nothing more here", left[0].start, end)
        return values


def doubts_of(command: Command) -> list[str]:
    """What was perhaps not meant by the filters in it."""
    texts = [command.arguments.get(option.key) for option in command.verb.options if option.metavar == "FILTER"]
    for argument in command.verb.arguments:
        value = command.arguments.get(argument.name)
        if argument.kind is Kind.FILTER:
            texts.append(value)
        elif argument.kind is Kind.WORDS and not argument.names:
            texts.append(" ".join(word.raw for word in value or ()))
    if not any(texts):
        return []
    from daebus_console.engine.filter.doubts import doubt_of

    return [str(doubt) for doubt in map(doubt_of, filter(None, texts)) if doubt is not None]


def filter_of(words: Sequence[Word], line: str) -> str | None:
    """The text of a filter, known to parse. Several arguments of the shell are a term each, blanks and all."""
    if not words:
        return None
    # From a prompt the source stands as it was typed, with the filter's own quotes.
    from_shell = any(line[word.start : word.end] != word.raw for word in words)
    pieces = [_term(word.raw) if from_shell and len(words) > 1 else word.raw for word in words]
    text = " ".join(pieces)
    if len(text) > _LONGEST_FILTER:
        raise words[0].error(f"a filter has at most {_LONGEST_FILTER:,} characters, and this one {len(text):,}", 0, 1)
    # Whoever gives no filter need not wait for the engine to be imported.
    from daebus_console.engine.filter import language as filters

    try:
        filters.parse(text)
    except filters.FilterError as error:
        raise _point(error, words, pieces) from None
    return text


def _term(raw: str) -> str:
    if not any(sign.isspace() for sign in raw) or any(mark in raw for mark in ('"', ":'", "-'")) or raw[0] == "'":
        return raw
    sign = "-" if raw.startswith("-") else ""
    key, colon, value = raw.removeprefix("-").partition(":")
    if colon and key and not any(sign.isspace() for sign in key):
        return f'{sign}{key}:"{value}"'
    return f'{sign}"{raw.removeprefix("-")}"'


def _point(error: Any, words: Sequence[Word], pieces: Sequence[str]) -> CommandError:
    """A filter's error with its place in the line instead of its place in the filter."""
    begin = 0
    for word, piece in zip(words, pieces, strict=True):
        if error.position <= begin + len(piece) or word is words[-1]:
            column = max(0, error.position - begin)
            position = min(word.start + column, word.end)
            return CommandError(error.message, position, min(error.length, word.end - position), error.suggestion)
        begin += len(piece) + 1
    return CommandError(error.message, words[0].start, 0, error.suggestion)
