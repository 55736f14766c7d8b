"""Secrets beside their names rather than under them: `["password", "x"]`, `{"name": "password", "value": "x"}`. Pure.

Also those with which a debugger's condition compares: `[["user", "password"], "=", "x"]`.
Also those that a pickle puts under their names, of which only the opcodes are known.

`named` tells whether a text is the name of a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daebus_console.engine.hiding.unpacked import argument

_LABELS = frozenset(
    ("name", "key", "field", "k", "id", "header", "param", "parameter", "attribute", "property", "option", "setting",
     "variable", "var", "label", "path")
)  # fmt: skip
_VALUES = frozenset(
    ("value", "values", "val", "v", "content", "contents", "data", "text", "default", "current", "secret", "old", "new",
     "before", "after", "from", "to", "old_value", "new_value", "oldvalue", "newvalue")
)  # fmt: skip

_OPERATORS = frozenset(("=", "!=", "<", ">", "~"))
Named = Callable[[str], bool]


def in_object(members: Sequence[tuple[str, object]], named: Named) -> list[int]:
    """The places of the members that hold a secret: those under its name, and the values beside it."""
    found = [index for index, (key, _value) in enumerate(members) if named(key)]
    if any(isinstance(value, str) and _plain(key) in _LABELS and named(value) for key, value in members):
        found += [index for index, (key, _value) in enumerate(members) if _plain(key) in _VALUES]
    return found


def in_list(items: Sequence[object], named: Named) -> list[int]:
    """The places of the items that hold a secret: names and values stand in turn, as in a pair.

    In a condition it is what such a path is compared with. Behind an opcode of a pickle that has such a name all is
    taken for one: where its value ends cannot be told.
    """
    if len(items) == 3 and isinstance(items[1], str) and items[1] in _OPERATORS:
        return [2] if any(map(named, _steps(items[0]))) else []
    texts = [(index, item) for index, item in enumerate(items) if isinstance(item, str)]
    found = [index + 1 for index, name in texts if index % 2 == 0 and index + 1 < len(items) and named(name)]
    opcodes = (index for index, item in texts if (said := argument(item)) is not None and named(said))
    return [*found, *range(next(opcodes, len(items)) + 1, len(items))]


def _steps(path: object) -> list[str]:
    """The names of a path: a list of them, or a text with dots between them."""
    if isinstance(path, str):
        return path.split(".")
    return [one for one in path if isinstance(one, str)] if isinstance(path, list) else []


def _plain(key: str) -> str:
    return key.strip().casefold()
