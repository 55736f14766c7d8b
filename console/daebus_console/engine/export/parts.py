"""What exports say of an exchange: its messages and payloads, masked, and names fit for where they go. Pure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from daebus_console import naming
from daebus_console.engine import jsontext, payloads
from daebus_console.engine.diff.exchange import Unread
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Kind, Message, Notice
from daebus_console.engine.replay.item import NOT_ANEW, Resend, Unsendable, resend_of

NO_CHANNEL = "no channel has such a name: half a surrogate pair is no UTF-8"


@dataclass(frozen=True)
class Part:
    """One message of an exchange: `payload` is masked, or Unread. `told` is how it was packed, if it was."""

    message: Message
    payload: Any
    told: Mapping[str, Any] = field(default_factory=dict)


def parts(exchange: Exchange, redact: Redactor) -> list[Part]:
    """Its messages, in order: all that was said, and not that its asker was told that it is held."""
    return [_part(message, redact) for message in said(exchange) if message.kind is not Kind.GAP]


def said(exchange: Exchange) -> list[Message]:
    """Its messages but for the notices of a debugger, which say nothing."""
    return [message for message in exchange.messages if not isinstance(message, Notice)]


def _part(message: Message, redact: Redactor) -> Part:
    packed = payloads.decode(message.data)
    return Part(message, _payload(message, packed, redact), payloads.told(packed, redact.mask))


def _payload(message: Message, packed: payloads.Decoded | None, redact: Redactor) -> Any:
    """What a message carries, masked; Unread where it cannot be read."""
    try:
        if packed is not None:
            return redact.mask(payloads.value_of(packed))
        if message.kind is Kind.UNREADABLE:
            wire.read(message.data)
        return redact.payload_of(message.data, whole=message.whole)
    except wire.Unreadable as error:
        return Unread(str(error), redact(message.data))


_BARE = (Kind.GAP, Kind.UNREADABLE)
"""What has no payload. Members of an enum are slow to look up."""


def payload_text(message: Message, redact: Redactor) -> str | None:
    """The payload as its text came, where it is a plain object or list with nothing in it to mask; else None."""
    if message.kind in _BARE or payloads.is_packed(message.data):
        return None
    text = wire.payload_text_of(message.data, whole=message.whole)
    if text is None or not redact:
        return text
    data = text.encode()
    return text if redact(data) is data else None


def sendable(
    exchanges: Iterable[Exchange], redact: Redactor, *, raw: bool = False
) -> Iterator[tuple[Exchange, Resend | None, str]]:
    """Each exchange with what would be sent again, masked; or None and why nothing can be.

    With `raw` the bytes of what is no JSON object of ours are among it.
    """
    for exchange in exchanges:
        try:
            item = resend_of(exchange)
            # The payload must be one that can be written.
            item.check()
        except Unsendable as error:
            yield exchange, None, str(error)
        else:
            if item.dialect is not None:
                yield exchange, None, f"{item.dialect}: {NOT_ANEW}"
            elif item.raw is None:
                yield exchange, replace(item, body=redact.mask(item.body)), ""
            elif raw:
                yield exchange, replace(item, raw=redact(item.raw)), ""
            else:
                yield exchange, None, "it is no JSON object of ours; as a command, or for redis-cli, it can be exported"


def unsaid(item: Resend) -> str:
    """Why neither a command nor a program can say it as it was, if that is so."""
    try:
        naming.to_bytes(item.channel)
    except UnicodeEncodeError:
        return NO_CHANNEL
    return "" if item.carries_object else "its payload is no JSON object; for redis-cli it can be exported"


def when(at: float) -> str:
    """A time in UTC, with milliseconds."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d} UTC"


def compact(value: Any) -> str:
    """JSON on one line: payloads as their text came, all else in ASCII. Says so where it is nested too deeply."""
    try:
        return jsontext.dumps(value, verbatim=True, ascii_only=True)
    except RecursionError:
        return _TOO_DEEP


def readable(value: Any) -> str:
    """JSON over several lines for people: numbers as they came, texts unescaped but for what would harm a screen."""
    try:
        text = jsontext.dumps(value, indent=2)
    except RecursionError:
        return _TOO_DEEP
    if text.replace("\n", "").isprintable():
        return text
    return "".join(sign if sign == "\n" or sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)


_TOO_DEEP = json.dumps("(nested too deeply to be shown)")


def one_line(text: str) -> str:
    """A text of unknown origin, fit for a comment: on one line, and nothing in it that commands a screen."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
