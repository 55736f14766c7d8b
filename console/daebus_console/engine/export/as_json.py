"""Exchanges as JSON, as JSON lines, and as a capture that can be opened again. Pure."""

from __future__ import annotations

import base64
import heapq
import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii
from math import inf, isfinite
from typing import Any

from daebus_console import naming
from daebus_console.engine import jsontext
from daebus_console.engine.capture.format import VERSION, without_password
from daebus_console.engine.diff.exchange import Unread
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import Part, compact, parts, payload_text
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.envelope import debug_of
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State
from daebus_console.engine.message.frame import Gap

_RESPONSE, _DEBUGGED = Kind.RESPONSE, Flag.DEBUGGED


def record(exchange: Exchange, redact: Redactor) -> dict[str, Any]:
    """An exchange with its messages, as plain data."""
    touched = exchange.has(Flag.DEBUGGED)
    return _described(exchange, [_message(part, redact, touched=touched) for part in parts(exchange, redact)])


def _described(exchange: Exchange, messages: list[dict[str, Any]]) -> dict[str, Any]:
    aside, latency, source, target = exchange.aside, exchange.latency, exchange.source, exchange.target
    found: dict[str, Any] = {
        "exchange": exchange.number,
        "kind": exchange.kind._value_,
        "dialect": exchange.dialect,
        "status": exchange.state._value_,
        "from": source,
        "to": target,
        "action": exchange.action,
        "request_id": exchange.request_id,
        "parent_id": exchange.parent_id,
        "at": round(exchange.opened.at, 6),
        "latency_ms": None if latency is None else round(latency * 1000, 3),
        "handler_ms": None if exchange.elapsed is None else round(exchange.elapsed * 1000, 3),
        "instance": exchange.instance,
        "messages": messages,
    }
    if not ((source is None or source.isascii()) and (target is None or target.isascii())):
        found = naming.with_names(found, "from", "to")
    gap = aside.gap
    if gap is not None:
        found["gap"] = {"start": gap.start, "end": gap.end, "reason": gap.reason}
    if aside.origin:
        found["replays"] = aside.origin
    if exchange.flags & Flag.DEBUGGED:
        found["debugged"] = True
    return found


def _about(message: Message) -> dict[str, Any]:
    kind, channel = message.kind, message.channel
    found: dict[str, Any] = {"at": round(message.at, 6), "channel": channel, "kind": kind._value_}
    if not channel.isascii():
        found = naming.with_names(found, "channel")
    if kind is _RESPONSE:
        found["status"] = "error" if message.error else "success"
        found["final"] = message.final
    return found


def _message(part: Part, redact: Redactor, *, touched: bool) -> dict[str, Any]:
    message = part.message
    found = _about(message)
    if isinstance(part.payload, Unread):
        found["unreadable"] = part.payload.reason
        found["data_base64"] = base64.b64encode(part.payload.data).decode()
    else:
        found["payload"] = part.payload
    mark = debug_of(message.data) if touched else None
    if mark is not None:
        found["debug"] = {"by": mark[0], "did": mark[1]}
    if part.told:
        found |= part.told
        found["data_base64"] = base64.b64encode(redact(message.data)).decode()
    return found


class _Quoted(dict[str | None, str]):
    """Names as JSON, for they repeat in every line."""

    def __missing__(self, name: str | None) -> str:
        if len(self) >= _MOST_NAMES:
            self.clear()
        quoted = self[name] = json.dumps(name)
        return quoted


_MOST_NAMES = 10_000
_quoted = _Quoted()


def _in_one_line(exchanges: Iterable[Exchange], redact: Redactor) -> Iterator[str]:
    """Their records as JSON, each on a line: `compact` of it, in a fraction of the time where all of it is plain."""
    for exchange in exchanges:
        yield _written(exchange, redact) or compact(record(exchange, redact))


def _written(exchange: Exchange, redact: Redactor) -> str | None:
    """The same as `record` says, piece by piece; None where a payload is not plain, and for what only few have."""
    aside, source, target, elapsed = exchange.aside, exchange.source, exchange.target, exchange.elapsed
    if (
        aside.gap is not None
        or aside.origin
        or exchange.flags & _DEBUGGED
        or not ((source or "").isascii() and (target or "").isascii())
    ):
        return None
    if elapsed is not None and not isfinite(elapsed):
        return None
    opened, opened_at = exchange.opened, repr(round(exchange.opened.at, 6))
    messages: list[str] = []
    for message in exchange.messages:
        text, channel = payload_text(message, redact), message.channel
        if text is None or not channel.isascii():
            return None
        at = opened_at if message is opened else repr(round(message.at, 6))
        of_answer = _OF_ANSWERS[message.error, message.final] if message.kind is _RESPONSE else ""
        messages.append(
            f'{{"at": {at}, "channel": {_quoted[channel]}, "kind": "{message.kind._value_}", {of_answer}'
            f'"payload": {jsontext.unbroken(text)}}}'
        )
    return (
        f'{{"exchange": {exchange.number}, "kind": "{exchange.kind._value_}", "dialect": {_quoted[exchange.dialect]}, '
        f'"status": "{exchange.state._value_}", "from": {_quoted[source]}, "to": {_quoted[target]}, '
        f'"action": {_quoted[exchange.action]}, "request_id": {_string(exchange.request_id)}, '
        f'"parent_id": {_string(exchange.parent_id)}, "at": {opened_at}, '
        f'"latency_ms": {_milliseconds(exchange.latency)}, "handler_ms": {_milliseconds(elapsed)}, '
        f'"instance": {_quoted[exchange.instance]}, "messages": [{", ".join(messages)}]}}'
    )


_OF_ANSWERS = {
    (error, final): f'"status": "{"error" if error else "success"}", "final": {json.dumps(final)}, '
    for error in (False, True)
    for final in (False, True)
}


def _string(text: str | None) -> str:
    return "null" if text is None else encode_basestring_ascii(text)


def _milliseconds(seconds: float | None) -> str:
    return "null" if seconds is None else repr(round(seconds * 1000, 3))


def as_json(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A list of exchanges; the exchange itself where just one was asked for."""
    found = (jsontext.formatted(text, 2) for text in _in_one_line(exchanges, options.redact))
    if options.single:
        for text in found:
            yield text + "\n"
        return
    first = True
    for text in found:
        yield "[\n" if first else ",\n"
        first = False
        yield text
    yield "[]\n" if first else "\n]\n"


def as_jsonl(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """An exchange a line."""
    for text in _in_one_line(exchanges, options.redact):
        yield text + "\n"


def _in_order(exchanges: Iterable[Exchange], redact: Redactor) -> Iterator[str]:
    """The lines of a capture, in the order in which all of it passed: each when nothing older can follow.

    That is so where exchanges come in the order in which they were opened. A message that opened several comes once. At
    the end it says until when all was seen, where somebody's time was over by then.
    """
    waiting: list[tuple[int, int, Message | None, str]] = []
    ends: deque[tuple[int, float, str]] = deque()
    before: Message | None = None
    taken, seen = 0, 0.0

    def until(end: float) -> Iterator[str]:
        nonlocal before
        while waiting and waiting[0][0] < end:
            seq, _taken, message, text = heapq.heappop(waiting)
            while ends and message is not None and seq > ends[0][0] and message.at >= ends[0][1]:
                yield ends.popleft()[2]
            if before is None or message is None or before.data is not message.data or before.seq != seq:
                yield text
            before = message or before

    for exchange in exchanges:
        yield from until(exchange.opened.seq)
        gap, seq = exchange.aside.gap, exchange.opened.seq
        if gap is None:
            for message in exchange.messages:
                taken += 1
                heapq.heappush(waiting, (message.seq, taken, message, _line_of(message, redact)))
            if exchange.state is State.TIMEOUT:
                seen = max(seen, exchange.until)
            continue
        begins, ends_with = _gap_lines(gap)
        taken += 1
        heapq.heappush(waiting, (seq, taken, None, begins))
        if ends_with is not None:
            ends.append((seq, gap.start + (gap.seconds or 0.0), ends_with))
    yield from until(inf)
    yield from (text for _seq, _end, text in ends)
    if before is None or seen > before.at:
        # Or whoever reads it would not know that their time was over.
        yield f'{{"at": {seen!r}, "seen": true}}\n'


def _line_of(message: Message, redact: Redactor) -> str:
    data, channel = redact(message.data), message.channel
    try:
        text = f'"data": {encode_basestring_ascii(data.decode())}'
    except UnicodeDecodeError:
        text = f'"data_base64": "{base64.b64encode(data).decode()}"'
    name = f'"channel": {_quoted[channel]}' if channel.isascii() else json.dumps(naming.exact("channel", channel))[1:-1]
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


def as_capture(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A capture: every message a line."""
    header: dict[str, Any] = {
        "daebus_capture": VERSION,
        "redis": without_password(options.redis),
        "started": time.time(),
    }
    if options.redact:
        header["redacted"] = list(options.redact.keys)
    yield json.dumps(header) + "\n"
    yield from _in_order(exchanges, options.redact)
