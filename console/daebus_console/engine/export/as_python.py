"""Messages as a Python script that sends them again with DaebusCaller. Pure."""

from __future__ import annotations

import pprint
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from daebus_console import naming
from daebus_console.engine.exchange import Exchange, Kind
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import one_line, sendable, when
from daebus_console.engine.export.where import redis_option
from daebus_console.engine.replay.item import Resend

_WIDTH = 110
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

from daebus import DaebusCaller, DaebusError{broadcast}

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
    broadcasts = any(item is not None and item.kind is Kind.BROADCAST for _exchange, item, _why in found)
    yield _HEAD.format(
        title=docstring(options.title or "What was seen on the bus, sent again."),
        redis=redis_url(options),
        redacted=redacted_note(options),
        broadcast=", broadcast" if broadcasts else "",
    )
    service: str | None = None
    for exchange, item, why in found:
        if item is None:
            yield options.leave_out(exchange.number, one_line(why))
            continue
        if item.kind is Kind.BROADCAST:
            service = None
            yield _comment(exchange, "") + _call("broadcast.send", [item.channel, item.payload], "")
            continue
        if item.channel != service:
            service = item.channel
            yield f"with DaebusCaller({service!r}, redis_url=REDIS_URL) as caller:\n"
        yield _comment(exchange, "    ") + _statement(item)
    yield _TAIL


def _sayable(exchange: Exchange, item: Resend | None, why: str) -> tuple[Exchange, Resend | None, str]:
    refused = "" if item is None else unsaid(item)
    return (exchange, None, refused) if refused else (exchange, item, why)


def unsaid(item: Resend) -> str:
    """Why the framework would refuse to send it, if it would."""
    if not item.channel:
        return "a channel without a name is nobody's"
    try:
        naming.to_bytes(item.channel)
    except UnicodeEncodeError:
        return "no channel has such a name: half a surrogate pair is no UTF-8"
    return ""


def _statement(item: Resend) -> str:
    if item.kind is Kind.ONE_WAY:
        return _call("caller.send_message", [item.action, item.payload], "    ")
    more = [item.timeout] if item.timeout is not None else []
    return _call("ask", [item.action, item.payload, *more], "    ", first="caller")


def _call(function: str, values: list[Any], indent: str, first: str = "") -> str:
    texts = [*([first] if first else []), *(literal(value) for value in values)]
    short = f"{indent}{function}({', '.join(texts)})\n"
    if len(short) <= _WIDTH and "\n" not in short.rstrip("\n"):
        return short
    inside = "".join(textwrap.indent(text, "    ") + ",\n" for text in texts)
    return textwrap.indent(f"{function}(\n{inside})\n", indent)


def _comment(exchange: Exchange, indent: str) -> str:
    return f"{indent}# #{exchange.number}, {when(exchange.opened.at)}\n"


def literal(value: Any) -> str:
    """A JSON value as Python has it, over several lines where it is long. `nan` and `inf` stand for these."""
    return pprint.pformat(value, width=_WIDTH - 12, sort_dicts=False)


def docstring(text: str) -> str:
    """A text of unknown origin, fit for the inside of a docstring."""
    return one_line(text).replace("\\", "\\\\").replace('"', "'")


def redis_url(options: ExportOptions) -> str:
    """The Redis that an export names by itself; never with a password."""
    return redis_option(options.redis)[1] if options.redis else _DEFAULT_REDIS


def redacted_note(options: ExportOptions) -> str:
    """What to say of masked values."""
    if not options.redact:
        return ""
    return f"\nThe values of {docstring(', '.join(options.redact.keys))} are masked: put the real ones in."
