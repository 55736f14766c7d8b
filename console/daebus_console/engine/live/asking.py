"""Which services are to be asked for what they recorded, and when: `recent` once, `watch` while the console is open.

Pure but for the time that comes with each call. Only those are asked that tell of these verbs in their `info`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from daebus_console.engine.directory import Directory
from daebus_console.engine.entries import ServiceEntry

LEASE = 30.0
"""Seconds that services publish their records for us; the longest that they give."""
RENEW_EVERY = 10.0
MOST = 500
"""Services that are watched."""

Question = tuple[str, str, Mapping[str, Any]]
"""A service, what it is asked, and the payload of that."""


class Asking:
    """Keeps in mind whom it has asked. `due` is called about each second, under the session's lock."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._asked: dict[str, frozenset[str]] = {}
        self._renewed: dict[str, float] = {}

    def due(self, now: float) -> list[Question]:
        """What is to be asked now (monotonic seconds), of every instance of a service or of a new one."""
        questions: list[Question] = []
        # The directory may have had no more room for some.
        for name in {*self._asked, *self._renewed} - self._directory.services.keys():
            self._asked.pop(name, None)
            self._renewed.pop(name, None)
        for service in self._directory.services.values():
            if service.gone is not None or not service.framework:
                self._asked.pop(service.name, None)
                continue
            here = having(service, "recent")
            known = self._asked.get(service.name)
            if not here or (known is None and len(self._asked) >= MOST):
                continue
            new = here - (known or frozenset())
            if new:
                whole = not known
                payloads: Iterable[Mapping[str, Any]] = [{}] if whole else [{"instance": one} for one in sorted(new)]
                questions += [(service.name, "recent", payload) for payload in payloads]
                self._asked[service.name] = here
            if having(service, "watch") and (new or now - self._renewed.get(service.name, 0.0) >= RENEW_EVERY):
                self._renewed[service.name] = now
                questions.append((service.name, "watch", {"lease": LEASE}))
        return questions

    def renewals(self) -> list[Question]:
        """What asks those once more who publish their records for us, and tell how that goes."""
        services = self._directory.services
        here = [name for name in self._renewed if (one := services.get(name)) is not None and one.gone is None]
        return [(name, "watch", {"lease": LEASE}) for name in here]

    @property
    def watched(self) -> Collection[str]:
        """The services that were asked to publish their records."""
        return self._renewed.keys()

    def again(self) -> None:
        """What was recorded meanwhile was not seen: ask for it anew."""
        self._asked.clear()


def having(service: ServiceEntry, verb: str) -> frozenset[str]:
    """The instances of a service that have a verb on their control channel."""
    return frozenset(one.id for one in service.instances.values() if verb in _features(one.info))


def tells(service: ServiceEntry | None) -> bool | None:
    """Whether a service tells what it does; None where that is not known yet."""
    if service is None or not service.framework:
        return False if service is not None and service.gone is None and not service.framework else None
    return bool(having(service, "recent")) if service.instances else None


def _features(info: Mapping[str, Any]) -> list[Any]:
    features = info.get("features")
    return features if isinstance(features, list) else []
