"""A payload as the items that say it: for filling in what was sent before. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.terms.paths import Path, show_path
from daebus_console.engine import jsontext

_DEEPEST = 3
_MOST_ITEMS = 12
_SPECIAL = set(" '\"\\#&{}")


def fields(payload: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The fields of an object with their paths: objects are gone into, lists stay whole."""
    for name, value in payload.items() if isinstance(payload, dict) else ():
        here = (*path, name)
        if isinstance(value, dict) and value and len(here) < _DEEPEST:
            yield from fields(value, here)
        else:
            yield here, value


def item(path: Path, value: Any) -> str:
    """One item as it is typed at a prompt."""
    key = show_path(path)
    if key.endswith(":"):
        key = f"{key[:-1]}\\:"
    if key[:1] in ("@", "{", "-"):
        key = f"\\{key}"
    if not key.isprintable() or any(sign in _SPECIAL for sign in key):
        key = _quoted(key)
    if not isinstance(value, str) or not value.isprintable() or value.startswith("\\@"):
        return f"{key}:={jsontext.dumps(value)}"
    text = f"\\{value}" if value.startswith("@") else value
    if any(sign in _SPECIAL for sign in text):
        text = _quoted(text)
    return f"{key}={text}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def template(payload: Any) -> str:
    """The items that say the payload, or where those would be many or could not say it, one JSON object.

    Empty where not even that can be typed.
    """
    if not isinstance(payload, dict) or not payload:
        return ""
    found = list(fields(payload))
    lines = [jsontext.dumps(payload)]
    if len(found) <= _MOST_ITEMS:
        lines.insert(0, " ".join(item(path, value) for path, value in found))
    return next((line for line in lines if _says(line, payload)), "")


def _says(line: str, payload: Any) -> bool:
    try:
        command = parse(f"broadcast x {line}")
    except CommandError:
        return False
    # As texts: numbers may be equal and written in another way, and a name may stand twice.
    return command is not None and jsontext.dumps(command["items"].build(_Nothing())) == jsontext.dumps(payload)


class _Nothing:
    """Sources for items that need none."""

    def text(self, path: str) -> str:
        raise AssertionError(path)

    def stdin(self) -> str:
        raise AssertionError

    def reference(self, name: str, path: Path) -> Any:
        raise AssertionError((name, path))
