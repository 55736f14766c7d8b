"""Putting out what is no line for people: which form is wanted, and as it is, where nobody reads it on a screen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol, runtime_checkable

from daebus_console.commands.context import Context
from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.verbs import Face
from daebus_console.engine.export.quoting import shell_word
from daebus_console.render import line


@runtime_checkable
class Exact(Protocol):
    """An output that takes texts as they are."""

    def exactly(self, texts: Iterable[str], shown: Callable[[str], str] = str) -> None:
        """Put them out; on a terminal `shown` of each, cleaned of what that would obey."""


def form_named(command: Command, noun: str, known: Collection[str]) -> str:
    """The form that `--as` names. Raises CommandError where there is no such one."""
    name: str = command["as"]
    if name in known:
        return name
    message = f"there is no {noun} {name!r}; there are: {', '.join(known)}"
    raise CommandError(message, max(command.line.rfind(name), 0), len(name), nearest(name.lower(), known))


def as_typed(filter_text: str, face: Face) -> str:
    """A filter as it is typed at that face: what a shell would take for its own is quoted for it."""
    if face is not Face.SHELL or all(shell_word(word) == word for word in filter_text.split(" ")):
        return filter_text
    return shell_word(filter_text)


def put_out(found: Iterable[str], context: Context, shown: Callable[[str], str]) -> None:
    """To standard output: into a pipe or a file as it is, on a screen so that it commands nothing."""
    output: object = context.output
    if isinstance(output, Exact):
        output.exactly(found, shown)
        return
    for piece in found:
        context.output.result(line(text) for text in shown(piece.removesuffix("\n")).split("\n"))
