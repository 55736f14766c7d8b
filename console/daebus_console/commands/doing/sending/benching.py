"""bench: the same request many times, from several threads at once, and what came of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from daebus.errors import DaebusError, RedisUnavailable, RequestTimeout, ServiceUnavailable
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.sending.sending import payload_of
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.figures.histogram import Histogram
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, duration, line, plural

REQUESTS = 100
MOST_AT_ONCE = 1_000
_TICK = 0.1
_BAR = 30
_MOST_BARS = 16
_NO_CODE = "without a code"
"""What errors are counted as that bear none."""
_FRACTIONS = (0.5, 0.9, 0.95, 0.99)


@dataclass
class Tally:
    """What came of the requests so far. `latencies` are of those answered, errors included; in seconds."""

    sent: int = 0
    ok: int = 0
    timeouts: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    latencies: Histogram = field(default_factory=Histogram)
    fatal: DaebusError | None = None
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many have come to an end."""
        return self.ok + self.timeouts + sum(self.errors.values())


class Bench:
    """Runs `requests` requests on `concurrency` threads, at most `rate` a second if that is given."""

    def __init__(self, command: Command, context: Context) -> None:
        self.context = context
        self.service, self.action = command["service"], command["action"]
        self.payload = payload_of(command, context)
        self.timeout: float | None = command["timeout"]
        self.requests: int = command["requests"] or REQUESTS
        self.concurrency = min(command["concurrency"] or 1, self.requests, MOST_AT_ONCE)
        self.rate: float | None = command["rate"]
        self.tally = Tally()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._requester = context.sender.requester()
        self._begun = 0.0

    def run(self) -> bool:
        """Run them all; True when it was interrupted before their end. Raises ReadOnly."""
        self.context.sender.check()
        self._begun = time.monotonic()
        threads = [threading.Thread(target=self._work, name=f"bench-{index}") for index in range(self.concurrency)]
        withdraw = self.context.cancellation.on_cancel(self.stop)
        interrupted = False
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                self.context.output.progress(self._progress(), transient=True)
                for thread in threads:
                    thread.join(_TICK / len(threads))
        except KeyboardInterrupt:
            interrupted = True
        finally:
            # Again and again: one that was just about to ask connects anew.
            while any(thread.is_alive() for thread in threads):
                self.stop()
                for thread in threads:
                    thread.join(_TICK / len(threads))
            self.stop()
            withdraw()
        self.tally.seconds = time.monotonic() - self._begun
        return interrupted or self.context.cancellation.cancelled

    def stop(self) -> None:
        """Send no more, and wait for no answer any longer."""
        self._stopping.set()
        self._requester.close()

    def _work(self) -> None:
        while (index := self._next()) is not None:
            if self.rate is not None:
                due = self._begun + index / self.rate - time.monotonic()
                if due > 0 and self._stopping.wait(due):
                    return
            self._ask()

    def _next(self) -> int | None:
        with self._lock:
            if self._stopping.is_set() or self.tally.sent >= self.requests:
                return None
            self.tally.sent += 1
            return self.tally.sent - 1

    def _ask(self) -> None:
        latency: float | None = None
        error: str | None = None
        timed_out = False
        try:
            inquiry = self.context.sender.request(
                self.service, self.action, self.payload, timeout=self.timeout, through=self._requester
            )
            for reply in inquiry.replies():
                if reply.final and not reply.ok:
                    error = reply.code or _NO_CODE
            latency = inquiry.latency
        except RequestTimeout:
            timed_out = True
        except (ServiceUnavailable, RedisUnavailable) as fatal:
            if not self._stopping.is_set():
                # It would only fail as often as it is repeated.
                self.tally.fatal = fatal
                self._stopping.set()
            return
        self._count(latency, error, timed_out=timed_out)

    def _count(self, latency: float | None, error: str | None, *, timed_out: bool) -> None:
        with self._lock:
            if latency is not None:
                self.tally.latencies.add(latency)
            if timed_out:
                self.tally.timeouts += 1
            elif error is not None:
                self.tally.errors[error] += 1
            else:
                self.tally.ok += 1

    def _progress(self) -> Line:
        done = self.tally.done
        filled = _BAR * done // self.requests
        rate = done / max(time.monotonic() - self._begun, 0.001)
        bar = Span("#" * filled, "accent"), Span("-" * (_BAR - filled), "dim")
        return line("[", *bar, f"] {done}/{self.requests}  {rate:.0f}/s")


def run_bench(command: Command, context: Context) -> int:
    """Run the requests and print the figures."""
    bench = Bench(command, context)
    interrupted = bench.run()
    tally = bench.tally
    if tally.fatal is not None and not tally.done:
        raise tally.fatal
    if command["json"]:
        context.output.record(_record(bench))
    else:
        context.output.result(_lines(bench))
    if tally.fatal is not None:
        raise tally.fatal
    if interrupted:
        return Exit.INTERRUPTED
    return Exit.ERROR if tally.errors else Exit.TIMEOUT if tally.timeouts else Exit.DONE


def _record(bench: Bench) -> dict[str, Any]:
    tally, found = bench.tally, bench.tally.latencies
    record: dict[str, Any] = {
        **fields("service", bench.service),
        "action": bench.action,
        "requests": tally.sent,
        "concurrency": bench.concurrency,
        "ok": tally.ok,
        "errors": dict(tally.errors),
        "timeouts": tally.timeouts,
        "seconds": round(tally.seconds, 3),
        "rate": round(tally.done / tally.seconds, 2) if tally.seconds else 0.0,
    }
    for fraction, value in zip(_FRACTIONS, found.quantiles(_FRACTIONS), strict=True):
        record[f"p{fraction * 100:g}_ms"] = None if value is None else round(value * 1000, 3)
    record["max_ms"] = round(found.largest * 1000, 3) if found.count else None
    record["histogram"] = [{"to_ms": round(upper * 1000, 4), "count": count} for _lower, upper, count in found.bars()]
    return record


def _lines(bench: Bench) -> list[Line]:
    tally, found = bench.tally, bench.tally.latencies
    rate = tally.done / tally.seconds if tally.seconds else 0.0
    told = f"  {plural(tally.done, 'request')} in {tally.seconds:.2f} s, {rate:.1f}/s, {bench.concurrency} at once"
    lines = [
        line(Span(f"{shown(bench.service)} {shown(bench.action, text=True)}", "bold"), told),
        line(
            Span(f"ok {tally.ok}", "ok"),
            Span(f"  errors {sum(tally.errors.values())}", "error" if tally.errors else "dim"),
            Span(f"  timeouts {tally.timeouts}", "warn" if tally.timeouts else "dim"),
            *(f"  {name}: {count}" for name, count in tally.errors.most_common(5)),
        ),
    ]
    if not found.count:
        return lines
    quantiles = zip(_FRACTIONS, found.quantiles(_FRACTIONS), strict=True)
    names = [f"p{fraction * 100:g} {duration(value)}" for fraction, value in quantiles]
    ends = f"min {duration(found.smallest)}", f"max {duration(found.largest)}"
    lines.append(line("  ".join(["latency", ends[0], *names, ends[1]])))
    return [*lines, *_histogram(found)]


def _histogram(found: Histogram) -> list[Line]:
    """The latencies as bars: neighbouring buckets together, so that there are not too many."""
    bars = found.bars()
    together = -(-len(bars) // _MOST_BARS)
    groups = [bars[start : start + together] for start in range(0, len(bars), together)]
    largest = max(sum(count for *_bounds, count in group) for group in groups)
    lines = []
    for group in groups:
        count = sum(one for *_bounds, one in group)
        width = max(1, round(_BAR * count / largest))
        upper = min(group[-1][1], found.largest)
        lines.append(line(f"  up to {duration(upper):>8}  ", Span("#" * width, "accent"), f" {count}"))
    return lines
