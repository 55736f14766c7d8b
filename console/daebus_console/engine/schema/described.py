"""An action as its service describes it, and how the parts of a schema are read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
NOTHING: Schema = {}
_REFERENCE = "#/$defs/"
_DEEPEST = 20
"""References that lead to others, at most."""


@dataclass(frozen=True, slots=True)
class Described:
    """An action. `arguments` and `answer` are None where it says nothing of them; `last` is the end of a stream."""

    name: str
    description: str = ""
    arguments: Schema | None = None
    answer: Schema | None = None
    last: Schema | None = None
    streams: bool = False


def described(name: str, doc: str, told: Mapping[str, Any] | None) -> Described:
    """The action, out of what was told of it: anything, or nothing."""
    told = told or {}
    description = told.get("description")
    parts = {part: told[part] for part in ("arguments", "answer", "last") if isinstance(told.get(part), Mapping)}
    text = description if isinstance(description, str) and description else doc
    return Described(name, text, streams=told.get("streams") is True, **parts)


@dataclass(frozen=True, slots=True)
class Whole:
    """A schema with the definitions that it may refer to."""

    schema: Schema
    definitions: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: Schema) -> Whole:
        """The schema, with its own definitions."""
        definitions = schema.get("$defs")
        return cls(schema, definitions if isinstance(definitions, Mapping) else {})

    def within(self, schema: Any) -> Whole:
        """A part of it."""
        return Whole(schema if isinstance(schema, Mapping) else NOTHING, self.definitions)

    @property
    def reference(self) -> str | None:
        """The name of the definition that it refers to, if it does."""
        found = self.schema.get("$ref")
        return found[len(_REFERENCE) :] if isinstance(found, str) and found.startswith(_REFERENCE) else None

    def resolved(self) -> Whole:
        """What it refers to, at last; what says nothing where that is not there."""
        found = self
        for _ in range(_DEEPEST):
            name = found.reference
            if name is None:
                return found
            found = self.within(self.definitions.get(name))
        return self.within(NOTHING)

    def fields(self) -> Iterator[tuple[str, Whole, bool]]:
        """The fields of an object: name, schema, and whether it must be there."""
        here = self.resolved().schema
        properties, required = here.get("properties"), self.required()
        for name, schema in properties.items() if isinstance(properties, Mapping) else ():
            yield str(name), self.within(schema), name in required

    def required(self) -> list[Any]:
        """The names of the fields that must be there."""
        found = self.resolved().schema.get("required")
        return found if isinstance(found, list) else []

    def members(self) -> list[Whole]:
        """What it may be, each on its own; empty where it is one thing."""
        found = self.schema.get("anyOf")
        return [self.within(each) for each in found] if isinstance(found, list) else []

    def types(self) -> list[str]:
        """The types that it names."""
        found = self.schema.get("type")
        named = found if isinstance(found, list) else [found]
        return [each for each in named if isinstance(each, str)]

    def values(self) -> list[Any] | None:
        """The values that it may be, where it lists them."""
        if "const" in self.schema:
            return [self.schema["const"]]
        found = self.schema.get("enum")
        return found if isinstance(found, list) else None
