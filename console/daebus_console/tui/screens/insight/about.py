"""What the keys `u` and `s` are about: an action, a service or channel, a group of failures, or what is marked."""

from __future__ import annotations

from typing import NamedTuple

from daebus_console.engine.filter import writing
from daebus_console.naming import shown


class About(NamedTuple):
    """`target` is a service or channel, empty for all; `selecting` the filter of what is set apart from the rest of it.

    `words` say what that is; without it they are what all of it is.
    """

    target: str
    action: str | None = None
    selecting: str = ""
    named: str = ""

    @property
    def of(self) -> str:
        """All of it, in words."""
        if not self.target:
            return "all there is"
        return shown(self.target) + (f".{shown(self.action, text=True)}" if self.action is not None else "")

    @property
    def words(self) -> str:
        """What is set apart, in words."""
        return self.named or self.of

    @property
    def filter(self) -> str:
        """The filter for all of it."""
        terms = [f"to:{writing.literal(self.target)}"] if self.target else []
        if self.action is not None:
            terms.append(f"action:{writing.literal(self.action)}")
        return " ".join(terms)
