"""What may be typed next: verbs, names that are on the bus now, payload keys with the values seen last. Pure.

What is on the bus it asks of `Known`, and only for what the place needs, so that it is quick however much is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from daebus_console.commands.completion.offer import MOST, Known, Offer, ranked, whole
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.template import fields, item, template
from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.paths import PathError, Step, parse_path
from daebus_console.commands.terms.words import Word, as_name, as_word, split
from daebus_console.commands.verbs import VERBS, Argument, Face, Option, Verb
from daebus_console.engine.holding.condition import offered
from daebus_console.naming import read, written

DEEDS = (
    ("delay", "later by so much"),
    ("fail", "answered with an error"),
    ("answer", "answered with this, unhandled"),
    ("drop", "never handled, never answered"),
    ("drop-answer", "handled, and not answered"),
    ("duplicate", "handled twice"),
    ("answer-twice", "answered twice"),
)
"""What a fault can do."""
KEEPING = (
    ("save", "keep the rules that stand, by a name"),
    ("load", "set what is kept"),
    ("storms", "what is kept by name"),
)
"""What `fault` does besides."""
VERDICTS = (
    ("go", "as it is, or with what is changed"),
    ("answer", "answered with this, unhandled"),
    ("fail", "answered with an error"),
    ("drop", "never handled, never answered"),
)
"""How what is held goes on."""
_LONGEST_VALUE = 60


def complete(line: str, cursor: int, known: Known) -> list[Offer]:
    """What fits at the cursor, best first. Empty where nothing does, and within JSON and quotes."""
    before = line[:cursor]
    try:
        words = split(before)
    except CommandError:
        return []
    if words and words[-1].end == len(before):
        current = words.pop()
    elif words and before[words[-1].end :].strip() == "#" and before.endswith("#"):
        # It begins a comment only if no number follows.
        current = Word("#", len(before) - 1, len(before), "#")
    elif before.lstrip().startswith("#"):
        return []
    else:
        current = Word("", len(before), len(before), "")
    if not words:
        return _verbs(current, Face.PROMPT)
    verb = VERBS.get(words[0].text)
    return _Place(verb, words, current, known, Face.PROMPT).offers() if verb is not None else []


def complete_argument(before: Sequence[str], typed: str, known: Known) -> list[Offer]:
    """What fits in place of an argument of a shell, behind others (the verb and what follows).

    An offer's `start` counts in the argument; names are as they are meant.
    """
    current = Word(typed, 0, len(typed), typed)
    if not before:
        return _verbs(current, Face.SHELL)
    verb = VERBS.get(before[0])
    words = [Word(text, 0, len(text), text) for text in before]
    return _Place(verb, words, current, known, Face.SHELL).offers() if verb is not None else []


def _verbs(current: Word, face: Face) -> list[Offer]:
    verbs = ((verb.name, verb.summary) for verb in VERBS.values() if face in verb.faces)
    return ranked(current.text, current.start, verbs)


def fill_in(line: str, known: Known) -> str | None:
    """The line with the items of the payload seen last for its action, or its channel; None where there is none.

    Items that stand there already stay as they are.
    """
    try:
        words = split(line)
    except CommandError:
        return None
    verb = VERBS.get(words[0].text) if words else None
    if verb is None or verb.argument(Kind.ITEMS) is None:
        return None
    place = _Place(verb, words, Word("", len(line), len(line), ""), known, Face.PROMPT)
    payload = place.last_payload()
    if not isinstance(payload, dict):
        return None
    given = {step for word in place.plain for step in _first_step(word.text)}
    items = template({name: value for name, value in payload.items() if name not in given})
    return f"{line.rstrip()} {items}" if items else None


def _first_step(text: str) -> Iterator[Step]:
    """The member of the payload that an item sets, if it is one."""
    key, equals, _value = text.partition("=")
    if equals:
        try:
            yield parse_path(key.removesuffix(":"))[0]
        except PathError:
            pass


class _Place:
    """Where the cursor stands among the words of a verb."""

    def __init__(self, verb: Verb, words: Sequence[Word], current: Word, known: Known, face: Face) -> None:
        self.verb, self.current, self.known, self.face = verb, current, known, face
        self.plain: list[Word] = []
        self.given: set[str] = set()
        self.value_of: Option | None = None
        by_name = {name: option for option in verb.options for name in (option.name, option.short) if name}
        for word in words[1:]:
            if self.value_of is not None:
                self.value_of = None
                continue
            option = by_name.get(word.text.partition("=")[0]) if word.raw.startswith("-") else None
            if option is None:
                self.plain.append(word)
                continue
            self.given.add(option.name)
            if option.kind is not Kind.FLAG and "=" not in word.text:
                self.value_of = option

    def offers(self) -> list[Offer]:
        """What fits here."""
        text = self.current.text
        if self.value_of is not None:
            return self._values(self.value_of)
        argument = self._argument()
        if text.startswith("--") or (text == "-" and (argument is None or argument.kind is not Kind.FILTER)):
            return self._options()
        if argument is None:
            return self._options() if not text else []
        offers = self._names() if argument.names else self._of_kind(argument.kind)
        offers = offers or self._few(argument.words)
        return offers or ([] if text else self._options())

    def _values(self, option: Option) -> list[Offer]:
        """What may be the value of an option."""
        if option.kind in (Kind.FILE, Kind.OUTPUT, Kind.SERVICE):
            return self._of_kind(option.kind)
        return self._few(option.offered)

    def _few(self, words: Iterable[str]) -> list[Offer]:
        return ranked(self.current.text, self.current.start, ((word, "") for word in words))

    def _argument(self) -> Argument | None:
        """The argument that the word at the cursor belongs to."""
        arguments = self.verb.arguments
        index = min(len(self.plain), len(arguments) - 1)
        if index < 0 or (len(self.plain) >= len(arguments) and not arguments[-1].many):
            return None
        return arguments[index]

    def _options(self) -> list[Offer]:
        left = ((option.name, option.help) for option in self.verb.options if option.name not in self.given)
        return ranked(self.current.text, self.current.start, left)

    def _as_name(self, name: str, text: bool = False) -> str:
        """A name as it is to be typed. A shell quotes for itself."""
        return written(name, text=text) if self.face is Face.SHELL else as_name(name, action=text)

    def _of_kind(self, kind: Kind) -> list[Offer]:
        text, start, known = self.current.text, self.current.start, self.known
        if kind is Kind.SERVICE and text.startswith("#") and self.verb.name in ("why", "break"):
            return self._of_kind(Kind.REF)
        if kind is Kind.SERVICE:
            found = ranked(text, start, known.services(), quote=self._as_name, by=written)
            return [*found, *ranked(text, start, KEEPING)][:MOST] if self.verb.name == "fault" else found
        if kind is Kind.ACTION and self.verb.name == "fault" and self.plain[0].text in ("save", "load"):
            return [*ranked(text, start, known.storms()), *self._files(text, 0)][:MOST]
        if kind is Kind.ACTION:
            actions = known.actions(_named(self.plain[0]))
            return ranked(text, start, actions, quote=partial(self._as_name, text=True), by=partial(written, text=True))
        if kind is Kind.CHANNEL:
            return ranked(text, start, known.channels(), quote=self._as_name, by=written)
        if kind is Kind.REF:
            return ranked(text, start, ((f"#{number}", meta) for number, meta in known.exchanges()))
        if kind is Kind.TOPIC:
            verbs = ((verb.name, verb.summary) for verb in VERBS.values() if self.face in verb.faces)
            topics = [("items", "how a payload is written"), ("filters", "how a filter is written")]
            topics.append(("names", "how any name is written"))
            topics.append(("dialects", "which frameworks are understood"))
            topics.append(("rules", "what findings look for"))
            if text:
                topics += [(name, title) for name, title in _rules() if name.startswith(text.lower())]
            return ranked(text, start, [*verbs, *topics])
        if kind in (Kind.FILE, Kind.OUTPUT):
            return self._files(text, 0)
        if kind is Kind.FILTER:
            return [Offer(offer, start + at, meta) for offer, at, meta in known.filter_offers(self.current.raw)][:MOST]
        if kind is Kind.WORDS:
            return self._words()
        if kind is Kind.NAME:
            return ranked(text, start, (one for one in known.variables() if one[0] != "last"))
        if kind is Kind.VALUE:
            return self._files(text[1:], 1) if text.startswith("@") else self._references(text, 0)
        if kind is Kind.JOB:
            return ranked(text, start, ((str(number), line) for number, line in known.jobs()))
        if kind is Kind.MATCH:
            return self._matches()
        if kind is Kind.VERDICT:
            return ranked(text, start, VERDICTS)
        if kind is Kind.DEED:
            return ranked(text, start, DEEDS)
        if kind is Kind.HELD:
            return ranked(text, start, [*known.held(), ("all", "let all go"), ("next", "the one held for longest")])
        return self._items() if kind is Kind.ITEMS else []

    def _matches(self) -> list[Offer]:
        """The actions of a service, and behind one conditions that the payload seen last fulfils."""
        if self.verb.argument(Kind.DEED) is not None:
            return self._items() if self.plain[-1].text == "answer" else []
        if len(self.plain) == 1 and not self.current.text.startswith("payload."):
            return self._of_kind(Kind.ACTION)
        payload = self.last_payload()
        offers = ((str(one), "as in the payload seen last") for one in offered(payload))
        return ranked(self.current.text, self.current.start, offers)

    def _words(self) -> list[Offer]:
        """Exchanges, where one is begun; else how a filter goes on, and files in the first place."""
        current = self.current
        if current.text.startswith("#"):
            return self._of_kind(Kind.REF)
        offers = self._of_kind(Kind.FILTER)
        return offers if self.plain else [*offers, *self._files(current.text, 0)][:MOST]

    def _names(self) -> list[Offer]:
        """Services and channels, and behind one of them its actions; files in the first place."""
        if self.plain:
            return self._of_kind(Kind.ACTION)
        found = [*self._of_kind(Kind.SERVICE), *self._of_kind(Kind.CHANNEL), *self._files(self.current.text, 0)]
        return list({offer.text: offer for offer in found}.values())[:MOST]

    # Items -----------------------------------------------------------------------------------------------------

    def last_payload(self) -> Any:
        """What was sent last to where this command sends."""
        if self.verb.argument(Kind.CHANNEL) is not None:
            return self.known.message(_named(self.plain[0])) if self.plain else None
        return self.known.payload(_named(self.plain[0]), _named(self.plain[1])) if len(self.plain) > 1 else None

    def _items(self) -> list[Offer]:
        text = self.current.text
        if text.startswith("{"):
            return []
        if text.startswith("@"):
            return self._files(text[1:], 1)
        key, equals, value = text.partition("=")
        if equals and value.startswith("@"):
            return self._files(value[1:], len(key) + 2)
        if equals and key.endswith(":") and value[:1] in ("$", "#"):
            return self._references(value, len(key) + 1)
        # Before the value is begun, what is typed is meant as a name.
        return ranked(text, self.current.start, self._fields(), by=whole if equals else _name_of)

    def _fields(self) -> Iterator[tuple[str, str]]:
        """Items of the payload seen last that are not given yet; before the first one, all of it at once."""
        payload = self.last_payload()
        count = sum(argument.kind is not Kind.ITEMS for argument in self.verb.arguments)
        given = {word.text.partition("=")[0].removesuffix(":") for word in self.plain[count:]}
        found = [(item(path, value), path) for path, value in fields(payload)]
        if not given and len(found) > 1:
            whole = template(payload)
            if len(whole) <= 2 * _LONGEST_VALUE:
                yield whole, "the payload seen last"
        seen = set(given)
        for shown, _path in found:
            key = shown.partition("=")[0].removesuffix(":")
            seen.add(key)
            if key not in given:
                if len(shown) <= _LONGEST_VALUE:
                    yield shown, "the value seen last"
                else:
                    yield shown.partition("=")[0] + "=", "a value too long to offer was seen last"
        for shown, meta in self._told():
            if shown.partition("=")[0].removesuffix(":") not in seen:
                yield shown, meta

    def _told(self) -> Iterable[tuple[str, str]]:
        """Items that the action takes, as its service tells."""
        if self.verb.argument(Kind.ACTION) is None or len(self.plain) < 2:
            return ()
        return self.known.fields(_named(self.plain[0]), _named(self.plain[1]))

    def _references(self, value: str, column: int) -> list[Offer]:
        start = self.current.at(column)
        if value.startswith("#"):
            return ranked(value, start, ((f"#{number}", meta) for number, meta in self.known.exchanges()))
        return ranked(value, start, ((f"${name}", meta) for name, meta in self.known.variables()))

    def _files(self, beginning: str, column: int) -> list[Offer]:
        start = self.current.at(column)
        as_typed = str if self.face is Face.SHELL else as_word
        return [Offer(as_typed(path), start, meta) for path, meta in self.known.files(beginning)][:MOST]


def _named(word: Word) -> str:
    """The name that a word says."""
    try:
        return read(word.text)
    except ValueError:
        return word.text


def _name_of(shown: str) -> str:
    return shown.partition("=")[0]


def _rules() -> Iterable[tuple[str, str]]:
    """The rules of findings, with what each finds; loaded where somebody types one."""
    from daebus_console.engine.findings.rules import RULES

    return ((name, rule.title) for name, rule in RULES.items())
