"""One message of the flow as a record for programs, and as a line for people. Pure."""

from __future__ import annotations

import base64
import time
from typing import Any, NamedTuple

from daebus_console import dates, naming
from daebus_console.engine import dialects, payloads
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import DAEBUS, PLAIN, Exchange, Flag, Kind, Message, State
from daebus_console.engine.message.frame import CAUSE, Gap
from daebus_console.naming import shown
from daebus_console.render import Line, Span, duration, fit, line, preview, size
from daebus_console.text import cells, clean, pad


class Entry(NamedTuple):
    """A message, its exchange, and how that stood just then."""

    message: Message
    exchange: Exchange
    state: State
    flags: int
    gap: Gap | None = None
    over: float | None = None
    """When its time was over, or its fate became unknown, where the entry tells that of a request."""

    @staticmethod
    def of(message: Message, exchange: Exchange) -> Entry:
        """The entry as of now; call it under the session's lock."""
        gap = exchange.aside.gap if message.kind is Kind.GAP else None
        return Entry(message, exchange, exchange.state, exchange.flags, gap)

    @staticmethod
    def unanswered(exchange: Exchange, now: float) -> Entry:
        """That a request has no answer that was seen, as of now, likewise."""
        entry = Entry.of(exchange.asking, exchange)
        return entry._replace(over=min(exchange.until, now))

    @property
    def status(self) -> str:
        """How it stands: of an answer what it says, of all else how its exchange stood when it came."""
        if self.message.kind is Kind.RESPONSE and self.state is not State.ORPHAN:
            return "error" if self.message.error else "ok"
        return self.state.value

    @property
    def latency(self) -> float | None:
        """Seconds since the request, for an answer to one."""
        return self.exchange.after(self.message) if self.message.kind is Kind.RESPONSE else None

    @property
    def ends(self) -> tuple[str | None, str | None]:
        """Who sent it, and to whom or where, as far as known."""
        exchange, message = self.exchange, self.message
        if message.kind is not Kind.RESPONSE:
            return exchange.source, exchange.target
        if exchange.kind is Kind.REQUEST:
            return exchange.target, exchange.source or message.channel
        return exchange.source, message.channel


_FLAGS = (
    (Flag.OURS, "ours"),
    (Flag.CONTROL, "control"),
    (Flag.LATE, "late"),
    (Flag.DUPLICATE, "duplicate"),
    (Flag.REUSED_ID, "reused_id"),
    (Flag.MALFORMED, "malformed"),
    (Flag.QUIET, "quiet"),
)


def record(entry: Entry, redact: Redactor) -> dict[str, Any]:
    """The entry as JSON has it: see `help tail` for the keys."""
    message, exchange = entry.message, entry.exchange
    if entry.gap is not None:
        return _gap_record(message, entry.gap)
    sender, target = entry.ends
    latency = entry.latency
    found: dict[str, Any] = {
        "seq": message.seq,
        "at": round(message.at, 6),
        **naming.fields("channel", message.channel),
        "kind": message.kind.value,
        "dialect": message.dialect,
        "exchange": exchange.number,
        # A request without an id is kept under its reply channel.
        "request_id": None if exchange.request_id == exchange.reply_to else exchange.request_id,
        "action": exchange.action,
        **naming.fields("from", sender),
        **naming.fields("to", target),
        "status": entry.status,
        "final": message.final if message.kind is Kind.RESPONSE else None,
        "latency_ms": None if latency is None else round(latency * 1000, 3),
        "payload": None,
    }
    payload, problem, packed = look(message, redact)
    found["payload"] = payload
    found |= payloads.told(packed, redact.mask)
    if message.kind is Kind.UNREADABLE:
        found["error"] = problem
        found["size"] = len(message.data)
    else:
        found["form"] = payloads.form(message.data, packed)
        if problem is not None or packed is not None:
            found["data_base64"] = base64.b64encode(redact(message.data)).decode()
    flags = [name for flag, name in _FLAGS if entry.flags & flag]
    if flags:
        found["flags"] = flags
    return found


def look(message: Message, redact: Redactor) -> tuple[Any, str | None, payloads.Decoded | None]:
    """The payload of a message, masked, or None and why it has none that can be read; and what it was packed in."""
    packed = payloads.decode(message.data)
    try:
        if packed is not None:
            return redact.mask(payloads.value_of(packed)), None, packed
        if message.kind is Kind.UNREADABLE:
            # It may be good JSON, only no object; it is shown as unreadable all the same.
            wire.read(message.data)
        return redact.payload_of(message.data, whole=message.whole), None, None
    except wire.Unreadable as error:
        return None, str(error), None


def _gap_record(message: Message, gap: Gap) -> dict[str, Any]:
    return {
        "seq": message.seq,
        "at": round(message.at, 6),
        "channel": None,
        "kind": Kind.GAP.value,
        "start": round(gap.start, 6),
        "end": None if gap.end is None else round(gap.end, 6),
        "reason": gap.reason,
    }


_SIGNS = {
    Kind.REQUEST: ("→", "accent"),
    Kind.RESPONSE: ("←", "ok"),
    Kind.ONE_WAY: ("»", "accent"),
    Kind.BROADCAST: ("*", "key"),
    Kind.UNREADABLE: ("?", "warn"),
    Kind.TOLD: ("‥", "dim"),
}
_STATUS_STYLE = {"ok": "ok", "error": "error", "orphan": "warn", "timeout": "warn", "pending": "dim", "unknown": "warn"}


_NARROWED_AFTER = 50
"""Lines after which a column is no wider than they needed it."""


def clock_time(at: float) -> str:
    """Local time of day with milliseconds."""
    return time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at * 1000) % 1000:03d}"


def day_line(at: float) -> Line:
    """The date of a time, and the offset from UTC of the times of that day."""
    return line(Span(f"-- {dates.date(at)} {dates.offset(at)}", "accent"))


class Liner:
    """Makes lines aligned with each other: columns are as wide as what they held lately, up to a bound."""

    def __init__(self, width: int, redact: Redactor) -> None:
        self.width = width
        self._redact = redact
        self._columns = [_Column(15), _Column(12)]
        self._at: float | None = None

    def day(self, entry: Entry) -> Line | None:
        """What to say before the line of an entry: the date and the offset, where they are not as before."""
        before = self._at
        at = entry.message.at if entry.over is None else entry.over
        self._at = at if entry.gap is None else entry.gap.end or entry.gap.start
        return None if before is None or not dates.change(before, self._at) else day_line(self._at)

    def line(self, entry: Entry) -> Line:
        """The line of one entry."""
        if entry.gap is not None:
            return self._gap(entry.gap)
        message, exchange = entry.message, entry.exchange
        sender, target = entry.ends
        sign, style = _SIGNS[message.kind]
        if message.kind is Kind.RESPONSE:
            sign, style = (
                ("←" if message.final else "…"),
                ("error" if message.error else "ok" if message.final else "dim"),
            )
        spans = [
            Span(clock_time(message.at) + " ", "dim"),
            Span(f"{'#' + str(exchange.number):>6} ", "bold"),
            Span(sign + " ", style),
            Span(self._column(0, _route(message, sender, target)) + " "),
            Span(self._column(1, shown(exchange.action or "", text=True)) + " ", "key"),
            *_outcome(entry),
            *([] if message.dialect in (DAEBUS, PLAIN) else [Span(f"{message.dialect} ", "dim")]),
        ]
        return self._with_payload(spans, message)

    def expired(self, exchange: Exchange, over: float | None = None) -> Line:
        """The line that says that a request got no answer in its time, or none that could be seen, by `over`."""
        waited = round(exchange.until - exchange.opened.at, 3)
        unknown = exchange.state is State.UNKNOWN
        silent = dialects.named(exchange.dialect)
        told = f"no answer within {waited:g} s"
        if unknown:
            told = (silent and silent.silence) or "unknown: its answers cannot be seen"
        return fit(
            [
                Span(clock_time(exchange.until if over is None else over) + " ", "dim"),
                Span(f"{'#' + str(exchange.number):>6} ", "bold"),
                Span("? " if unknown else "× ", "warn"),
                Span(self._column(0, shown(exchange.target or "")) + " "),
                Span(self._column(1, shown(exchange.action or "", text=True)) + " ", "key"),
                Span(told, "warn"),
            ],
            self.width,
        )

    def _gap(self, gap: Gap) -> Line:
        if not gap.lost and gap.end is not None:
            unseen = f"; nothing was seen for {duration(gap.end - gap.start)}" if gap.seconds else ""
            return line(Span(clock_time(gap.end) + " ", "dim"), Span(f"-- {gap.reason}{unseen}", "warn"))
        start = Span(clock_time(gap.start) + " ", "dim")
        if gap.end is None:
            told = "not everything is seen" if gap.partly else "connection lost, messages may be missed"
            return line(start, Span(f"-- {told}: {gap.reason}", "warn"))
        how = "all is seen" if gap.partly else "connected"
        what = "not all of" if gap.partly else "what"
        told = f"-- {how} again after {gap.end - gap.start:.1f} s; {what} "
        told += "what passed meanwhile was seen" if gap.partly else "passed meanwhile was not seen"
        cause = "" if gap.partly else _cause(gap.reason)
        return line(Span(clock_time(gap.end) + " ", "dim"), Span(told + cause, "warn"))

    def _with_payload(self, spans: list[Span], message: Message) -> Line:
        left = self.width - sum(cells(clean(span.text)) for span in spans)
        payload, problem, packed = look(message, self._redact)
        if packed is not None:
            by = f"{packed.by}: "
            spans.append(Span(by, "dim"))
            left -= cells(by)
        if problem is not None:
            broken = message.kind is Kind.UNREADABLE
            told = problem if broken else payloads.form(message.data, packed)
            spans.append(Span(f"{told} ({size(len(message.data))})", "warn" if broken else "dim"))
        elif left > 4:
            spans.append(Span(preview(payload, left)))
        return fit(spans, self.width)

    def _column(self, index: int, text: str) -> str:
        text = clean(text)
        widest = max(12, self.width // (4 if index == 0 else 6))
        return pad(text, self._columns[index].width_for(min(cells(text), widest)))


class _Column:
    """How wide a column is: it widens for what does not fit, and narrows again when that has not come back for long."""

    def __init__(self, least: int) -> None:
        self._least = self._width = least
        self._widest = least
        """Of what came since it was last looked at."""
        self._since = 0

    def width_for(self, needed: int) -> int:
        """The width of the column with one more text in it, of so many cells."""
        self._width = max(self._width, needed)
        self._widest = max(self._widest, needed)
        self._since += 1
        if self._since >= _NARROWED_AFTER:
            self._width, self._widest, self._since = self._widest, self._least, 0
        return max(self._width, needed)


def _cause(reason: str) -> str:
    """What has become known of why the connection was lost since that was told."""
    _before, colon, cause = reason.partition(CAUSE)
    return f" ({cause})" if colon else ""


def _route(message: Message, sender: str | None, target: str | None) -> str:
    if message.kind is Kind.RESPONSE:
        return shown(sender or target or message.channel)
    arrow = ">" if sender else ""
    return f"{shown(sender or '')}{arrow}{shown(target or message.channel)}"


def _outcome(entry: Entry) -> list[Span]:
    message, status = entry.message, entry.status
    if message.kind is not Kind.RESPONSE:
        return []
    spans = [Span(f"{status:<6} ", _STATUS_STYLE.get(status, ""))]
    if entry.latency is not None:
        spans.append(Span(f"{duration(entry.latency):>8} ", "bold"))
    notes = [name for flag, name in ((Flag.LATE, "late"), (Flag.DUPLICATE, "duplicate")) if entry.flags & flag]
    if notes:
        spans.append(Span(" ".join(notes) + " ", "warn"))
    return spans
