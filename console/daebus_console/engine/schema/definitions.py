"""The definitions of several schemas in one place, each with a name of its own. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.schema.described import Schema

_OLD = "#/$defs/"
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")


class Definitions:
    """Takes schemas with definitions of their own, and gives them back with references to a common place.

    What is the same has one name; what is not, and is called the same, gets another.
    """

    def __init__(self, prefix: str) -> None:
        self.schemas: dict[str, Any] = {}
        self._prefix = prefix

    def take(self, schema: Schema) -> dict[str, Any]:
        """The schema, without definitions."""
        own = schema.get("$defs")
        definitions = own if isinstance(own, Mapping) else {}
        names = {name: self._name(str(name), definition) for name, definition in definitions.items()}
        for name, definition in definitions.items():
            self.schemas[names[name]] = self._rewritten(definition, names)
        found: dict[str, Any] = self._rewritten({key: value for key, value in schema.items() if key != "$defs"}, names)
        return found

    def _name(self, name: str, definition: Any) -> str:
        wanted = _UNFIT.sub("_", name) or "_"
        number, found = 1, wanted
        while found in self.schemas and not self._is_same(self.schemas[found], definition):
            number += 1
            found = f"{wanted}_{number}"
        self.schemas.setdefault(found, definition)
        return found

    def _is_same(self, taken: Any, other: Any) -> bool:
        plain = jsontext.canonical(other).replace(_OLD, self._prefix)
        return jsontext.canonical(taken) in (plain, jsontext.canonical(other))

    def _rewritten(self, value: Any, names: Mapping[str, str]) -> Any:
        if isinstance(value, Mapping):
            return {key: self._reference(inner, names) if key == "$ref" else self._rewritten(inner, names)
                    for key, inner in value.items()}  # fmt: skip
        return [self._rewritten(each, names) for each in value] if isinstance(value, list) else value

    def _reference(self, reference: Any, names: Mapping[str, str]) -> Any:
        if not isinstance(reference, str) or not reference.startswith(_OLD):
            return reference
        name = reference.removeprefix(_OLD)
        return f"{self._prefix}{names.get(name, _UNFIT.sub('_', name))}"
