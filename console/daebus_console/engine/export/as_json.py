"""Exchanges as JSON, as JSON lines, and as a capture that can be opened again. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any

from daebus_console import naming
from daebus_console.engine import jsontext
from daebus_console.engine.diff.exchange import Unread
from daebus_console.engine.export.names import quoted
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import Part, compact, parts, payload_text
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.envelope import debug_of
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message

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
    opened, opened_at = exchange.opened, rounded(exchange.opened.at, 6)
    messages: list[str] = []
    for message in exchange.messages:
        text, channel = payload_text(message, redact), message.channel
        if text is None or not channel.isascii():
            return None
        at = opened_at if message is opened else rounded(message.at, 6)
        of_answer = _OF_ANSWERS[message.error, message.final] if message.kind is _RESPONSE else ""
        messages.append(
            f'{{"at": {at}, "channel": {quoted[channel]}, "kind": "{message.kind._value_}", {of_answer}'
            f'"payload": {jsontext.unbroken(text)}}}'
        )
    return (
        f'{{"exchange": {exchange.number}, "kind": "{exchange.kind._value_}", "dialect": {quoted[exchange.dialect]}, '
        f'"status": "{exchange.state._value_}", "from": {quoted[source]}, "to": {quoted[target]}, '
        f'"action": {quoted[exchange.action]}, "request_id": {_string(exchange.request_id)}, '
        f'"parent_id": {_string(exchange.parent_id)}, "at": {opened_at}, '
        f'"latency_ms": {_milliseconds(exchange.latency)}, "handler_ms": {_milliseconds(elapsed)}, '
        f'"instance": {quoted[exchange.instance]}, "messages": [{", ".join(messages)}]}}'
    )


_OF_ANSWERS = {
    (error, final): f'"status": "{"error" if error else "success"}", "final": {json.dumps(final)}, '
    for error in (False, True)
    for final in (False, True)
}


def _string(text: str | None) -> str:
    return "null" if text is None else encode_basestring_ascii(text)


def _milliseconds(seconds: float | None) -> str:
    return "null" if seconds is None else rounded(seconds * 1000, 3)


_FIXED = {3: ".3f", 6: ".6f"}


def rounded(number: float, digits: int) -> str:
    """What `repr(round(number, digits))` is, in half the time; `digits` are three or six.

    Numbers within the bounds have no exponent there, and as many digits as that behind the point.
    """
    if not 1e-4 <= number < 4e9:
        return repr(round(number, digits))
    text = format(number, _FIXED[digits])
    if text[-1] != "0":
        return text
    text = text.rstrip("0")
    return f"{text}0" if text[-1] == "." else text


def laid_out(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """The records that a list of them is made of."""
    return (jsontext.formatted(text, 2) for text in _in_one_line(exchanges, options.redact))


def lines(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """The records that are a line each."""
    return (text + "\n" for text in _in_one_line(exchanges, options.redact))


def numbered(record: str, more: int) -> str:
    """A record of either form, with the number of its exchange so much higher."""
    head, comma, rest = record.partition(",")
    name, _blank, number = head.rpartition(" ")
    return f"{name} {int(number) + more}{comma}{rest}"


def as_json(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A list of exchanges; the exchange itself where just one was asked for."""
    if options.single:
        for text in laid_out(exchanges, options):
            yield text + "\n"
        return
    first = True
    for records in (lambda: laid_out(exchanges, options), options.following):
        for text in records():
            yield "[\n" if first else ",\n"
            first = False
            yield text
    yield "[]\n" if first else "\n]\n"


def as_jsonl(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """An exchange a line."""
    yield from lines(exchanges, options)
    yield from options.following()
