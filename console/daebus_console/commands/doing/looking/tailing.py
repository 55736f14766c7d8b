"""tail: messages as they come. The tap hands them to a bounded feed and never waits for the output."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.guard import must_pass, no_file
from daebus_console.commands.doing.shared.material import tell_missed
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.entries import Entry, Liner, record
from daebus_console.engine.filter import language as filters
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message
from daebus_console.render import plural

MOST_WAITING = 20_000
MOST_WAITING_BYTES = 64 * 1024 * 1024
_TICK = 0.2
_ENTRY_BYTES = 200


@dataclass(frozen=True)
class Missed:
    """So many entries were left out here, for want of room."""

    count: int


class Feed:
    """What waits to be printed: bounded in entries and bytes. What does not fit is counted, and told in its place."""

    def __init__(self, most: int = MOST_WAITING, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._ready = threading.Condition()
        self._waiting: list[Entry | Missed] = []
        self._bytes = 0
        self._missing = 0
        self.missed = 0
        """Entries left out since the start."""

    def put(self, entry: Entry) -> None:
        """Add an entry, or count it as missed. Never waits."""
        with self._ready:
            weight = len(entry.message.data) + _ENTRY_BYTES
            full = len(self._waiting) >= self._most or (self._bytes + weight > self._most_bytes and self._bytes)
            if full and entry.gap is None:
                self._missing += 1
                self.missed += 1
                return
            if self._missing:
                self._waiting.append(Missed(self._missing))
                self._missing = 0
            self._waiting.append(entry)
            self._bytes += weight
            self._ready.notify()

    def take(self, timeout: float) -> list[Entry | Missed]:
        """All that waits; after `timeout` seconds possibly nothing."""
        with self._ready:
            if not self._waiting:
                self._ready.wait(max(0.0, timeout))
            taken, self._waiting, self._bytes = self._waiting, [], 0
            if not taken and self._missing:
                taken, self._missing = [Missed(self._missing)], 0
            return taken


def run_tail(command: Command, context: Context) -> int:
    """Print messages until --for or --count is reached, the output is closed, or it is cancelled.

    Raises CommandError.
    """
    must_pass(command, context)
    no_file(command)
    return _Tail(command, context).run()


class _Tail:
    def __init__(self, command: Command, context: Context) -> None:
        self.context = context
        self.filter = filters.parse(command["filter"] or "")
        self.all: bool = command["all"]
        self.json: bool = command["json"]
        self.count: int | None = command["count"]
        self.seconds: float | None = command["for"]
        self.quiet = 0
        """Messages that are said all the time, and were not shown."""
        self.told_quiet = "is:quiet" in (command["filter"] or "")
        self.by_status = "status:" in (command["filter"] or "").casefold()
        """Whether requests may match from when they have no answer on, and not before."""
        self.feed = Feed()
        self.printed = 0
        self.told: set[str | None] = set()
        """What has been told already of what it does not see."""
        self.liner = Liner(context.output.width, context.redact)
        self.since = 0.0

    def run(self) -> int:
        unwatch = self.context.session.watch(self._watch, self._unanswered, self._unanswered)
        try:
            session = self.context.look()
            self.told = {session.status.blind, session.tap.missing}
            self.since = session.clock()
            return self._print_all()
        finally:
            unwatch()

    def _print_all(self) -> int:
        deadline = None if self.seconds is None else time.monotonic() + self.seconds
        output, status = self.context.output, Exit.DONE
        while not self.context.cancellation.cancelled and not output.closed:
            left = _TICK if deadline is None else min(_TICK, deadline - time.monotonic())
            if self._print_waiting(left):
                break
            output.flush()
            if deadline is not None and time.monotonic() >= deadline:
                # What came in time is still printed.
                self._print_waiting(0)
                status = tell_missed(self.context, self.since, shown=True)
                break
        return self._end(status)

    def _print_waiting(self, timeout: float) -> bool:
        """Print what waits, or comes within `timeout` seconds; True when that was enough."""
        return any(self._print(entry) for entry in self.feed.take(timeout))

    def _end(self, status: Exit) -> int:
        if self.feed.missed:
            self.context.output.note(
                f"{plural(self.printed, 'message')} shown, {self.feed.missed:,} not shown: the output could not keep up"
            )
        if self.quiet:
            self.context.output.note(f"{self.quiet} heartbeats and the like not shown: --all or is:quiet shows them")
        return Exit.INTERRUPTED if self.context.cancellation.cancelled else status

    def _watch(self, message: Message, exchange: Exchange) -> None:
        """On the tap's thread, under the session's lock."""
        if message.kind is Kind.GAP or (self._wanted(exchange) and self.filter.matches_message(message, exchange)):
            if exchange.flags & Flag.QUIET and not self.all and not self.told_quiet:
                self.quiet += 1
                return
            self.feed.put(Entry.of(message, exchange))

    def _unanswered(self, exchange: Exchange) -> None:
        """Also on the tap's thread: no answer came in time, or nobody knows, of which no message tells."""
        if self._wanted(exchange) and self.filter(exchange):
            self.feed.put(Entry.unanswered(exchange, self.context.session.clock()))

    def _wanted(self, exchange: Exchange) -> bool:
        return self.all or not exchange.flags & (Flag.CONTROL | Flag.OURS)

    def _print(self, entry: Entry | Missed) -> bool:
        """Print one entry; True when that was the last one."""
        output = self.context.output
        if isinstance(entry, Missed):
            output.note(
                f"{plural(entry.count, 'message is', 'messages are')} not shown here: the output could not keep up"
            )
            return False
        gap = entry.gap
        if gap is not None and gap.partly and gap.end is None and gap.reason in self.told and not self.json:
            self.told.clear()
            return False
        day = None if self.json else self.liner.day(entry)
        if day is not None:
            output.result([day])
        if self.json:
            output.record(record(entry, self.context.redact))
        elif entry.over is not None:
            output.result([self.liner.expired(entry.exchange, entry.over)])
        else:
            output.result([self.liner.line(entry)])
        if entry.over is not None and not self.by_status:
            # It is counted already, as a request.
            return False
        if entry.gap is None:
            self.printed += 1
        return self.count is not None and self.printed >= self.count
