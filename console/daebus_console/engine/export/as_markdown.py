"""Exchanges as Markdown, for a bug report. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from daebus_console.engine import jsontext
from daebus_console.engine.diff.exchange import Unread
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import Part, one_line, parts, readable, when
from daebus_console.engine.message.exchange import Exchange, Flag, Kind
from daebus_console.engine.message.touched import touched
from daebus_console.naming import shown
from daebus_console.render import duration

_FLAGS = ((Flag.LATE, "late"), (Flag.DUPLICATE, "answered more than once"), (Flag.REUSED_ID, "id used twice"),
          (Flag.MALFORMED, "malformed envelope"))  # fmt: skip
_OBEYED = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]()#+-.!|<>~&@:"})


def as_markdown(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """A section for each exchange."""
    for exchange in exchanges:
        yield from _section(exchange, options)


def _section(exchange: Exchange, options: ExportOptions) -> Iterator[str]:
    gap = exchange.aside.gap
    if gap is not None:
        end = when(gap.end) if gap.end is not None else "now"
        yield f"### #{exchange.number} gap\n\n"
        saw = f"{gap.saw.capitalize()} was seen from {when(gap.start)} to {end}" if gap.saw else f"At {end}"
        yield f"{saw}: {_plain(gap.reason)}\n\n"
        return
    yield f"### #{exchange.number} {_plain(shown(exchange.target or ''))} {_what(exchange)}\n\n"
    yield "| | |\n|---|---|\n"
    for name, value in _facts(exchange):
        yield f"| {name} | {value} |\n"
    yield "\n"
    for part in parts(exchange, options.redact):
        yield f"{_heading(part)}\n\n{_packed(part)}{_fenced(part)}\n\n"
        twice = ", ".join(_plain(name) for name in jsontext.repeated(part.payload))
        if twice:
            yield f"More than once in one object, of which the last counts: {twice}\n\n"


def _facts(exchange: Exchange) -> Iterator[tuple[str, str]]:
    yield "kind", exchange.kind.value.replace("_", "-")
    yield "status", exchange.state.value + (f" ({_plain(exchange.aside.code)})" if exchange.aside.code else "")
    yield "when", when(exchange.opened.at)
    if exchange.source:
        yield "from", _plain(shown(exchange.source))
    if exchange.target:
        yield "to", _plain(shown(exchange.target))
    if exchange.request_id:
        yield "request_id", _plain(exchange.request_id)
    if exchange.latency is not None:
        yield "latency", _took(exchange.latency)
    if exchange.elapsed is not None:
        yield "in the handler", _took(exchange.elapsed)
    if exchange.instance:
        yield "instance", _plain(exchange.instance)
    odd = [text for flag, text in _FLAGS if exchange.has(flag)]
    if odd:
        yield "odd", ", ".join(odd)
    if exchange.has(Flag.DEBUGGED):
        yield "debugger", _plain(touched(exchange))


def _took(seconds: float) -> str:
    return duration(seconds).replace("<", "\\<")


def _what(exchange: Exchange) -> str:
    return _plain(shown(exchange.action, text=True) if exchange.action else exchange.kind.value)


def _heading(part: Part) -> str:
    message = part.message
    if message.kind is not Kind.RESPONSE:
        return message.kind.value.replace("_", "-").capitalize()
    return "Progress" if not message.final else "Error" if message.error else "Answer"


def _packed(part: Part) -> str:
    """How it was packed, with the headers beside it; empty where it was not."""
    if not part.told:
        return ""
    headers = part.told.get("headers") or {}
    lines = [
        f"Decoded by {_plain(part.told['decoded_by'])}",
        *(f"{_plain(k)}: {_plain(str(v))}" for k, v in headers.items()),
    ]
    lines += [f"Not all of it: {_plain(part.told['incomplete'])}"] if "incomplete" in part.told else []
    return "  \n".join(lines) + "\n\n"


def _fenced(part: Part) -> str:
    payload = part.payload
    text, kind = (
        (f"{payload.reason}\n{payload.data!r}", "") if isinstance(payload, Unread) else (readable(payload), "json")
    )
    # A fence is closed by one of the same length only.
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{text}\n{fence}"


def _plain(text: str) -> str:
    """A text of unknown origin, with nothing in it that Markdown or HTML obeys."""
    return one_line(text).translate(_OBEYED)
