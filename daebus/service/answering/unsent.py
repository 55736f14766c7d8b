"""What handlers return when they have answered already: it goes nowhere, which the log says once for each action."""

from __future__ import annotations

import logging

from daebus.logs import note

log = logging.getLogger("daebus")


class Unsent:
    """The actions of one running service of which that has been said."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._told: set[str] = set()

    def say(self, action: str) -> None:
        """The handler of the action has returned one more answer. Raises nothing."""
        if action in self._told:
            return
        self._told.add(action)
        line = "%s: action %r returned an answer after its final one, and only that was sent: a part has final=False"
        note(log, logging.WARNING, line, self._service, action)
