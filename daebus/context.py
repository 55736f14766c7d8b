"""What is being handled right now, and by which service. The proxies to it are in `service/proxies.py`.

Each handler call has a Context of its own in a context variable, so threads and tasks never see one another's.
Imports nothing of the service: the Runtime below is what a started one offers.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache as cache_result
from typing import TYPE_CHECKING, Any, Protocol

from .gates.gates import Gates
from .recorder.recorder import Recorder
from .transport.bus import Bus
from .transport.fork import begins_anew
from .transport.publisher import Publisher
from .wire.envelope import Request, RequestId
from .wire.ids import new_request_id
from .wire.values import Default, plain

if TYPE_CHECKING:
    import asyncio

direct_logger = logging.getLogger("daebus")
"""The plain logger of the framework, the same everywhere."""


class Runtime(Protocol):
    """A started service, as far as handlers need it."""

    @property
    def name(self) -> str: ...

    @property
    def instance(self) -> str: ...

    @property
    def bus(self) -> Bus: ...

    @property
    def publisher(self) -> Publisher: ...

    @property
    def cache(self) -> Any: ...

    @property
    def max_message(self) -> int: ...

    @property
    def json_default(self) -> Default: ...

    @property
    def recorder(self) -> Recorder | None: ...

    @property
    def gates(self) -> Gates | None: ...

    @property
    def debug(self) -> bool: ...

    @property
    def stands_in(self) -> bool: ...

    @property
    def overran(self) -> list[str]: ...

    def rest(self, until: float) -> bool: ...

    def end(self) -> None: ...


class ContextLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger whose records carry `service`, `instance`, `action` and `request_id` (None where there is none)."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add our fields to those of the call."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs

    fatal = logging.LoggerAdapter.critical

    def __getattr__(self, name: str) -> Any:
        """What a logger has and an adapter of one does not, such as `getChild` and `handlers`."""
        if name == "logger":
            # It has not been made yet: when it is copied, say.
            raise AttributeError(name)
        return getattr(self.logger, name)


class Awaited(Protocol):
    """A call that is waited for."""

    @property
    def id(self) -> str: ...

    @property
    def service(self) -> str: ...

    @property
    def action(self) -> str: ...


class Context:
    """One call of one handler. `place` says which, for error texts: "action 'get_user'".

    Its `id` is that of the message, or a new one where there is none: then it is a run, and `cause` says of what.
    """

    cause: str | None = None
    thread = 0
    """The thread that it was entered on."""
    task: asyncio.Task[Any] | None = None
    """The task that it was entered in, on an event loop."""
    waits: list[Awaited] | None = None
    """The calls that it waits for just now, the first one first; None where it has not called yet."""
    data: bytes = b""
    """The broadcast that a listener hears, as it came."""
    _logger: ContextLogger | None = None

    def __init__(
        self,
        runtime: Runtime,
        place: str,
        request: Request | None = None,
        response: Any = None,
        cause: str | None = None,
    ) -> None:
        self.runtime = runtime
        self.place = place
        self.request = request
        self.response = response
        self.id: RequestId = None if request is None else request.request_id
        if self.id is None and request is not None:
            self.id = request.message_id
        if self.id is None:
            self.id = new_request_id()
            self.cause = (f"message {request.action}" if request is not None else cause or place)[:_CAUSE]
        self.begun = time.monotonic()
        """A time of `time.monotonic()`."""

    @property
    def logger(self) -> ContextLogger:
        """The logger of this call."""
        if self._logger is None:
            self._logger = ContextLogger(direct_logger, self.fields())
        return self._logger

    def fields(self) -> dict[str, Any]:
        """What a line in the log is about that is logged in it."""
        request = self.request
        return {
            "service": self.runtime.name,
            "instance": self.runtime.instance,
            "action": request.action if request else None,
            "request_id": request.request_id if request else None,
        }


_current: ContextVar[Context | None] = ContextVar("daebus_context", default=None)
current = _current.get
"""`current()` is the context of the handler that this thread (or task) is in, or None."""
_running: list[Runtime] = []
_entered: dict[Context, None] = {}
"""The contexts that something runs in: what is being done in this process."""
_CAUSE = 200
"""Characters of a cause."""


class _Forked:
    """In a forked child, nothing of what the parent does is being done."""

    def after_fork(self) -> None:
        """See `begins_anew`."""
        mine = _current.get(None)
        _entered.clear()
        if mine is not None:
            _entered[mine] = None


_forked = _Forked()
begins_anew(_forked)


def on_loop() -> bool:
    """Whether an event loop runs in this thread: what waits here holds all of its tasks up."""
    # Where nobody has imported it, or is just about to, no loop runs here.
    running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    return running is not None and running() is not None


@contextmanager
def entered(context: Context) -> Iterator[None]:
    """Make `context` the current one for the block."""
    token = enter(context)
    try:
        yield
    finally:
        leave(token)


def enter(context: Context) -> Any:
    """Make `context` the current one; give the result to `leave`."""
    context.thread = threading.get_ident()
    if on_loop():
        context.task = sys.modules["asyncio"].current_task()
    _entered[context] = None
    return _current.set(context), context


def leave(token: Any) -> None:
    """Undo `enter`."""
    token, context = token
    _entered.pop(context, None)
    try:
        _current.reset(token)
    except ValueError:
        # A task that its loop has left behind is freed in some other context.
        pass


def entered_in(runtime: Runtime) -> list[Context]:
    """The contexts of a service that something runs in, the oldest first."""
    return [context for context in list(_entered) if context.runtime is runtime]


def started(runtime: Runtime) -> None:
    """Note a service that runs in this process."""
    _running.append(runtime)


def stopped(runtime: Runtime) -> None:
    """Forget it."""
    if runtime in _running:
        _running.remove(runtime)


def running(bus: Bus) -> list[Runtime]:
    """The services that run in this process on that bus."""
    return [runtime for runtime in _running if runtime.bus is bus]


def all_running() -> list[Runtime]:
    """The services that run in this process."""
    return list(_running)


def _own() -> list[Runtime]:
    """The services that this process runs itself: not what stands in for those of other processes."""
    return [runtime for runtime in _running if not runtime.stands_in]


def current_runtime() -> Runtime | None:
    """The service whose handler runs here; else the one of its own that this process started last; else None."""
    context = current()
    if context is not None:
        return context.runtime
    own = _own()
    return own[-1] if own else None


def speaking() -> Runtime | None:
    """The service that speaks where something is sent here: that of the handler at hand, else the one of this process.

    None where it has several of its own, or none: nobody knows then which of them it is.
    """
    context = current()
    if context is not None:
        return context.runtime
    own = _own()
    return own[0] if len(own) == 1 else None


def about() -> dict[str, Any]:
    """What is going on here, for the log: that of the handler at hand, else the one service of this process."""
    context = current()
    if context is not None:
        return context.fields()
    one = speaking()
    return {} if one is None else {"service": one.name, "instance": one.instance}


def written(value: Any) -> Any:
    """What is written for a value that JSON has no form for, by the rules of the service at hand."""
    runtime = current_runtime()
    return plain(value) if runtime is None else runtime.json_default(value)


def asking_name(name: str | None = None) -> str:
    """Who asks, for `request.service` on the other side: `name`, the service that speaks, or the program's name."""
    return name or name_of(speaking())


def name_of(runtime: Runtime | None) -> str:
    """The name of that service, or the program's."""
    return _program_name() if runtime is None else runtime.name


@cache_result
def _program_name() -> str:
    folder, script = os.path.split(sys.argv[0] if sys.argv else "")
    if script == "__main__.py":
        # `python -m shop` runs shop/__main__.py.
        script = os.path.basename(folder)
    elif script in ("-c", "-"):
        script = ""
    # Names of files may hold bytes that are no UTF-8.
    return os.fsencode(script.removesuffix(".py")).decode(errors="replace") or "python"


def origin() -> tuple[RequestId, str | None]:
    """What a message that is sent here is sent for: the id of what is being handled, and of a run, its cause."""
    context = _current.get(None)
    return (None, None) if context is None else (context.id, context.cause)
