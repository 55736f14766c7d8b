"""Masking in differences: a value is masked also where a redacted key stands in its path. Pure."""

from __future__ import annotations

from daebus_console.engine.diff.values import Change
from daebus_console.engine.redact import MASK, Redactor


def masked(change: Change, redact: Redactor) -> Change:
    """The difference without the values of redacted keys; that they differ is still told."""
    if any(redact.names(name) for name in names_in(change.path)):
        return change._replace(
            before=None if change.before is None else MASK, after=None if change.after is None else MASK
        )
    return change._replace(before=redact.mask(change.before), after=redact.mask(change.after))


def names_in(path: str) -> list[str]:
    """The names of members in a path."""
    names: list[str] = []
    name: list[str] = []
    position = 0
    while position < len(path):
        sign = path[position]
        if sign == "\\" and position + 1 < len(path):
            position += 1
            name.append(path[position])
        elif sign in ".[":
            names.append("".join(name))
            name = []
            if sign == "[":
                position = max(position, path.find("]", position))
        else:
            name.append(sign)
        position += 1
    return [one for one in [*names, "".join(name)] if one]
