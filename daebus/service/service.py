"""A running service: its connections, workers and tasks, from start to stop."""

from __future__ import annotations

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Collection
from typing import Any

from daebus import context, telemetry
from daebus.errors import RedisUnavailable
from daebus.logs import note, stay_on
from daebus.recorder.recorder import Recorder
from daebus.transport.bus import Bus
from daebus.wire.envelope import quoted
from daebus.wire.values import Default

from .answering.between import Between
from .answering.undelivered import Undelivered
from .chain.arrival import Arrival, describe
from .chain.dispatcher import Dispatcher
from .chain.holding import Holding
from .claims import Claims
from .control.channel import Control, control_channel
from .control.info import where_connected
from .control.verbs import verbs_of
from .control.watch import Watch
from .intake import Intake
from .kind import Function
from .options import Options
from .readers import Readers
from .recording.logged import listen
from .recording.notes import name_of, note_ran
from .refusals import Refusals
from .registry import Registry
from .sides import Sides
from .tasks import TaskRunner
from .unended import say_dropped, say_unended
from .work.crews import Crews
from .work.event_loop import EventLoop

log = logging.getLogger("daebus")

START_TIMEOUT = 10.0
"""Seconds that connecting and subscribing may take at the start."""
DRAIN_TIMEOUT = 3.0
"""Seconds that taking in and refusing what had been sent before the end may take."""
FLUSH_TIMEOUT = 2.0
"""Seconds that Redis may take to confirm the last answers."""
_NO_PATTERN = "hears the channel of that very name only: listeners take no patterns, each channel needs one of its own"


class Service:
    """One instance of a service. Started once, stopped once.

    `end()` has whoever started it stop it, in the way that they do.
    """

    def __init__(
        self, name: str, registry: Registry, bus: Bus, options: Options, end: Callable[[], object] | None = None
    ) -> None:
        self.name = name
        self.instance = uuid.uuid4().hex[:12]
        self._about = {"service": name, "instance": self.instance}
        self.options = options
        self.debug = options.debug
        """Whether each message in and out has a line in the log."""
        self._end = end
        self.overran: list[str] = []
        """The threads that were at something yet when the grace was over, by name."""
        self.recorder = Recorder(options.recorder, debug=options.debug) if options.recorder else None
        """What keeps in mind what it did lately; None where that is not wanted."""
        self.bus = bus
        self.publisher = bus.publisher(name)
        self._registry = registry
        self._cache: Any = None
        self._cache_lock = threading.Lock()
        self._refusals = Refusals(name)
        probes = bus.own_channel(name)
        own = [probes] if bus.proves else []
        self._claims = Claims(self.publisher, name, self.instance, self._refusals, *own) if options.shared else None
        self._undelivered = Undelivered(name)
        self._loop = EventLoop(name, options.max_workers) if registry.needs_loop else None
        self._holding = (
            Holding(
                name,
                self.instance,
                options.max_workers,
                lambda held: self._intake.put(held),
                lambda: self._crews.serve(),
            )
            if options.debugger
            else None
        )
        self.gates = None if self._holding is None else self._holding.gates
        """Where messages may be held; None where this is not to be."""
        self._dispatcher = Dispatcher(
            self,
            registry,
            self.instance,
            self._undelivered,
            self._refusals,
            max_message=options.max_message,
            debug=options.debug,
            ignore_unknown=options.unknown_action == "ignore",
            claims=self._claims,
            loop=self._loop,
            holding=self._holding,
        )
        self._crews: Crews[Arrival] = Crews(
            name,
            describe,
            self._work,
            self._dispatcher.handle_on_loop,
            self._loop,
            max_workers=options.max_workers,
            max_async=options.max_async,
            max_queue=options.max_queue,
        )
        self._control_channel = control_channel(name)
        self._watch = (
            None if self.recorder is None else Watch(name, self.instance, self.recorder, self.publisher, self._refusals)
        )
        self._verbs = verbs_of(self, registry, self._crews, self._state, self._watch)
        self._control = Control(name, self.instance, self.publisher, self._verbs)
        self._intake = Intake(
            name,
            self._control_channel,
            self._control,
            self._dispatcher,
            self._crews,
            self._undelivered,
            splits=self._loop is not None,
            may_hold=self._holding is not None,
            max_queue=options.max_queue,
        )
        self._tasks = TaskRunner(self, registry, self._loop)
        # Mostly that is one group.
        mine, *others = bus.groups([name, *own, self._control_channel, *registry.listen_handlers])
        self._listener = bus.listener(
            name,
            mine,
            # Where one connection went silent the other is likely dead too, and to find out would cost an answer.
            on_lost=lambda _error: self.publisher.renew(),
            on_back=self._undelivered.said,
            optional=[self._control_channel],
            quietly=own,
        )
        self._listener.heart = heart = bus.heart(self.publisher, self._listener, probes)
        if self._claims is not None:
            self._claims.attend(self._listener, heart)
        between = Between(self.publisher)
        self._readers = Readers(
            self._listener,
            options.max_workers + 1,
            self._intake.take,
            between.idle,
            between.done,
            self._dispatcher.together if options.shared else None,
        )
        self._dispatcher.pace.follow(self._readers.hand_over, self._readers.goes_on)
        self._sides = Sides(
            bus,
            name,
            others,
            self._control_channel,
            self._control.handle,
            self._intake.take_beside,
            between.idle,
            between.done,
            options.max_workers + 1,
        )
        self._started = 0.0
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
    def stands_in(self) -> bool:
        """Whether it answers in the place of a service of another process."""
        return self.options.stands_in

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
            self._prepare()
            self._readers.start()
            self._listener.ensure(until := time.monotonic() + START_TIMEOUT)
            self._sides.start(until)
            self._tasks.start()
        except BaseException:
            self._close()
            raise
        log.info("%s: serving on %s as instance %s", self.name, self.bus, self.instance, extra=self._about)
        for channel in self._registry.listen_handlers:
            if "*" in channel:
                log.warning("%s: the listener of %s %s", self.name, quoted(channel), _NO_PATTERN, extra=self._about)

    def _prepare(self) -> None:
        """Do what comes before the first message. Where that fails, what has come already is turned away."""
        try:
            if self._claims is not None:
                self._claims.check()
            if self._loop is not None:
                self._loop.start()
            try:
                for hook in self._registry.start_hooks:
                    self._run_hook("start hook", hook)
            finally:
                # One may have configured logging: why another fails is to be heard, and so is what messages set off.
                stay_on()
        except BaseException:
            self._turn_away()
            raise

    def _turn_away(self) -> None:
        """It does not start: where it has taken over already, answer what has come for it meanwhile."""
        listener, until = self._listener, time.monotonic() + DRAIN_TIMEOUT
        if listener.connected:
            if self._claims is not None:
                self._claims.leave()
            listener.drain(0)
            listener.lead(self._intake.turn_away, lambda: time.monotonic() > until)
            say_dropped(self.name, self._about, self._dispatcher.counts["dropped"])

    def stop(self, grace: float) -> None:
        """Take no more, finish what runs within `grace` seconds, answer the rest, and close everything."""
        until = time.monotonic() + grace
        dropped = self._dispatcher.counts["dropped"]
        self._tasks.signal_stop()
        self._intake.stopping = True
        if self.gates is not None:
            # What is held goes on, within the grace.
            self.gates.end()
        for arrival in self._crews.drop_queue(lambda arrival: arrival.released):
            self._intake.refuse_stopping(arrival)
        if self._claims is not None:
            self._claims.leave()
        self._listener.drain(until_read := time.monotonic() + DRAIN_TIMEOUT)
        self._sides.drain(until_read)
        unended = []
        for arrival in self._crews.finish(until):
            if arrival.on_loop and arrival.response is None and (arrival.channel == self.name or not arrival.heard):
                self._intake.refuse_stopping(arrival)
            else:
                unended.append(describe(arrival))
            self._dispatcher.abandon(arrival, "shutting_down", f"{self.name} had to stop before this was finished")
        for arrival in self._crews.drop_queue():
            self._intake.refuse_stopping(arrival)
        self._crews.cancel()
        unended += [f"action {quoted(action)}, put off" for action in self._dispatcher.deferrals.finish(until)]
        unended += self._tasks.stop(max(until, time.monotonic() + 0.1))
        overran = self._threads_at_work()
        self.overran = sorted(thread.name for thread in threading.enumerate() if thread.ident in overran)
        self._close(overran)
        self._intake.end()
        say_dropped(self.name, self._about, self._dispatcher.counts["dropped"] - dropped)
        say_unended(self.name, self._about, unended)
        log.info("%s: stopped", self.name, extra=self._about)

    def end(self) -> None:
        """Stop, with the grace that it has by itself."""
        if self._end is not None:
            self._end()
        else:
            self.stop(self.options.grace)

    def _threads_at_work(self) -> set[int]:
        """The threads that something of the service runs in, but for the one that asks."""
        return {each.thread for each in context.entered_in(self) if each.task is None} - {threading.get_ident()}

    def _run_hook(self, what: str, hook: Function) -> None:
        """Call a hook in a context of its own; what it raises is for the caller."""
        within = context.Context(self, f"a {what}", cause=what)
        raised: BaseException | None = None
        try:
            with context.entered(within):
                self._dispatcher.call(hook)
        except BaseException as error:
            raised = error
            raise
        finally:
            note_ran(within, "hook", name_of(hook.call), raised)

    def finish(self, until: float) -> None:
        """Wait until `until` (a time of `time.monotonic()`) for what is being done, and what waits for its turn."""
        if self.gates is not None:
            self.gates.end()
        if self._readers.rest(until) and self._sides.rest(until):
            self._crews.rest(until)

    def _close(self, overran: Collection[int] = ()) -> None:
        """Close everything; the threads that `overran` the grace are not waited for any more."""
        for hook in self._registry.stop_hooks if self._intake.stopping else ():
            if hook.kind.on_loop and not (self._loop is not None and self._loop.responds()):
                log.error("%s: a stop hook is not run, since a task blocks the event loop", self.name)
                continue
            try:
                self._run_hook("stop hook", hook)
            except BaseException as error:  # noqa: BLE001 - the others are to run as well
                note(log, logging.ERROR, "%s: a stop hook raised", self.name, error=error)
        self._readers.close(overran)
        self._sides.close(overran)
        if self._watch is not None:
            self._watch.end()
        if self._holding is not None:
            self._holding.end(FLUSH_TIMEOUT)
        if self._loop is not None:
            self._loop.stop()
        if self._dispatcher.outbox is not None:
            self._dispatcher.outbox.end(FLUSH_TIMEOUT)
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
        if self._claims is not None:
            self._claims.close()

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

    def rest(self, until: float) -> bool:
        """Wait until no message waits or is being handled; False where that takes longer than `until`.

        That is a time of `time.monotonic()`.
        """
        return self._crews.rest(until)

    def _state(self) -> dict[str, Any]:
        return {
            "started": self._started,
            "counts": self._dispatcher.counts.snapshot(),
            "debug": self.options.debug,
            "debugger": self.gates is not None,
            "shared": self.options.shared,
            "redis": where_connected(self.bus, self._listener, self.publisher),
        }

    def info(self) -> dict[str, Any]:
        """What the control action `info` answers."""
        return self._verbs["info"]({}) or {}
