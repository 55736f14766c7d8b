"""What is wrong with an annotation, or with a payload: each field by its path, and why. Never the value. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

MOST = 100
"""Wrong fields that are named; of more the number is told."""
_SAID = 5
"""Wrong fields that stand in the text for people."""
_LONGEST = 60
"""Characters of a key that are shown."""

RETURNED = "what it returns"
"""What the annotation of an answer is called in errors."""

Step = str | int
"""From a value to one within: the name of a field, or the index in a list."""


class Unusable(Exception):
    """An annotation that cannot be used. Its text says why."""


class Wrongs:
    """Collects what is wrong while a value is gone through, from the inside out."""

    __slots__ = ("_found", "count")

    def __init__(self) -> None:
        self.count = 0
        self._found: list[tuple[list[Step], str]] = []

    def add(self, reason: str, *inwards: Step) -> None:
        """Note what is wrong with the value at hand, or with what is `inwards` of it."""
        self.count += 1
        if len(self._found) < MOST:
            self._found.append((list(reversed(inwards)), reason))

    def within(self, step: Step, since: int) -> None:
        """What was noted since the count was `since` is about what is there at `step`."""
        for steps, _reason in self._found[since:]:
            steps.append(step)

    def fields(self) -> list[dict[str, str]]:
        """Each as `path` (such as `items[0].qty`; empty for the payload itself) and `reason`."""
        return [{"path": _path(steps), "reason": reason} for steps, reason in self._found]

    def text(self, what: str) -> str:
        """All of it in a line, shortened."""
        said = [f"{field['path'] or what} {field['reason']}" for field in self.fields()[:_SAID]]
        more = self.count - len(said)
        return "; ".join(said) + (f"; and {more} more" if more else "")


Convert = Callable[[Any, Wrongs], Any]
"""Makes of a JSON value what an annotation says; what it returns is good only where nothing was noted."""


def kind(value: object) -> str:
    """What sort of JSON value it is, in words."""
    return _KINDS.get(type(value), f"a {type(value).__name__}" if not isinstance(value, float) else _KINDS[float])


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a point or an exponent",
    str: "text",
    list: "a list",
    dict: "an object",
}


def _path(inside_out: list[Step]) -> str:
    path = ""
    for step in reversed(inside_out):
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.isidentifier():
            path += f".{step}" if path else step
        else:
            cut = step if len(step) <= _LONGEST else f"{step[:_LONGEST]}..."
            path += f"[{json.dumps(cut)}]"
    return path
