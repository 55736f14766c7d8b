"""What we have suspended: services, or single instances of them, each until when. Pure; hold the desk's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

Until = dict[str | None, float]
"""Instances, None for the whole service, and until when: a time of `time.monotonic()`."""
SUSPENSION = "suspend"
"""The rule by which a service holds what comes while it is suspended."""


class Suspended:
    """Iterates over the names of the services. `changed` is called with each change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._services: dict[str, Until] = {}
        self._changed = changed

    def __len__(self) -> int:
        return len(self._services)

    def __iter__(self) -> Iterator[str]:
        return iter(self._services)

    def __contains__(self, service: object) -> bool:
        return service in self._services

    def of(self, service: str) -> Until:
        """What of a service is suspended; empty where nothing is."""
        return dict(self._services.get(service, {}))

    def covers(self, service: str, instance: str) -> bool:
        """Whether that instance is suspended, alone or with all of its service."""
        return not self._services.get(service, {}).keys().isdisjoint((None, instance))

    def all(self) -> dict[str, Until]:
        """The same of each service."""
        return {service: dict(here) for service, here in self._services.items()}

    def suspend(self, service: str, instance: str | None, until: float) -> None:
        """An instance of a service takes nothing more, or all of it, until then."""
        self._services.setdefault(service, {})[instance] = until
        self._changed()

    def set(self, service: str, here: Until) -> None:
        """Just this of a service is suspended."""
        self._services.pop(service, None)
        if here:
            self._services[service] = here
        self._changed()

    def clear(self) -> None:
        """Nothing is suspended any more."""
        self._services.clear()
        self._changed()

    def resume(self, service: str, instance: str | None, known: Iterable[str]) -> None:
        """It goes on, or that instance does: of one that was suspended as a whole the others that are known stay so."""
        here = self.of(service)
        if instance is None:
            here = {}
        else:
            whole = here.pop(None, None)
            if whole is not None:
                here = {**dict.fromkeys(known, whole), **here}
            here.pop(instance, None)
        self.set(service, here)

    def end(self, now: float, known: Callable[[str], Iterable[str]]) -> list[tuple[str, str | None]]:
        """End what was suspended for a time that is over; returns what goes on: services, with instances or whole.

        `known` gives the instances of a service.
        """
        going: list[tuple[str, str | None]] = []
        for service, before in self.all().items():
            here = {instance: until for instance, until in before.items() if until > now}
            over = before.keys() - here.keys()
            if over:
                self.set(service, here)
            if None in over:
                going += [(service, one) for one in known(service) if one not in here] if here else [(service, None)]
            elif None not in here:
                going += [(service, instance) for instance in over]
        return going
