"""What other frameworks put on the bus: transcripts of their own programs, and a bus that reads all dialects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daebus_console.engine import dialects
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.frame import Frame
from daebus_console.engine.message.recogniser import Recogniser
from tests.console.engine.bus import Bus, Sent

TRANSCRIPTS = Path(__file__).parent / "transcripts"
"""Captures of the frameworks' own programs, one for each; paths of machines in them are masked."""


def frames(name: str) -> Iterator[Frame]:
    """The frames of a transcript."""
    with CaptureReader(TRANSCRIPTS / f"{name}.jsonl") as reader:
        yield from (one for one in reader if isinstance(one, Frame))


class ForeignBus(Bus):
    """A bus on which every dialect is understood. `there` is how many subscribe to a channel."""

    def __init__(self, *names: str, **bounds: Any) -> None:
        super().__init__(**bounds)
        self.there: dict[str, int] = {}
        self.correlator.recogniser = Recogniser(dialects.chosen(names))
        self.correlator.subscribers = self.there.get

    def play(self, name: str) -> ForeignBus:
        """Put a transcript on the bus, at its own pace, and let all that waits run out of time."""
        for at, channel, data in frames(name):
            self.now = at
            self.correlator.advance(at)
            self >> Sent(channel, data)
        self.wait(1_000)
        return self

    def say(self, channel: str, message: Any) -> Exchange:
        """A message, as JSON where it is no bytes."""
        return self >> Sent(channel, message if isinstance(message, bytes) else json.dumps(message).encode())

    def requests(self) -> list[Exchange]:
        return [one for one in self.exchanges if one.kind is Kind.REQUEST]


def outline(exchange: Exchange) -> str:
    """How a request went, as `part part ok`: each answer in turn, those after the end in brackets."""
    answer = [] if exchange.answer is None else ["error" if exchange.answer.error else "ok"]
    parts = ["part"] * sum(one.kind is Kind.RESPONSE for one in exchange.progress or ())
    more = [f"({'error' if one.error else 'ok'})" for one in exchange.aside.extra or () if one.final]
    return " ".join([*parts, *answer, *more]) or exchange.state.value
