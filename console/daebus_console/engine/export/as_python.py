"""Messages as a Python script that sends them again with DaebusCaller. Pure."""

from __future__ import annotations

import json
import math
import pprint
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from daebus_console import dates
from daebus_console.engine import jsontext
from daebus_console.engine.export import parts
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import one_line, sendable, when
from daebus_console.engine.export.where import redis_option
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.replay.item import TIMEOUT, Resend, patience

_WIDTH = 110
_LONGEST_NUMBER = 400
"""Digits of a number in a script: Python itself refuses some thousands."""
_DEFAULT_REDIS = "redis://localhost:6379/0"

_HEAD = '''\
"""{title}

Needs daebus. Sends to the Redis of DAEBUS_REDIS_URL, by default {redis}.{redacted}
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from daebus import DaebusCaller, DaebusError{more}

REDIS_URL = os.environ.setdefault("DAEBUS_REDIS_URL", {redis!r})
failed = 0


def ask(caller: DaebusCaller, action: str, payload: dict[str, Any], timeout: float = 5.0) -> None:
    """Ask, and print every answer, those on the way included."""
    global failed
    try:
        for answer in caller.stream_request(action, payload, timeout):
            print(json.dumps(answer))
    except DaebusError as error:
        failed += 1
        print(f"{{action}}: {{type(error).__name__}}: {{error}}", file=sys.stderr)


'''
_TAIL = "sys.exit(1 if failed else 0)\n"


def as_python(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A script; its exit status is 1 where a service answered with an error, or not at all."""
    found = [_sayable(one, item, why) for one, item, why in sendable(exchanges, options.redact)]
    items = [item for _exchange, item, _why in found if item is not None]
    more = ", RawJson" if any(isinstance(sent(item), Raw) for item in items) else ""
    more += ", broadcast" if any(item.kind is Kind.BROADCAST for item in items) else ""
    yield _HEAD.format(
        title=docstring(options.title or "What was seen on the bus, sent again."),
        redis=redis_url(options),
        redacted=redacted_note(options),
        more=more,
    )
    service: str | None = None
    for exchange, item, why in found:
        if item is None:
            yield options.leave_out(exchange.number, one_line(why))
            continue
        if item.kind is Kind.BROADCAST:
            service = None
            yield _comment(exchange, "") + _call("broadcast.send", [item.channel, sent(item)], "")
            continue
        if item.channel != service:
            service = item.channel
            yield f"with DaebusCaller({service!r}, redis_url=REDIS_URL) as caller:\n"
        late = too_late(item, exchange)
        yield _comment(exchange, "    ", late and f": {late}") + _statement(item, exchange)
    yield _TAIL


def _sayable(exchange: Exchange, item: Resend | None, why: str) -> tuple[Exchange, Resend | None, str]:
    refused = "" if item is None else unsaid(item)
    return (exchange, None, refused) if refused else (exchange, item, why)


def unsaid(item: Resend) -> str:
    """Why the framework would refuse to send it as it was, if it would."""
    return parts.unsaid(item) if item.channel else "a channel without a name is nobody's"


def waited(item: Resend, exchange: Exchange) -> float:
    """Seconds to wait for an answer that a program expects: long enough for what came too late then."""
    named, seconds = item.timeout or TIMEOUT, patience(item, exchange)
    return named if seconds == named else math.ceil(seconds * 10) / 10


def too_late(item: Resend, exchange: Exchange) -> str:
    """A remark where more time is waited than its asker had; else nothing."""
    if item.kind is not Kind.REQUEST or item.timeout is None or waited(item, exchange) == item.timeout:
        return ""
    took = dates.seconds(exchange.latency or 0.0)
    return f"answered too late, after {took}: its asker waited {item.timeout:g} s, here it is more"


def _statement(item: Resend, exchange: Exchange) -> str:
    if item.kind is Kind.ONE_WAY:
        return _call("caller.send_message", [item.action, sent(item)], "    ")
    seconds = waited(item, exchange)
    more = [seconds] if item.timeout is not None or seconds != TIMEOUT else []
    return _call("ask", [item.action, sent(item), *more], "    ", first="caller")


def _call(function: str, values: list[Any], indent: str, first: str = "") -> str:
    texts = [*([first] if first else []), *(literal(value) for value in values)]
    short = f"{indent}{function}({', '.join(texts)})\n"
    if len(short) <= _WIDTH and "\n" not in short.rstrip("\n"):
        return short
    inside = "".join(textwrap.indent(text, "    ") + ",\n" for text in texts)
    return textwrap.indent(f"{function}(\n{inside})\n", indent)


def _comment(exchange: Exchange, indent: str, more: str = "") -> str:
    return f"{indent}# #{exchange.number}, {when(exchange.opened.at)}{more}\n"


class Raw:
    """A payload in an export that is sent as its text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"RawJson({self.text!r})"


def sent(item: Resend) -> dict[str, Any] | Raw:
    """The payload of a message as a dict where daebus writes that just as it was, else as its text."""
    return written(item.payload)


def written(payload: dict[str, Any]) -> dict[str, Any] | Raw:
    """The same for any object."""
    text = jsontext.text_of(payload)
    # What knows no text has no layout of its own.
    separators = (",", ":") if isinstance(payload, jsontext.Object) and payload.text is not None else None
    try:
        plain: dict[str, Any] = json.loads(text)
        if json.dumps(plain, separators=separators) == text:
            return plain
    except ValueError:
        # A whole number of more digits than an int may have.
        pass
    return Raw(text)


def literal(value: Any) -> str:
    """A JSON value as Python has it, over several lines where it is long. `nan` and `inf` stand for these."""
    return pprint.pformat(_plain(value), width=_WIDTH - 12, sort_dicts=False)


def _plain(value: Any) -> Any:
    """The value as Python would read it: numbers as they were written where Python can write them so."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return float(value) if isinstance(value, jsontext.Number) and len(value.literal) > _LONGEST_NUMBER else value


def docstring(text: str) -> str:
    """A text of unknown origin, fit for the inside of a docstring."""
    return one_line(text).replace("\\", "\\\\").replace('"', "'")


def redis_url(options: ExportOptions) -> str:
    """The Redis that an export names by itself; never with a password."""
    return (redis_option(options.redis) or [_DEFAULT_REDIS])[-1]


def redacted_note(options: ExportOptions) -> str:
    """What to say of masked values."""
    if not options.redact:
        return ""
    return f"\nThe values of {docstring(', '.join(options.redact.keys))} are masked: put the real ones in."
