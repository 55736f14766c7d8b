"""What a verb is: its arguments, its options, where it works. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from daebus_console.commands.terms.kinds import Kind


class Face(StrEnum):
    """Where a command is given: at the shell, or at a prompt (of the TUI, or the line REPL)."""

    SHELL = "shell"
    PROMPT = "prompt"


@dataclass(frozen=True)
class Argument:
    """A word, or words, in a fixed place. `many` takes all the words that are left.

    `names` tells of WORDS that they are a service or channel and an action, and no filter. `words` are offered where a
    text is one of a few. `other` is an option, by its key, and the kind of the word where that is given.
    """

    name: str
    kind: Kind
    help: str
    required: bool = True
    many: bool = False
    names: bool = False
    words: tuple[str, ...] = ()
    other: tuple[str, Kind] | None = None

    @property
    def shown(self) -> str:
        """As it stands in a usage line."""
        label = self.name.upper() if self.kind is not Kind.REF else "#N"
        label += "..." if self.many and self.kind in (Kind.REF, Kind.WORDS, Kind.SERVICE, Kind.MATCH) else ""
        return label if self.required else f"[{label}]"


@dataclass(frozen=True)
class Option:
    """A word that begins with dashes, with the value after it; a FLAG has none. `short` is its one-letter form.

    `words` are offered where its value is one of a few; a metavar such as `on|off` says them as well.
    """

    name: str
    kind: Kind
    help: str
    metavar: str = ""
    short: str | None = None
    words: tuple[str, ...] = ()

    @property
    def offered(self) -> tuple[str, ...]:
        """The words that its value may be, where these are few."""
        return self.words or (tuple(self.metavar.split("|")) if "|" in self.metavar else ())

    @property
    def key(self) -> str:
        """Its name among the arguments of a command."""
        return self.name.removeprefix("--").replace("-", "_")

    @property
    def shown(self) -> str:
        """As it stands in a usage line, without the brackets."""
        name = self.short or self.name
        return name if self.kind is Kind.FLAG else f"{name} {self.metavar or self.kind.value}"


@dataclass(frozen=True)
class Verb:
    """One verb.

    `publishes` tells that it sends something onto the bus, `many` that this is more than one message; `background` that
    a trailing & is allowed. `place` is where help lists it: behind all with a smaller one.
    """

    name: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()
    details: str = ""
    publishes: bool = False
    many: bool = False
    background: bool = False
    faces: frozenset[Face] = frozenset(Face)
    place: int = 1000

    @property
    def usage(self) -> str:
        """The line that shows how it is used."""
        options = [f"[{option.shown}]" for option in self.options]
        return " ".join([self.name, *(argument.shown for argument in self.arguments), *options])

    def argument(self, kind: Kind) -> Argument | None:
        """Its first argument of that kind, if it has one."""
        return next((argument for argument in self.arguments if argument.kind is kind), None)
