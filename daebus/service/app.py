"""Daebus: an app with its handlers, and the life of the service it becomes."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from daebus.client.broadcast import broadcast
from daebus.context import current, on_loop, stopped
from daebus.errors import ConfigurationError, DaebusError, RegistrationError, said_by
from daebus.logs import DebugLevel, configure, stay_on
from daebus.recorder.recorder import COUNT
from daebus.transport.bus import Bus, chosen_bus
from daebus.transport.fork import begins_anew
from daebus.transport.threads import begin
from daebus.wire import checks
from daebus.wire.limits import resolve_max_message
from daebus.wire.values import plain, plain_or

from .blueprint import Blueprint
from .consent import checked_debugger, may_be_held
from .fitting import VALUES, must_fit
from .hooks import Handler
from .importing import must_not_be_imported
from .options import Options
from .proxies import cache, logger, request, response
from .registry import Registry
from .service import Service
from .signals import StopSignals

if TYPE_CHECKING:
    from daebus.testing import TestClient

log = logging.getLogger("daebus")

_IDLE = (
    "no action, listener, task, thread or start hook is registered with its app. Import the modules that do so. Where "
    "they import the app from the program itself, they register with another one, unless `daebus run` runs it: let "
    "them import it from a module of its own"
)


class Daebus(Registry):
    """A service in the making: register handlers with its decorators, then `run` it.

    `max_workers` handlers run at once, each in a thread. One that waits (for another service, a database) keeps its
    worker meanwhile, so let there be as many as requests are to be under way at once; a handler that asks its own
    service, be it through others, needs a second one, and where all workers wait so, nothing goes on until they
    time out. That all have been busy for 5 s while messages wait is logged, with the action that takes longest.

    Handlers that are `async def` run on one event loop, up to `max_async` of them at once; a plain one that blocks
    slows none of them down. One that blocks the loop stops all the others: let it await, or use `asyncio.to_thread`.

    `max_queue` messages may wait for their turn. A request beyond that is answered at once with the error code
    `busy`; a one-way message or broadcast is dropped, counted and logged. A request whose own `timeout` runs out
    while it waits is not handled any more (`expired`). Let `max_queue` be what the workers get done in the time
    that callers wait, and mind that it counts messages, not bytes.

    `unknown_action="ignore"` leaves requests for actions that this service does not have without an
    answer, for different services that share one channel.

    `grace` is how many seconds handlers get to finish when the service stops. What waits then is answered with
    `shutting_down` at once, and so is, when the time is up, what still runs: threads are left behind, async handlers
    cancelled, for which they have a second. What was cut off so is named in the log.

    `max_message` is how many bytes an answer or a broadcast may have (default: DAEBUS_MAX_MESSAGE of the environment,
    else 16 MiB): sending a larger one raises PayloadError, which the asker gets as an error. With its usual
    limits Redis delivers nothing of more than 28 MiB, and disconnects whoever was to get it.

    `recorder` is how many records are kept of what the service did lately (at most 4 MiB of them), for whoever asks on
    its control channel; 0 keeps none. They have no payloads, unless `debug` is on.

    `debugger=True` lets whoever may publish on its control channel hold, edit and harm its messages, for as long as
    they hold a lease (default: what DAEBUS_DEBUGGER of the environment says, else as `debug` is); see docs/debugger.md.
    """

    request = request
    response = response
    cache = cache
    broadcast = broadcast
    logger = logger

    def __init__(
        self,
        name: str,
        max_workers: int = 10,
        *,
        max_queue: int = 1000,
        unknown_action: str = "error",
        grace: float = 10.0,
        max_message: int | None = None,
        max_async: int = 100,
        recorder: int = COUNT,
        debugger: bool | None = None,
    ) -> None:
        super().__init__(name)
        limit = resolve_max_message(max_message)
        self._debugger = checked_debugger(debugger)
        self.options = Options(
            max_workers,
            max_queue,
            grace,
            unknown_action=unknown_action,
            max_message=limit,
            max_async=max_async,
            recorder=recorder,
        )
        self._service: Service | None = None
        self._lock = threading.RLock()
        self._busy = False
        """Whether whoever has the lock starts or stops: a signal handler may come in between, with the same thread."""
        self._debug_level = DebugLevel()
        self._waiting: StopSignals | None = None
        self._left_behind: str | None = None
        self._to_stop: tuple[Service, float] | None = None
        begins_anew(self)

    def after_fork(self) -> None:
        """Where the threads are gone that there were, and with them the service: in a forked child, say."""
        # Logging must wait: some lock of its streams may be another thread's, which is gone.
        self._lock, self._busy = threading.RLock(), False
        service, self._service = self._service, None
        if service is not None:
            stopped(service)
            self._left_behind = service.name

    def _say_left_behind(self) -> None:
        if self._left_behind is not None:
            name, self._left_behind = self._left_behind, None
            log.warning("%s runs in the parent process; a forked one does not carry it on", name)

    def register_blueprint(self, blueprint: Blueprint) -> Self:
        """Take over all handlers of a blueprint; RegistrationError where a name is taken. Returns the app."""
        if not isinstance(blueprint, Blueprint):
            raise RegistrationError(f"blueprint must be a Blueprint, not {checks.shown(blueprint)}")
        self.merge(blueprint)
        blueprint.registered(self.name)
        return self

    def json_default(self, function: Handler) -> Handler:
        """Have `function(value)` say what to write for a value in a payload that JSON has no form for. A decorator.

        Dates and times, UUID, Decimal, enums, models, sets and paths are written without it. It returns anything
        that can be written, or raises TypeError. Where it cannot say, the payload is refused (PayloadError).
        """
        self._changing()
        must_fit(function, "json_default", "the value", kinds=VALUES)
        if self.options.json_default is not plain:
            raise RegistrationError(f"{self.name!r} has a json_default already")
        self.options = replace(self.options, json_default=plain_or(function))
        return function

    @property
    def service(self) -> str | None:
        """The name of the running service, or None."""
        return self._service.name if self._service is not None else None

    @property
    def instance(self) -> str | None:
        """The id of the running instance, or None."""
        return self._service.instance if self._service is not None else None

    @property
    def running(self) -> bool:
        """Whether the service runs."""
        self._say_left_behind()
        return self._service is not None

    def start(
        self,
        service: str | None = None,
        debug: bool = False,
        redis_host: str | None = None,
        redis_port: int | None = None,
        *,
        redis_url: str | None = None,
        shared: bool = False,
        sharded: bool = False,
        debugger: bool | None = None,
    ) -> Self:
        """Start serving in the background; returns once the service can be called.

        `service` is its name (default: the app's). Redis is at `redis_url`, else `redis_host`/`redis_port`,
        else DAEBUS_REDIS_URL, REDIS_URL or localhost:6379. Raises RedisUnavailable, ConfigurationError for a setting
        that cannot be used, RegistrationError for annotations that cannot, or whatever an on_start hook raises. The
        app is its own context manager: leaving the block stops it.

        Several instances of a service all get every message. Without `shared` each of them handles it, and each
        answers: right for one instance, or where every instance is to know. With `shared=True`, given to all
        of them, each request and one-way message is handled by exactly one: the first that has a worker free
        claims it in Redis, which costs it one round trip. Broadcasts still reach the listeners of every
        instance, and so does a message that has neither a `request_id` nor `sent_at`, as others than this
        framework may send: it cannot be told from its like. An instance that dies with a request takes only
        that one along (its caller gets a timeout). A request that names no `timeout` waits for a worker for a
        minute at most. The service needs the right to use keys under `daebus:claim:` and `daebus:pass:`.

        With `sharded=True`, given to all services and callers, messages go over sharded Pub/Sub, which takes a cluster
        of Redis 7 or later, or of Valkey: each channel belongs to one node, and no message goes to all of them. The
        same as `?sharded=true` in the URL.

        `debugger` as for the app, which it goes before.
        """
        must_not_be_imported("start")
        bus = chosen_bus(redis_url, redis_host, redis_port, sharded=sharded)
        return self.start_on(bus, service, debug, shared, debugger)

    def start_on(
        self,
        bus: Bus,
        service: str | None = None,
        debug: bool = False,
        shared: bool = False,
        debugger: bool | None = None,
    ) -> Self:
        """Start serving on a given bus; see `start`."""
        stay_on()
        name = self.name if service is None else service
        if name in ("", "__main__"):
            raise ConfigurationError('name the service: app.run(service="user_service")')
        checks.name(name, "service")
        if not hasattr(bus, "publisher"):
            raise ConfigurationError(f"bus must be a bus, not {checks.shown(bus)}")
        debugger = checked_debugger(debugger)
        held = may_be_held(self._debugger if debugger is None else debugger, debug)
        self.resolve_annotations()
        self._say_left_behind()
        if (within := current()) is not None and within.runtime is self._service:
            # It may stop by now, and wait for who would wait here.
            raise ConfigurationError(
                f"{within.runtime.name!r} cannot be started again by what runs in it, which it waits for as it stops: "
                "start it from outside, when app.run() or app.stop() has returned there"
            )
        with self._lock:
            if self._service is not None:
                raise ConfigurationError(
                    f"{self._service.name!r} runs already on {self._service.bus}; an app runs one service at a time: "
                    "end that one first, by app.stop() or by close() of its test client (or by a `with` around either)"
                )
            if debug:
                self._debug_level.on()
            self._to_stop = None
            try:
                self._busy = True
                # A handler may be called before `start` returns, and is to know its service.
                options = replace(self.options, debug=debug, shared=shared, debugger=held)
                self._service = Service(name, self, bus, options, self.stop)
                self._service.start()
            except BaseException:
                self._service = None
                self._debug_level.off()
                raise
            finally:
                self._busy = False
        self._stop_as_told()
        return self

    def stop(self, grace: float | None = None) -> None:
        """Stop taking messages, finish what runs within `grace` seconds (default: the app's), answer the rest.

        From within the service it is not waited for, since that would wait for itself: who calls it goes on at once,
        and gets the grace, as all else does, to finish and to answer. Where it starts yet, it stops when it has. Nor is
        it by a signal handler that has interrupted who starts or stops it.
        """
        grace = self.options.grace if grace is None else checks.duration(grace, "grace")
        self._say_left_behind()
        service, within = self._service, current()
        if service is None:
            return
        if within is None or within.runtime is not service:
            self._stop(service, grace)
            return
        # Said before it is tried: whoever starts it looks afterwards.
        self._to_stop = service, grace
        stop = partial(self._stop, service, grace, wait=False)
        try:
            begin(threading.Thread(target=stop, name=f"daebus-{service.name}-stop"))
        except RuntimeError:
            if on_loop():
                raise
            # None is to be had: its answer may be lost, as long as it stops.
            stop()

    def _stop_as_told(self) -> None:
        """Stop it where it was told to while it started."""
        if self._to_stop is not None:
            self._stop(*self._to_stop)

    def _stop(self, service: Service, grace: float, *, wait: bool = True) -> None:
        """Stop that one, unless it is stopped already; without `wait`, unless it is just being started or stopped.

        Where this very thread does so, and a signal has interrupted it, that is not waited for either.
        """
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if self._service is not service:
                return
            if self._busy:
                self._to_stop = service, grace
                return
            try:
                self._busy = True
                service.stop(grace)
            finally:
                self._busy = False
                self._service = None
                self._debug_level.off()
                if self._waiting is not None:
                    self._waiting.wake()
        finally:
            self._lock.release()

    def run(
        self,
        service: str | None = None,
        debug: bool = False,
        redis_host: str | None = None,
        redis_port: int | None = None,
        *,
        redis_url: str | None = None,
        shared: bool = False,
        sharded: bool = False,
        debugger: bool | None = None,
    ) -> None:
        """Serve until SIGTERM or SIGINT (or `stop` from another thread), then stop in good order and return.

        Arguments as for `start`; `shared=True` where several instances are to share the work. Where the service
        cannot start, one line says why and the process exits with status 1. A second signal ends the process at
        once. Logging is set up if the program has not.
        """
        must_not_be_imported("run")
        configure()
        redis = partial(self.start, service, debug, redis_host, redis_port, redis_url=redis_url)
        start = partial(redis, shared=shared, sharded=sharded, debugger=debugger)
        with StopSignals() as signals:
            self.run_until(signals, start, service)

    def run_until(self, signals: StopSignals, start: Callable[[], object], service: str | None = None) -> None:
        """Start by `start()`, serve until the signals say so, and stop; see `run`."""
        stay_on()
        try:
            start()
        except Exception as error:
            named = isinstance(service, str) and service and checks.is_encodable(service)
            # What a hook of the program raises is of use only with its traceback.
            hooks = None if isinstance(error, DaebusError) else error
            log.error("%s cannot start: %s", service if named else self.name, said_by(error), exc_info=hooks)
            sys.exit(1)
        if self.is_idle:
            log.warning("%s does nothing: %s", self.service, _IDLE)
        self._waiting = signals
        try:
            if self._service is not None:
                signals.wait()
        finally:
            self._waiting = None
            self.stop()

    def finish(self) -> None:
        """Let all that has come in have its turn, what waits as well, and stop: all of it within the app's grace."""
        until = time.monotonic() + self.options.grace
        service = self._service
        if service is not None:
            service.finish(until)
        self.stop(max(0.0, until - time.monotonic()))

    def start_thread(self, name: str) -> bool:
        """Start a thread of `thread(name, auto_start=False)`; False where it runs already or there is none."""
        checks.name(name, "name")
        return self._service is not None and self._service.start_thread(name)

    def stop_thread(self, name: str, timeout: float = 5.0) -> bool:
        """Make a thread's `running()` false and wait up to `timeout` seconds; False where it has not ended by then."""
        checks.name(name, "name")
        checks.duration(timeout, "timeout")
        return self._service is not None and self._service.stop_thread(name, timeout)

    def test_client(self, *, shared: bool = False) -> TestClient:
        """A client that runs the handlers in this process without a Redis server; see `daebus.testing`."""
        from daebus.testing import TestClient

        return TestClient(self, shared=shared)

    def _changing(self) -> None:
        if self._service is not None:
            raise RegistrationError(f"{self.name!r} is running; register handlers before it starts")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
