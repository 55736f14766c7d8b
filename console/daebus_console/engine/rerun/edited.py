"""What handlers got in the place of what was sent: payloads that were edited at the gate of requests. Pure.

Such a payload goes to its handler within the service. The release that let it go, and passes on the bus, tells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daebus_console.engine.diff.exchange import read_payload
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.engine.message.touched import edited


@dataclass(frozen=True)
class Edit:
    """What was edited: whether it was the request that a handler got, and the payload from then on."""

    request: bool
    payload: Any


class Edits:
    """What releases tell of the message with the id `of`."""

    def __init__(self, of: str | None) -> None:
        self._of = of
        self._found: list[Edit] = []

    def take(self, release: Exchange) -> None:
        """A release."""
        asked = read_payload(release.opened.data)
        payload = asked.get("payload") if isinstance(asked, dict) and asked.get("verdict", "go") == "go" else None
        if self._of is None or not isinstance(payload, dict):
            return
        for message in release.messages:
            told = None if message is release.opened or message.error else read_payload(message.data)
            if isinstance(told, dict) and told.get("id") == self._of:
                self._found.append(Edit(told.get("place") == "request", payload))

    @property
    def request(self) -> Edit | None:
        """Of the request itself."""
        return next((one for one in self._found if one.request), None)

    def untold(self, exchange: Exchange) -> bool:
        """Whether what bears the mark of having been edited is told by none of them."""
        return bool(exchange.flags & Flag.DEBUGGED) and edited(exchange) and not self._found


def told_edit(edited: bool | None) -> str:
    """That what is run has another payload than was sent, or (None) that nobody knows; empty where it has not."""
    if edited is None:
        return "what was edited is not in the record: its payload is as it was sent"
    return "its payload is the one that its handler got, as it was edited" if edited else ""
