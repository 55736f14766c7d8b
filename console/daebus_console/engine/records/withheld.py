"""Which instances cannot publish what they record, as they answer to `watch`. Pure; nothing they say raises."""

from __future__ import annotations

from collections.abc import Mapping

from daebus_console.engine.bounded import remember
from daebus_console.engine.message.envelope import WATCH_PREFIX, Unreadable, plain_payload_of, read

_MOST = 1_000
_LONGEST = 1_000


class Withheld:
    """Why, by service and instance."""

    def __init__(self) -> None:
        self._why: dict[tuple[str, str], str] = {}

    def __bool__(self) -> bool:
        return bool(self._why)

    def take(self, data: bytes) -> bool:
        """Take an answer; False where it is none to `watch`."""
        if b'"lease"' not in data or WATCH_PREFIX.encode() not in data:
            return False
        try:
            envelope, payload = read(data), plain_payload_of(data)
        except Unreadable:
            return False
        if not isinstance(payload, Mapping) or "lease" not in payload or "channel" not in payload:
            return False
        problem = payload.get("problem")
        if not envelope.service or not envelope.instance:
            return True
        key = envelope.service, envelope.instance
        self._why.pop(key, None)
        if isinstance(problem, str) and problem:
            remember(self._why, key, problem[:_LONGEST], _MOST)
        return True

    def all(self) -> dict[str, str]:
        """The same by service, of whatever instance told it last."""
        return {service: why for (service, _instance), why in self._why.items()}

    def of(self, service: str, instances: Mapping[str, object]) -> str | None:
        """Why one of these instances of a service cannot; None where all can, as far as they said."""
        return next((why for one in instances if (why := self._why.get((service, one))) is not None), None)
