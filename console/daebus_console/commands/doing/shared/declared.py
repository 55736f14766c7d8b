"""What services declare of their actions, where they do: as they told this console, or as a capture holds it."""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.engine.directory import Directory
from daebus_console.engine.insight.shapes import Place
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.engine.schema.described import Schema, Whole, described


class Declared:
    """The schemas of the messages of the actions that a service told of."""

    def __init__(self, directory: Directory) -> None:
        self._actions = {
            (service.name, action.name): described(action.name, action.doc, action.told)
            for service in directory.services.values()
            for action in service.actions.values()
            if action.told is not None
        }

    @classmethod
    def told_in(cls, exchanges: Iterable[Exchange]) -> Declared:
        """What services told while these exchanges passed."""
        directory = Directory()
        for exchange in exchanges:
            if exchange.flags & Flag.CONTROL and exchange.action == "info" and exchange.answer is not None:
                told = {} if exchange.answer.error else wire.told_in(exchange.answer.data)
                if told:
                    directory.info(exchange.answer.at, told)
        return cls(directory)

    def of(self, place: Place) -> Whole | None:
        """The schema of the messages at that place; None where none is declared, as for errors."""
        action = self._actions.get((place.target, place.action or ""))
        schema: Schema | None = None
        if action is not None and place.part in ("request", "one-way message"):
            schema = action.arguments
        elif action is not None and place.part == "partial answer":
            schema = action.answer if action.streams else None
        elif action is not None and place.part == "answer":
            # The end of a stream that says nothing of it may be anything.
            schema = action.last if action.streams else action.answer
        return None if schema is None else Whole.of(schema)
