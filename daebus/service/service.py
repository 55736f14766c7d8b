"""A running service: its connections, workers and tasks, from start to stop."""

from __future__ import annotations

import logging
import math
import os
import platform
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daebus import context, telemetry
from daebus.errors import ConfigurationError, RedisUnavailable
from daebus.logs import note
from daebus.recorder.recorder import COUNT, Recorder
from daebus.transport.bus import Bus
from daebus.version import __version__
from daebus.wire import checks
from daebus.wire.limits import MAX_MESSAGE
from daebus.wire.values import Default, plain

from .claims import Claims
from .control.channel import Control, Verb, control_channel
from .control.describing import describe_handlers
from .control.recent import Recent
from .control.running import Queue, Running
from .control.watch import Watch
from .dispatcher import Arrival, Dispatcher, describe
from .logged import listen
from .overload import OverloadLog
from .readers import Readers
from .recording import name_of, note_ran
from .refusals import Refusals
from .registry import Registry
from .saturation import SaturationLog
from .tasks import TaskRunner
from .undelivered import Undelivered
from .worker import Workers

log = logging.getLogger("daebus")

MOST_WORKERS = 10_000
"""Each is a thread."""
MOST_RECORDS = 1_000_000
START_TIMEOUT = 10.0
"""Seconds that connecting and subscribing may take at the start."""
DRAIN_TIMEOUT = 3.0
"""Seconds that taking in and refusing what had been sent before the end may take."""
LOOK_EVERY = 0.001
"""Seconds between two looks at what Redis replied to answers, while messages come."""
QUIET = 0.01
"""Seconds without a message after which Redis' replies are looked at again."""
FLUSH_TIMEOUT = 2.0
"""Seconds that Redis may take to confirm the last answers."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a service runs. `grace` is in seconds; the rest as `Daebus` explains it."""

    max_workers: int = 10
    max_queue: int = 1000
    grace: float = 10.0
    debug: bool = False
    unknown_action: str = "error"
    shared: bool = False
    max_message: int = MAX_MESSAGE
    json_default: Default = plain
    recorder: int = COUNT

    def __post_init__(self) -> None:
        checks.whole(self.max_workers, "max_workers", MOST_WORKERS)
        checks.whole(self.max_queue, "max_queue", sys.maxsize)
        checks.duration(self.grace, "grace")
        if self.recorder != 0 or isinstance(self.recorder, bool):
            checks.whole(self.recorder, "recorder", MOST_RECORDS)
        if self.unknown_action not in ("error", "ignore"):
            raise ConfigurationError(
                f'unknown_action must be "error" or "ignore", not {checks.shown(self.unknown_action)}'
            )


class Service:
    """One instance of a service. Started once, stopped once."""

    def __init__(self, name: str, registry: Registry, bus: Bus, options: Options) -> None:
        self.name = name
        self.instance = uuid.uuid4().hex[:12]
        self._about = {"service": name, "instance": self.instance}
        self.options = options
        self.recorder = Recorder(options.recorder, debug=options.debug) if options.recorder else None
        """What keeps in mind what it did lately; None where that is not wanted."""
        self.bus = bus
        self.publisher = bus.publisher(name)
        self._registry = registry
        self._cache: Any = None
        self._cache_lock = threading.Lock()
        self._refusals = Refusals(name)
        self._claims = Claims(self.publisher, name, self.instance, self._refusals) if options.shared else None
        self._undelivered = Undelivered(name)
        self._dispatcher = Dispatcher(
            self,
            registry,
            self.instance,
            lambda turn: self._readers.hand_over(turn),
            lambda turn: self._readers.goes_on(turn),
            self._undelivered,
            self._refusals,
            max_message=options.max_message,
            debug=options.debug,
            ignore_unknown=options.unknown_action == "ignore",
            claims=self._claims,
        )
        self._saturation = SaturationLog(name, describe)
        self._workers: Workers[Arrival] = Workers(
            options.max_workers, options.max_queue, self._work, lambda: self._saturation.waits(self._workers)
        )
        self._busy_text = f"{name} is busy: {options.max_queue} messages wait"
        self._overload = OverloadLog(name, options.max_queue)
        self._control_channel = control_channel(name)
        self._watch = (
            None if self.recorder is None else Watch(name, self.instance, self.recorder, self.publisher, self._refusals)
        )
        self._verbs = self._control_verbs()
        self._control = Control(name, self.instance, self.publisher, self._verbs)
        self._tasks = TaskRunner(self, registry)
        self._listener = bus.listener(
            name,
            [name, self._control_channel, *registry.listen_handlers],
            # Where one connection went silent the other is likely dead too, and to find out would cost an answer.
            on_lost=lambda _error: self.publisher.renew(),
            on_back=self._undelivered.said,
            optional=[self._control_channel],
        )
        self._readers = Readers(self._listener, options.max_workers + 1, self._take, self._idle, self._done)
        self._started = 0.0
        self._stopping = False
        self._closed = False

    @property
    def max_message(self) -> int:
        """Bytes of a message that it sends, at most."""
        return self.options.max_message

    @property
    def json_default(self) -> Default:
        """What says how to write values that JSON has no form for."""
        return self.options.json_default

    @property
    def cache(self) -> Any:
        """A redis client of the service's Redis, made when it is first used."""
        with self._cache_lock:
            if self._cache is None:
                self._cache = self.bus.cache()
            return self._cache

    def start(self) -> None:
        """Connect, run the start hooks, subscribe, and start everything. Returns when the service can be called."""
        self._started = time.time()
        telemetry.look()
        if self.recorder is not None:
            listen()
        self.publisher.connect()
        context.started(self)
        try:
            if self._claims is not None:
                self._claims.check()
            for hook in self._registry.start_hooks:
                self._run_hook("start hook", hook)
            self._readers.start()
            self._listener.ensure(time.monotonic() + START_TIMEOUT)
            self._tasks.start()
        except BaseException:
            self._close()
            raise
        log.info("%s: serving on %s as instance %s", self.name, self.bus, self.instance, extra=self._about)

    def stop(self, grace: float) -> None:
        """Take no more, finish what runs within `grace` seconds, answer the rest, and close everything."""
        until = time.monotonic() + grace
        dropped = self._dispatcher.counts["dropped"]
        self._tasks.signal_stop()
        self._saturation.end()
        self._stopping = True
        for arrival in self._workers.drop_queue():
            self._refuse_stopping(arrival)
        self._listener.drain(time.monotonic() + DRAIN_TIMEOUT)
        for arrival in self._workers.finish(until):
            self._dispatcher.abandon(arrival, "shutting_down", f"{self.name} had to stop before this was finished")
        self._tasks.stop(max(until, time.monotonic() + 0.1))
        self._close()
        dropped = self._dispatcher.counts["dropped"] - dropped
        if dropped:
            line = "%s: stopped before %d messages that nobody waits for had their turn"
            log.warning(line, self.name, dropped, extra=self._about)
        log.info("%s: stopped", self.name, extra=self._about)

    def _run_hook(self, what: str, hook: Callable[[], Any]) -> None:
        """Call a hook in a context of its own; what it raises is for the caller."""
        within = context.Context(self, f"a {what}", cause=what)
        raised: BaseException | None = None
        try:
            with context.entered(within):
                hook()
        except BaseException as error:
            raised = error
            raise
        finally:
            note_ran(within, "hook", name_of(hook), raised)

    def finish(self, until: float) -> None:
        """Wait until `until` (a time of `time.monotonic()`) for what is being done, and what waits for its turn."""
        self._workers.finish(until)

    def _close(self) -> None:
        for hook in self._registry.stop_hooks if self._stopping else ():
            try:
                self._run_hook("stop hook", hook)
            except BaseException as error:  # noqa: BLE001 - the others are to run as well
                note(log, logging.ERROR, "%s: a stop hook raised", self.name, error=error)
        self._readers.close()
        if self._watch is not None:
            self._watch.end()
        self._dispatcher.answers.end()
        self._close_publisher()
        self._closed = True
        with self._cache_lock:
            if self._cache is not None:
                self._cache.close()
        self._undelivered.say(math.inf)
        self._refusals.end()
        context.stopped(self)

    def _close_publisher(self) -> None:
        """Close it when the last answers have arrived: closing a socket may discard what was written to it."""
        try:
            self.publisher.confirm(time.monotonic() + FLUSH_TIMEOUT)
        except RedisUnavailable as error:
            log.warning("%s: the last answers may be lost: %s", self.name, error)
        self.publisher.close()

    def _idle(self) -> float:
        """Before a thread waits for messages: send the answers that were left for this, and look what became of others.

        Returns how many seconds it may wait: not long while something is to be looked at.
        """
        self.publisher.flush()
        if not self.publisher.in_flight:
            return math.inf
        self.publisher.look(LOOK_EVERY)
        return QUIET

    def _done(self) -> None:
        """Before a thread rests: see what became of the answer that it has sent."""
        self.publisher.flush()
        self.publisher.settle(QUIET)

    def _work(self, arrival: Arrival) -> None:
        """Deal with a message on a worker; must not raise."""
        self._dispatcher.handle(arrival)
        if self._closed:
            # A handler that outlasts its service has connected once more by answering.
            self._close_publisher()

    def start_thread(self, name: str) -> bool:
        """See `Daebus.start_thread`."""
        return self._tasks.start_thread(name)

    def stop_thread(self, name: str, timeout: float = 5.0) -> bool:
        """See `Daebus.stop_thread`."""
        return self._tasks.stop_thread(name, timeout)

    def _take(self, channel: str, data: bytes, turn: int) -> None:
        """Take a message from the reader thread: control at once, everything else to the workers."""
        if channel == self._control_channel:
            self._control.handle(data)
            return
        now = time.monotonic()
        if self._undelivered.pending:
            self._undelivered.say(now)
        self._dispatcher.counts.add("received")
        arrival = Arrival(channel, data, now, turn)
        if self._workers.take(arrival):
            return
        if self._stopping:
            self._refuse_stopping(arrival)
        elif self._dispatcher.refuse(arrival, "busy", self._busy_text):
            self._dispatcher.counts.add("busy")
            self._overload.refused()

    def _refuse_stopping(self, arrival: Arrival) -> None:
        self._dispatcher.refuse(arrival, "shutting_down", f"{self.name} is stopping")

    def _control_verbs(self) -> dict[str, Verb]:
        """What can be asked on the control channel."""
        verbs: dict[str, Verb] = {"info": self._info, "running": Running(self, self._queue)}
        if self.recorder is not None and self._watch is not None:
            verbs |= {"recent": Recent(self.recorder), "watch": self._watch}
        return verbs

    def _info(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return self.info(payload.get("schemas") is True)

    def _queue(self, oldest: int) -> Queue:
        """What waits for a worker, with so many of the oldest."""
        now = time.monotonic()
        waiting = [(job.channel, job.data, now - job.at) for job in self._workers.oldest(oldest)]
        return Queue(self._workers.queued, self._workers.max_queue, waiting)

    def info(self, schemas: bool = False) -> dict[str, Any]:
        """What the control action `info` answers; with the schemas of the actions where they are asked for."""
        queue = self._queue(1)
        told: dict[str, Any] = {"size": queue.size, "max": queue.max}
        if queue.oldest:
            told["oldest"] = round(queue.oldest[0][2], 6)
        return {
            "service": self.name,
            "instance": self.instance,
            "version": __version__,
            "pid": os.getpid(),
            "host": platform.node() or socket.gethostname(),
            "started": self._started,
            "features": list(self._verbs),
            "debugger": False,
            **describe_handlers(self._registry, schemas=schemas),
            "workers": {"max": self._workers.size, "busy": self._workers.busy},
            "queue": told,
            "counts": self._dispatcher.counts.snapshot(),
            "debug": self.options.debug,
            "shared": self.options.shared,
        }
