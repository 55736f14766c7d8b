"""Who is there to be debugged: which services say that they may be, and which instances are gone. Hold the lock.

One that says nothing is gone only where it was asked all the time: after an outage services may come back later.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection

from daebus_console.engine.holding.desk import Desk
from daebus_console.engine.keeping.leases import Leases
from daebus_console.engine.session import Session

LOOK_EVERY = 0.5
"""Seconds between two looks at what is held, where we have rules or something is held."""
GLANCE_EVERY = 5.0
"""The same at all other services that can be debugged: others may have rules there."""
SILENCE = 10 * LOOK_EVERY
"""Seconds after which an instance that was asked all the time, and says nothing, is taken to be gone."""
AWAY = 4 * LOOK_EVERY
"""Seconds for which an instance may be out of reach that has lost its connection and makes a new one."""


class Presence:
    """Forgets on the desk the instances that are gone."""

    def __init__(self, session: Session, desk: Desk, leases: Leases) -> None:
        self._session, self._desk, self._leases = session, desk, leases
        self._rounds = math.inf
        """When they were asked last."""
        self._since = 0.0
        """Since when they have been asked without a break."""

    def asked(self, now: float) -> None:
        """They are asked now."""
        if now - self._rounds > SILENCE:
            self._since = now
        self._rounds = now

    def unasked(self) -> None:
        """They cannot be asked."""
        self._rounds = -math.inf

    def is_steady(self) -> bool:
        """Whether who is not there is gone."""
        since = max(self._since, self._leases.failed)
        return time.monotonic() - since > SILENCE and self._session.clock() - self._session.status.since > SILENCE

    def only(self, service: str, there: Collection[str] = ()) -> None:
        """These are there; others are gone, unless they have told something just now."""
        if self.is_steady():
            since = time.monotonic() - AWAY
            reports = self._desk.reports.values()
            just_now = {one.instance for one in reports if one.service == service and one.at > since}
            self._desk.only(service, just_now.union(there))

    def forget_silent(self, active: Collection[str]) -> None:
        """Those that were asked often enough, and say nothing, hold nothing; `active` services are asked more often."""
        now = time.monotonic()
        told = [(key, report.at) for key, report in self._desk.reports.items()]
        told += [(key, refusal.at) for key, refusal in self._desk.refusals.items()]
        for (service, instance), at in told:
            silent = now - max(at, self._since)
            if silent > (SILENCE if service in active else 4 * GLANCE_EVERY):
                self._desk.gone(service, [instance])


def debuggable(session: Session) -> set[str]:
    """The services of which an instance says that it may be debugged, and that may be asked.

    What a service says may have been said to another console, whose Redis user has more rights than ours.
    """
    return {
        service.name
        for service in session.directory.services.values()
        if service.gone is None
        and service.name not in session.status.unasked
        and any(one.info.get("debugger") is True for one in service.instances.values())
    }
