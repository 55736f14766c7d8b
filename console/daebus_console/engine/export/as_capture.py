"""Exchanges as a capture that can be opened again, and then says of them what is said now. Pure."""

from __future__ import annotations

import base64
import heapq
import json
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii
from math import inf
from typing import Any, NamedTuple

from daebus_console import naming
from daebus_console.engine import dialects
from daebus_console.engine.capture.format import VERSION, without_password
from daebus_console.engine.export.names import quoted
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange, Flag, Message, State
from daebus_console.engine.message.frame import Gap


def as_capture(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A capture: every message a line. It begins with the first of them."""
    each = iter(exchanges)
    first = next(each, None)
    header: dict[str, Any] = {"daebus_capture": VERSION, "redis": without_password(options.redis)}
    if first is not None:
        header["started"] = first.opened.at
    if options.redact:
        header["redacted"] = list(options.redact.keys)
    yield json.dumps(header) + "\n"
    lines = _Lines(options.redact)
    if first is not None:
        yield from lines.take(first)
    for exchange in each:
        yield from lines.take(exchange)
    yield from lines.finish()


class _End(NamedTuple):
    """Where a gap in which a part was seen is over: before what passed at that time or later, by the same clock."""

    at: float
    text: str


_Entry = tuple[int, int, Message | Gap, str]
"""What stands in the capture: its seq, how many were taken before it, a message or a gap, and its line."""


class _Lines:
    """Puts messages and gaps into the order in which they passed, each when nothing older can follow.

    That is so where exchanges come in the order in which they were opened. A message that opened several comes once.
    Where somebody's time was over before a gap, or at the end, it is said until when all was seen: whoever reads it
    would not know that this time has passed.
    """

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._waiting: list[_Entry] = []
        self._taken = 0
        self._gaps: dict[int, tuple[float, _End | None]] = {}
        """Of gaps that wait, by how many were taken before: until when somebody waited in vain, and where it ends."""
        self._ends: list[_End] = []
        self._before: Message | None = None
        self._latest = 0.0
        """The time of the latest message, by the clock that goes on."""
        self._partly = False
        """Whether there was a gap in which a part was seen."""
        self._over = self._unknown = 0.0
        """Until when somebody waited in vain since the last gap; and where nobody knows whether it was in vain."""

    def take(self, exchange: Exchange) -> list[str]:
        """Take the next exchange; gives the lines of what passed before it was opened."""
        lines = self._until(exchange.opened.seq)
        gap, waiting, redact = exchange.aside.gap, self._waiting, self._redact
        if gap is not None:
            begins, ends = _gap_lines(gap)
            end = None if ends is None or gap.end is None else _End(gap.end, ends)
            self._gaps[self._taken] = self._over, end
            self._partly = self._partly or gap.partly
            # What was under way is unknown by the gap.
            self._over = self._unknown = 0.0
            heapq.heappush(waiting, (exchange.opened.seq, self._taken, gap, begins))
            self._taken += 1
            return lines
        for message in exchange.messages:
            heapq.heappush(waiting, (message.seq, self._taken, message, _line_of(message, redact)))
            self._taken += 1
        if exchange.state is State.TIMEOUT or exchange.flags & Flag.LATE:
            self._over = max(self._over, exchange.until)
        elif exchange.state is State.UNKNOWN and (self._partly or _says_nothing(exchange.dialect)):
            # It may also be unknown by a gap that is not written, and must not seem to be over then.
            self._unknown = max(self._unknown, exchange.until)
        return lines

    def finish(self) -> list[str]:
        """The lines of what is left."""
        return [*self._until(inf), *self._seen(max(self._over, self._unknown)), *(end.text for end in self._ends)]

    def _until(self, seq: float) -> list[str]:
        waiting, lines = self._waiting, list[str]()
        while waiting and waiting[0][0] < seq:
            _seq, taken, item, text = heapq.heappop(waiting)
            if isinstance(item, Gap):
                lines += self._gap(item, text, *self._gaps.pop(taken))
                continue
            if self._ends:
                lines += self._ended(item.at)
            before, self._before = self._before, item
            if before is None or before.data is not item.data or before.seq != item.seq:
                if item.at > self._latest:
                    self._latest = item.at
                lines.append(text)
        return lines

    def _gap(self, gap: Gap, text: str, over: float, end: _End | None) -> Iterator[str]:
        # Where another one begins, it is over, though seconds and times may differ by a rounding.
        yield from self._ended(inf)
        yield from self._seen(over)
        if not gap.lost:
            self._latest = 0.0
        yield text
        if end is not None:
            self._ends.append(end)

    def _ended(self, at: float) -> Iterator[str]:
        while self._ends and at >= self._ends[0].at:
            yield self._ends.pop(0).text

    def _seen(self, at: float) -> Iterator[str]:
        if at > self._latest:
            yield f'{{"at": {at!r}, "seen": true}}\n'


def _says_nothing(dialect: str) -> bool:
    """Whether nobody knows what silence means in it."""
    known = dialects.named(dialect)
    return known is not None and known.silence is not None


def _line_of(message: Message, redact: Redactor) -> str:
    data, channel = redact(message.data), message.channel
    try:
        text = f'"data": {encode_basestring_ascii(data.decode())}'
    except UnicodeDecodeError:
        text = f'"data_base64": "{base64.b64encode(data).decode()}"'
    name = f'"channel": {quoted[channel]}' if channel.isascii() else json.dumps(naming.exact("channel", channel))[1:-1]
    return f'{{"at": {message.at!r}, {name}, {text}}}\n'


def _gap_lines(gap: Gap) -> tuple[str, str | None]:
    """The line of a gap. Where a part was seen in it, that with which it begins, and that for where it is over."""
    line: dict[str, Any] = {"at": gap.start, "gap": max(0.0, gap.seconds or 0.0), "reason": gap.reason}
    if not gap.lost:
        line["lost"] = False
    if not gap.partly:
        return json.dumps(line) + "\n", None
    line["partly"] = True
    return json.dumps(line | {"gap": 0.0}) + "\n", None if gap.end is None else json.dumps(line) + "\n"
