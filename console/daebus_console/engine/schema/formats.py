"""What describes actions, by the names of the formats. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daebus_console.engine.schema.as_asyncapi import as_asyncapi
from daebus_console.engine.schema.as_jsonschema import as_jsonschema
from daebus_console.engine.schema.as_markdown import as_markdown
from daebus_console.engine.schema.as_python import as_python
from daebus_console.engine.schema.described import Described

FORMATS: dict[str, Callable[[str, Sequence[Described]], str]] = {
    "asyncapi": as_asyncapi,
    "jsonschema": as_jsonschema,
    "markdown": as_markdown,
    "python": as_python,
}
"""Each makes one text of a service's name and its actions."""
