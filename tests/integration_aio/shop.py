"""The service that the asyncio caller asks in these tests, and a few ways to look at what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

from daebus import AsyncDaebusCaller, Daebus, request, response
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


class Shop:
    """An app with actions of every kind, and what its handlers noticed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[Any] = []
        self.gate = threading.Event()
        self.app = Daebus(name, max_workers=40)
        actions: list[Callable[[], Any]] = [self.echo, self.about, self.steps, self.fail, self.note, self.block]
        for action in actions:
            self.app.action(action.__name__)(action)

    def echo(self) -> dict[str, Any]:
        return request.payload

    def about(self) -> dict[str, Any]:
        return {
            "service": request.service,
            "request_id": request.request_id,
            "parent_id": request.parent_id,
            "timeout": request.timeout,
            "reply_to": request.reply_to,
        }

    def steps(self) -> int:
        for number in range(request.payload.get("count", 3)):
            response.send({"step": number}, final=False)
        if request.payload.get("block"):
            self.gate.wait(20)
        return response.send({"done": True})

    def fail(self) -> None:
        raise LookupError("not on the shelf")

    def note(self) -> dict[str, Any]:
        self.notes.append(request.payload)
        return {}

    def block(self) -> dict[str, Any]:
        self.notes.append("blocking")
        self.gate.wait(30)
        return {"unblocked": True}


def pending(caller: AsyncDaebusCaller) -> int:
    """How many calls wait, in any loop."""
    return sum(session.pending for session in caller._sessions.values())


def connections(server: RedisServer, label: str) -> int:
    """How many clients Redis lists under the name that a caller named `label` gives its connections."""
    with server.client() as client:
        return sum(entry["name"] == f"daebus:{label}" for entry in client.client_list())


def open_files() -> int:
    """Descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


async def until(probe: Callable[[], object]) -> None:
    """Wait, with the event loop running, until `probe` says yes."""
    await asyncio.to_thread(eventually, probe)
