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


def record(exchange: Exchange, redact: Redactor) -> dict[str, Any]:
    """An exchange with its messages, as plain data."""
    return _described(exchange, [_message(part, redact) for part in parts(exchange, redact)])


def _described(exchange: Exchange, messages: list[dict[str, Any]]) -> dict[str, Any]:
    gap = exchange.aside.gap
    latency = exchange.latency
    found: dict[str, Any] = {
        "exchange": exchange.number,
        "kind": exchange.kind.value,
        "dialect": exchange.dialect,
        "status": exchange.state.value,
        **naming.fields("from", exchange.source),
        **naming.fields("to", exchange.target),
        "action": exchange.action,
        "request_id": exchange.request_id,
        "parent_id": exchange.parent_id,
        "at": round(exchange.opened.at, 6),
        "latency_ms": None if latency is None else round(latency * 1000, 3),
        "handler_ms": None if exchange.elapsed is None else round(exchange.elapsed * 1000, 3),
        "instance": exchange.instance,
        "messages": messages,
    }
    if gap is not None:
        found["gap"] = {"start": gap.start, "end": gap.end, "reason": gap.reason}
    if exchange.aside.origin:
        found["replays"] = exchange.aside.origin
    return found


def _about(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {
        "at": round(message.at, 6),
        **naming.fields("channel", message.channel),
        "kind": message.kind.value,
    }
    if message.kind is Kind.RESPONSE:
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


_PLACE = secrets.token_hex(16)
"""Stands for the text of a payload until the rest is written: nothing on a bus can have guessed it."""
_QUOTED_PLACE = f'"{_PLACE}"'
_written = json.JSONEncoder().encode


def in_one_line(exchange: Exchange, redact: Redactor) -> str:
    """The record as JSON on a line: `compact` of it, in a fraction of the time where the payloads are plain."""
    texts, messages = [], []
    for message in exchange.messages:
        text = payload_text(message, redact)
        if text is None:
            return compact(record(exchange, redact))
        texts.append(jsontext.unbroken(text))
        messages.append(_about(message) | {"payload": _PLACE})
    found, *pieces = _written(_described(exchange, messages)).split(_QUOTED_PLACE)
    return found + "".join(text + piece for text, piece in zip(texts, pieces, strict=True))


def as_json(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A list of exchanges; the exchange itself where just one was asked for."""
    if options.single:
        for exchange in exchanges:
            yield _in_lines(exchange, options.redact) + "\n"
        return
    first = True
    for exchange in exchanges:
        yield "[\n" if first else ",\n"
        first = False
        yield _in_lines(exchange, options.redact)
    yield "[]\n" if first else "\n]\n"


def _in_lines(exchange: Exchange, redact: Redactor) -> str:
    return jsontext.formatted(in_one_line(exchange, redact), 2)


def as_jsonl(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """An exchange a line."""
    for exchange in exchanges:
        yield in_one_line(exchange, options.redact) + "\n"


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
