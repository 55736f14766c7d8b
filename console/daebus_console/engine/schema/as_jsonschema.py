"""Actions as one JSON Schema (2020-12). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.schema.definitions import Definitions
from daebus_console.engine.schema.described import Described
from daebus_console.naming import shown


def as_jsonschema(service: str, actions: Sequence[Described]) -> str:
    """A schema whose definitions are `ACTION.arguments` and `ACTION.answer`, and whatever those refer to."""
    definitions = Definitions("#/$defs/")
    parts: dict[str, Any] = {}
    for action in actions:
        for part, schema in (("arguments", action.arguments), ("answer", action.answer), ("last", action.last)):
            if schema is not None:
                parts[f"{action.name}.{part}"] = definitions.take(schema)
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": shown(service),
        "$defs": {**parts, **definitions.schemas},
    }
    return f"{jsontext.dumps(whole, indent=2)}\n"
