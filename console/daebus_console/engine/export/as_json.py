"""Exchanges as JSON, as JSON lines, and as a capture that can be opened again. Pure."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterable, Iterator
from typing import Any

from daebus_console import naming
from daebus_console.engine import jsontext
from daebus_console.engine.capture.format import VERSION, without_password
from daebus_console.engine.diff.exchange import Unread
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import Part, compact, parts, payload_text
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange, Kind, Message

_RESPONSE = Kind.RESPONSE


def record(exchange: Exchange, redact: Redactor) -> dict[str, Any]:
    """An exchange with its messages, as plain data."""
    return _described(exchange, [_message(part, redact) for part in parts(exchange, redact)])


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


def _message(part: Part, redact: Redactor) -> dict[str, Any]:
    message = part.message
    found = _about(message)
    if isinstance(part.payload, Unread):
        found["unreadable"] = part.payload.reason
        found["data_base64"] = base64.b64encode(part.payload.data).decode()
    else:
        found["payload"] = part.payload
    if part.told:
        found |= part.told
        found["data_base64"] = base64.b64encode(redact(message.data)).decode()
    return found


_PLACE, _BETWEEN = secrets.token_hex(16), secrets.token_hex(16)
"""Stand for the text of a payload until the rest is written, and between records: nothing on a bus can guess them."""
_QUOTED_PLACE = f'"{_PLACE}"'
_QUOTED_BETWEEN = f', "{_BETWEEN}"'
_AT_ONCE = 64
_SIZE_AT_ONCE = 256 * 1024
"""How many exchanges are written at once, and how much of their payloads."""
_written = json.JSONEncoder(check_circular=False).encode


def _in_one_line(exchanges: Iterable[Exchange], redact: Redactor) -> Iterator[str]:
    """Their records as JSON, each on a line: `compact` of it, in a fraction of the time where the payloads are plain.

    Some are written at once, for to begin costs as much as to write one.
    """
    some: list[tuple[Exchange, list[str] | None]] = []
    room = _SIZE_AT_ONCE
    for exchange in exchanges:
        texts = _texts(exchange, redact)
        some.append((exchange, texts))
        room -= sum(map(len, texts or ()))
        if len(some) == _AT_ONCE or room < 0:
            yield from _lines(some, redact)
            some, room = [], _SIZE_AT_ONCE
    yield from _lines(some, redact)


def _lines(some: list[tuple[Exchange, list[str] | None]], redact: Redactor) -> Iterator[str]:
    """Each in a line; with the texts of its payloads, if these are plain."""
    records: list[Any] = []
    for exchange, texts in some:
        if texts is not None:
            messages = [_about(message) | {"payload": _PLACE} for message in exchange.messages]
            records += (_described(exchange, messages), _BETWEEN)
    written = (one.removeprefix(", ") for one in _written(records)[1:].split(_QUOTED_BETWEEN))
    for exchange, texts in some:
        if texts is None:
            yield compact(record(exchange, redact))
        else:
            begin, *pieces = next(written).split(_QUOTED_PLACE)
            yield begin + "".join([text + piece for text, piece in zip(texts, pieces, strict=True)])


def _texts(exchange: Exchange, redact: Redactor) -> list[str] | None:
    """The payloads of its messages as texts on one line; None where one of them is not plain."""
    found: list[str] = []
    for message in exchange.messages:
        text = payload_text(message, redact)
        if text is None:
            return None
        found.append(jsontext.unbroken(text))
    return found


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
    for exchange in exchanges:
        gap = exchange.aside.gap
        if gap is not None:
            yield json.dumps({"at": gap.start, "gap": gap.seconds or 0.0, "reason": gap.reason}) + "\n"
            continue
        for message in exchange.messages:
            data = options.redact(message.data)
            line: dict[str, Any] = {"at": message.at, **naming.exact("channel", message.channel)}
            try:
                line["data"] = data.decode()
            except UnicodeDecodeError:
                line["data_base64"] = base64.b64encode(data).decode()
            yield json.dumps(line) + "\n"
