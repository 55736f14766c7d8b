"""Several instances of one service in this process, and what each of them did."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from daebus import Daebus, request
from tests.support.framework_services import serving


class Instance:
    """One instance: `echo` answers at once, `block` when `gate` opens, `event` is a broadcast it hears."""

    def __init__(self, name: str, number: int, **options: Any) -> None:
        self.number = number
        self.handled: list[Any] = []
        self.heard: list[Any] = []
        self.gate = threading.Event()
        self.app = Daebus(name, **options)
        self.app.action("echo")(self.echo)
        self.app.action("block")(self.block)
        self.app.listen(f"{name}.event")(self.heard.append)

    def echo(self) -> dict[str, Any]:
        self.handled.append(request.payload)
        return {"by": self.number}

    def block(self) -> dict[str, Any]:
        self.handled.append(request.payload)
        self.gate.wait(30)
        return {"by": self.number}


@contextmanager
def instances(url: str, name: str, count: int, *, shared: bool = True, **options: Any) -> Iterator[list[Instance]]:
    """So many running instances."""
    several = [Instance(name, number, **options) for number in range(count)]
    with ExitStack() as stack:
        for instance in several:
            stack.enter_context(serving(instance.app, url, name, shared=shared))
        try:
            yield several
        finally:
            for instance in several:
                instance.gate.set()
