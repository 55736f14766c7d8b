"""A service whose flight recorder is asked by a test."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from daebus import Requester
from tests.support.waiting import eventually


class Asked:
    """Asks a service what it did and does. Its own calls are not of that service: it has a name."""

    def __init__(self, url: str, service: str) -> None:
        self.requester = Requester(url, name="asked", timeout=15)
        self.service = service

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.requester.close()

    def call(self, action: str, payload: dict[str, Any] | None = None, **options: Any) -> Any:
        """Ask for an action of the service."""
        return self.requester.call(self.service, action, payload, **options)

    def control(self, verb: str, **payload: Any) -> Any:
        """Ask on its control channel."""
        return self.requester.call(f"daebus.control.{self.service}", verb, payload)

    def records(self, count: int, **wanted: Any) -> list[dict[str, Any]]:
        """The records that are wanted, once there are so many: a record is made when its handler has ended."""

        def enough() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.control("recent", after=0, **wanted)["records"]
            assert len(found) >= count, found
            return found

        found = eventually(enough) if count else self.control("recent", after=0, **wanted)["records"]
        assert len(found) == count, found
        return found
