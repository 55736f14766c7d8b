"""For tests of the gates: a service that may be debugged, and a debugger, which does what a console does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import Daebus, Requester, RequestFailed, request, response
from daebus.client.call import Call
from daebus.service.control.channel import control_channel
from daebus.wire.envelope import Reply
from tests.support.waiting import eventually

HOLD: dict[str, Any] = {"place": "request", "hold": True}


class Shop:
    """A service with a handler of each kind; what they were asked is in `handled`, what was heard in `heard`."""

    def __init__(self, name: str, **options: Any) -> None:
        self.handled: list[Any] = []
        self.heard: list[Any] = []
        self.app = Daebus(name, **{"debugger": True, **options})
        self.app.action("echo")(self.echo)
        self.app.action("async")(self.echo_async)
        self.app.action("steps")(self.steps)
        self.app.action("later")(self.later)
        self.app.listen(f"{name}.event")(self.hear)
        self.app.listen(f"{name}.both")(self.hear)
        self.app.listen(f"{name}.both")(self.hear_async)

    def echo(self) -> dict[str, Any]:
        self.handled.append(request.payload)
        return {"got": request.payload}

    async def echo_async(self) -> dict[str, Any]:
        return self.echo()

    def steps(self) -> Iterator[dict[str, Any]]:
        self.handled.append(request.payload)
        yield {"step": 1}
        yield {"got": request.payload}

    def later(self) -> None:
        self.handled.append(request.payload)
        handle, payload = response.defer(), request.payload
        threading.Thread(target=lambda: handle.send({"got": payload})).start()

    def hear(self, payload: Any) -> None:
        self.heard.append(payload)

    async def hear_async(self, payload: Any) -> None:
        self.heard.append(payload)


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
        return self.ask("rules", **{"owner": self.owner, "lease": self.lease, "rules": list(rules), **payload})

    def held(self, count: int = 1) -> list[dict[str, Any]]:
        """What is held, when there are so many."""
        return eventually(lambda: found if len(found := self.ask("held")["held"]) == count else [])

    def one(self) -> dict[str, Any]:
        """The one that is held."""
        (found,) = self.held()
        return found

    def nothing(self) -> bool:
        """Whether nothing is held."""
        return bool(self.ask("held")["count"] == 0)

    def release(self, hold: str | None = None, **payload: Any) -> Any:
        """Let it go: the only one that is held, where it is not said which."""
        return self.ask("release", hold=self.one()["hold"] if hold is None else hold, **payload)

    def refused(self, verb: str, **payload: Any) -> RequestFailed:
        """The error that it is answered with."""
        with pytest.raises(RequestFailed) as caught:
            self.ask(verb, **payload)
        return caught.value


def final(call: Call) -> Reply:
    """The final reply."""
    return list(call.replies())[-1]


def did(reply: Reply) -> list[str]:
    """What its envelope says was done by a debugger."""
    debug = json.loads(reply.raw).get("debug") or {"did": []}
    found: list[str] = debug["did"]
    return found
