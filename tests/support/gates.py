"""A debugger for tests: sets rules at services over their control channels, looks at what is held, and lets it go."""

from __future__ import annotations

from typing import Any

import pytest

from daebus import Requester, RequestFailed
from daebus.service.control.channel import control_channel
from tests.support.waiting import eventually


class Debugger:
    """What a console does, at one service. `owner` is who it is."""

    def __init__(self, requester: Requester, service: str, owner: str = "ann", lease: float = 30.0) -> None:
        self._requester = requester
        self._channel = control_channel(service)
        self.owner = owner
        self.lease = lease

    def ask(self, verb: str, **payload: Any) -> Any:
        """The answer of one instance."""
        return self._requester.call(self._channel, verb, payload, timeout=10)

    def rules(self, *rules: dict[str, Any], **payload: Any) -> Any:
        """Set rules in the place of those that there are."""
        return self.ask("rules", owner=self.owner, **{"lease": self.lease, "rules": list(rules), **payload})

    def held(self, count: int = 1) -> list[dict[str, Any]]:
        """What is held, when there are so many."""
        return eventually(
            lambda: found if len(found := self.ask("held")["held"]) == count else [], what="they are held"
        )

    def one(self) -> dict[str, Any]:
        """The one that is held."""
        (found,) = self.held()
        return found

    def release(self, hold: str | None = None, **payload: Any) -> Any:
        """Let it go: the only one that is held, where it is not said which."""
        return self.ask("release", hold=self.one()["hold"] if hold is None else hold, **payload)

    def refused(self, verb: str, **payload: Any) -> RequestFailed:
        """The error that it is answered with."""
        with pytest.raises(RequestFailed) as caught:
            self.ask(verb, **payload)
        return caught.value
