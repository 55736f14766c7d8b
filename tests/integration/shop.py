"""A service that does a bit of everything, with what its handlers noticed."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from daebus import AlreadyAnswered, Daebus, DaebusCaller, RequestFailed, request, response


class Shop:
    """A service of this test, with what its handlers noticed."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.notes: list[Any] = []
        self.gate = threading.Event()
        self.app = Daebus(name, max_workers=4, max_queue=5)
        self._register(self.app)

    def _register(self, app: Daebus) -> None:
        @app.action("echo")
        def echo() -> int:
            """Give the payload back.

            And more text.
            """
            return response.send(request.payload)

        @app.action("about")
        def about() -> dict[str, Any]:
            return {
                "service": request.service,
                "request_id": request.request_id,
                "parent_id": request.parent_id,
                "reply_to": request.reply_to,
                "timeout": request.timeout,
                "old_style": app.request.payload is request.payload,
            }

        @app.action("steps")
        def steps() -> int:
            for number in range(request.payload.get("count", 3)):
                response.send({"step": number}, final=False)
            response.progress({"almost": True}, 250)
            return response.success({"done": True})

        @app.action("raise")
        def fail() -> None:
            raise LookupError("not on the shelf")

        @app.action("error")
        def error() -> int:
            return response.error("out of stock", code="stock")

        @app.action("error_from_exception")
        def error_from_exception() -> int:
            return response.error(KeyError("id"))

        @app.action("nothing")
        def nothing() -> None: ...

        @app.action("partial_only")
        def partial_only() -> int:
            return response.send({}, final=False)

        @app.action("exit")
        def leave() -> None:
            raise SystemExit(3)

        @app.action("unwritable")
        def unwritable() -> int:
            return response.send({"when": {1j, 2}})

        @app.action("unwritable_return")
        def unwritable_return() -> dict[str, Any]:
            return {"when": float("nan")}

        @app.action("twice")
        def twice() -> None:
            response.send({"first": True})
            try:
                response.send({"second": True})
            except AlreadyAnswered as problem:
                self.notes.append(problem)
                raise

        @app.action("note")
        def note() -> None:
            self.notes.append(request.payload)
            self.notes.append(response.send({"ignored": True}))

        @app.action("block")
        def block() -> dict[str, Any]:
            self.notes.append("blocking")
            self.gate.wait(20)
            return {"unblocked": True}


def failure(caller: DaebusCaller, action: str, payload: dict[str, Any] | None = None) -> RequestFailed:
    begun = time.monotonic()
    with pytest.raises(RequestFailed) as caught:
        caller.send_request(action, payload, timeout=20)
    assert time.monotonic() - begun < 10, "an error is not to wait for the timeout"
    return caught.value
