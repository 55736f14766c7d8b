"""The same message more than once: --times and --every of request, send and broadcast."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from daebus.errors import ConnectionLost, DaebusError, RedisUnavailable, RequestTimeout, ServiceUnavailable
from daebus.wire.envelope import Reply
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.sender import Cancelled, Delivery, Inquiry
from daebus_console.files.places import StreamError
from daebus_console.naming import fields, shown
from daebus_console.render import Span, duration, json_spans, line, preview, times

MOST_AT_ONCE = 100
"""Requests of one command that wait for their answers at the same time."""
_TICK = 0.1


def repeats(command: Command) -> bool:
    """Whether the command says to send more than once."""
    return command["every"] is not None or (command["times"] or 1) > 1


def turns(times: int | None, every: float | None, context: Context) -> Iterator[int]:
    """The number of each sending, from 1, when its time has come; ends when all are done, or on cancelling."""
    begun = time.monotonic()
    for number in count(1) if times is None else range(1, times + 1):
        # Times are counted from the beginning, so that none of them drifts.
        due = 0.0 if every is None else begun + (number - 1) * every - time.monotonic()
        if context.cancellation.wait(due) if due > 0 else context.cancellation.cancelled:
            return
        yield number


def failure(inquiry: Inquiry, reply: Reply, redact: Redactor) -> str:
    """What an error answer says, but for what is secret in it."""
    kind = ", ".join(part for part in (reply.code, reply.type) if part)
    told = f"{shown(inquiry.service)} answered {shown(inquiry.action, text=True)} with an error"
    return f"{told}{f' ({kind})' if kind else ''}: {redact.text(reply.error or '')}"


def answered(reply: Reply) -> Any:
    """The payload of an answer with all that its text says."""
    try:
        return wire.payload_of(reply.raw) if isinstance(reply.payload, dict | list | float) else reply.payload
    except wire.Unreadable:
        return reply.payload


class Requests:
    """Sends a request many times and tells of each answer as it comes. `run` blocks until the last has come."""

    def __init__(self, command: Command, context: Context, payload: dict[str, Any]) -> None:
        self.command, self.context, self.payload = command, context, payload
        self.counts: Counter[str] = Counter()
        self._requester = context.sender.requester()
        self._stopped = threading.Event()
        self._room = threading.Semaphore(MOST_AT_ONCE)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._fatal: DaebusError | StreamError | None = None
        self._sent = 0

    def run(self) -> int:
        """Send all and wait for all; returns the exit status. Raises what makes going on useless."""
        begun = time.monotonic()
        withdraw = self.context.cancellation.on_cancel(self._stop)
        interrupted = False
        try:
            self._send_all()
            self._join()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._stop()
            self._join()
            withdraw()
        if self._fatal is not None:
            raise self._fatal
        return self._tell(time.monotonic() - begun, interrupted or self.context.cancellation.cancelled)

    def _send_all(self) -> None:
        for number in turns(self.command["times"], self.command["every"], self.context):
            while not self._room.acquire(timeout=_TICK):
                if self._stopped.is_set():
                    return
            if self._stopped.is_set():
                return
            thread = threading.Thread(target=self._ask, args=(number,), name=f"request-{number}", daemon=True)
            with self._lock:
                self._threads.add(thread)
            self._sent = number
            thread.start()

    def _join(self) -> None:
        while True:
            with self._lock:
                thread = next(iter(self._threads), None)
            if thread is None:
                return
            thread.join(_TICK)
            if self._stopped.is_set():
                # Whoever was just about to ask connects anew.
                self._requester.close()

    def _stop(self) -> None:
        self._stopped.set()
        self._requester.close()

    def _ask(self, number: int) -> None:
        try:
            self._await(number)
        except RequestTimeout as error:
            self._count("timeouts")
            self.context.output.error(f"{number}: {error}")
        except (Cancelled, ConnectionLost):
            self._count("lost")
        except (ServiceUnavailable, RedisUnavailable, StreamError) as error:
            # It would only fail as often as it is repeated.
            if not self._stopped.is_set():
                self._fatal = error
                self._stopped.set()
                self.context.cancellation.cancel()
        finally:
            self._room.release()
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _await(self, number: int) -> None:
        command, context = self.command, self.context
        inquiry = context.sender.request(
            command["service"],
            command["action"],
            self.payload,
            timeout=command["timeout"],
            through=self._requester,
        )
        for reply in inquiry.replies():
            if not reply.final:
                continue
            context.variables["last"] = answered(reply)
            self._count("answered" if reply.ok else "errors")
            self._show(number, inquiry, reply)

    def _show(self, number: int, inquiry: Inquiry, reply: Reply) -> None:
        output, payload = self.context.output, self.context.redact.mask(answered(reply))
        if self.command["json"]:
            output.record(payload)
        if not reply.ok:
            output.error(f"{number}: {failure(inquiry, reply, self.context.redact)}")
        elif not self.command["json"]:
            head = f"{number:>4}  {duration(inquiry.latency):>8}  "
            shown = json_spans(preview(payload, max(20, output.width - len(head))))
            output.result([line(Span(head, "dim"), *shown)])
            output.flush()

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def _tell(self, seconds: float, interrupted: bool) -> int:
        counts = self.counts
        told = f"{self._sent} sent: {counts['answered']} answered, {counts['errors']} errors"
        lost = f", {counts['lost']} not waited for, which may still be handled" if counts["lost"] else ""
        self.context.output.note(f"{told}, {counts['timeouts']} timed out{lost}, in {seconds:.1f} s")
        if interrupted:
            return Exit.INTERRUPTED
        if counts["errors"]:
            return Exit.ERROR
        return Exit.TIMEOUT if counts["timeouts"] else Exit.NO_REDIS if counts["lost"] else Exit.DONE


def publish_often(command: Command, context: Context, what: str, publish: Callable[[], Delivery]) -> int:
    """Publish as often as the command says, and tell how often it was done."""
    done = 0
    delivery: Delivery | None = None
    try:
        for number in turns(command["times"], command["every"], context):
            delivery = publish()
            done = number
            if command["json"]:
                tell_delivery(command, context, delivery, what)
            else:
                context.output.progress(line(Span(f"{what} {times(number)}", "dim")), transient=True)
    except KeyboardInterrupt:
        context.cancellation.cancel()
    if delivery is not None and not command["json"]:
        tell_delivery(command, context, delivery, f"{what} {times(done)}")
    return Exit.INTERRUPTED if context.cancellation.cancelled else Exit.DONE


def tell_delivery(command: Command, context: Context, delivery: Delivery, what: str) -> None:
    """Tell what became of what was published."""
    if command["json"]:
        subscribers = delivery.subscribers
        record = {"subscribers": subscribers, "receivers": delivery.receivers}
        context.output.record(fields("channel", delivery.channel) | record)
        return
    number = delivery.receivers if delivery.subscribers is None else delivery.subscribers
    noun = "receiver" if delivery.subscribers is None else "subscriber"
    context.output.result([line(Span(what, "ok"), f", {number} {noun}{'s' * (number != 1)}")])
