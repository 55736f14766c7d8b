"""What services declare of their actions, where they do: as they told this console, or as a capture holds it."""

from __future__ import annotations

from daebus_console.commands.context import Context
from daebus_console.commands.doing.material import Material
from daebus_console.engine.directory import Directory
from daebus_console.engine.insight.shapes import Place
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Flag
from daebus_console.engine.schema.described import Described, Schema, Whole, described


class Declared:
    """The schemas of the messages of the actions that a service told of."""

    def __init__(self, material: Material, context: Context) -> None:
        self._actions: dict[tuple[str, str], Described] = {}
        if material.path is None:
            with context.session.lock:
                self._take(context.session.directory)
            return
        directory = Directory()
        for exchange in material.each():
            if exchange.flags & Flag.CONTROL and exchange.action == "info" and exchange.answer is not None:
                told = {} if exchange.answer.error else wire.told_in(exchange.answer.data)
                if told:
                    directory.info(exchange.answer.at, told)
        self._take(directory)

    def _take(self, directory: Directory) -> None:
        for service in directory.services.values():
            for action in service.actions.values():
                if action.told is not None:
                    found = described(action.name, action.doc, action.told)
                    self._actions[service.name, action.name] = found

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
