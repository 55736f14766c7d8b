"""How services are suspended, and go on. Rules as in keeper.py."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from daebus.errors import DaebusError
from daebus_console.engine.holding.desk import Desk
from daebus_console.engine.holding.report import Hold
from daebus_console.engine.holding.suspended import SUSPENSION
from daebus_console.engine.keeping.asking import Asker, Question
from daebus_console.engine.keeping.refused import refusal
from daebus_console.engine.session import Session


class Suspending:
    """Suspends what a desk knows to be suspended. `sending` is the keeper's; `terms` tells whose lease it is, and how
    long that lasts; `ourselves` is that of `Releasing`."""

    def __init__(
        self,
        session: Session,
        desk: Desk,
        asker: Asker,
        sending: threading.Lock,
        terms: Callable[[], dict[str, Any]],
        ourselves: Callable[[Iterable[Hold]], AbstractContextManager[None]],
    ) -> None:
        self._session, self._desk, self._asker = session, desk, asker
        self._sending, self._terms, self._ourselves = sending, terms, ourselves

    def suspend(self, service: str, *, on: bool, instance: str | None = None, lasts: float = math.inf) -> int:
        """Have a service take nothing more, or go on; returns how many instances do so. Raises what `place` raises.

        It goes on by itself after `lasts` seconds. Whatever it says, it is not kept suspended that is to go on.
        """
        suspended = self._desk.suspended
        with self._sending:
            with self._session.lock:
                before = suspended.of(service)
                # Before instances are waited for: whoever ends meanwhile has it end as well, and none that comes
                # meanwhile is suspended that is to go on.
                if on:
                    suspended.suspend(service, instance, time.monotonic() + lasts)
                else:
                    suspended.resume(service, instance, self._instances(service))
                going = self._going_on(service)
            try:
                with self._ourselves(going):
                    answers = self._asker.ask(service, "suspend", self._told(instance, on=on))
                    found = refusal(service, answers)
                    if found is not None:
                        raise found
            except DaebusError:
                if on:
                    with self._session.lock:
                        suspended.set(service, before)
                raise
        return sum(one.ok for one in answers)

    def _going_on(self, service: str) -> list[Hold]:
        """What is held there by a suspension of ours that has ended. Hold the session's lock."""
        desk = self._desk
        held = [one for one in desk.holds() if (one.owner, one.rule) == (desk.owner, SUSPENSION)]
        return [one for one in held if one.service == service and not desk.suspended.covers(service, one.instance)]

    def end(self, now: float) -> None:
        """Let go on what was suspended for a time that is over."""
        with self._session.lock:
            going = self._desk.suspended.end(now, self._instances)
        for service, instance in going:
            self.post(service, instance, on=False)

    def renew(self, service: str) -> None:
        """Keep suspended what is."""
        with self._sending:
            with self._session.lock:
                instances = self._desk.suspended.of(service)
            for instance in instances:
                self.post(service, instance, on=True)

    def post(self, service: str, instance: str | None, *, on: bool) -> Question:
        """Tell a service, without waiting for its answers."""
        return self._asker.post(service, "suspend", self._told(instance, on=on))

    def _told(self, instance: str | None, *, on: bool) -> dict[str, Any]:
        told = {**self._terms(), "on": on}
        return told if instance is None else {**told, "instance": instance}

    def _instances(self, service: str) -> list[str]:
        """Those that are known. Hold the session's lock."""
        entry = self._session.directory.services.get(service)
        return [] if entry is None else list(entry.instances)
