"""What handlers return when they have answered already: it goes nowhere, which the log says once for each action."""

from __future__ import annotations

import logging

from daebus.errors import class_of
from daebus.logs import note

log = logging.getLogger("daebus")


class Unsent:
    """The actions of one running service of which that has been said."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._told: set[tuple[str, bool]] = set()

    def say(self, action: str, raised: BaseException | None) -> None:
        """The handler of the action has returned one more answer, or that of what it `raised` has. Raises nothing."""
        told = action, raised is None
        if told in self._told:
            return
        self._told.add(told)
        if raised is None:
            what = "returned an answer after its final one, and only that was sent: a part has final=False"
        else:
            what = f"raised {class_of(raised)} after its final answer: what its error handler returned was not sent"
        note(log, logging.WARNING, "%s: action %r %s", self._service, action, what)
