"""Putting out what is no line for people: as it is, where nobody reads it on a screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from daebus_console.commands.context import Context
from daebus_console.render import line


@runtime_checkable
class Exact(Protocol):
    """An output that takes texts as they are."""

    def exactly(self, texts: Iterable[str], shown: Callable[[str], str] = str) -> None:
        """Put them out; on a terminal `shown` of each, cleaned of what that would obey."""


def put_out(found: Iterable[str], context: Context, shown: Callable[[str], str]) -> None:
    """To standard output: into a pipe or a file as it is, on a screen so that it commands nothing."""
    output: object = context.output
    if isinstance(output, Exact):
        output.exactly(found, shown)
        return
    for piece in found:
        context.output.result(line(text) for text in shown(piece.removesuffix("\n")).split("\n"))
