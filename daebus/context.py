"""What is being handled right now, and the proxies to it: `request`, `response`, `cache`, `logger`.

Each handler call has a Context of its own in a context variable, so threads and tasks never see one another's.
Imports nothing of the app; the runtime below is what a started service offers.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache as cache_result
from typing import TYPE_CHECKING, Any, Protocol, cast

from .bus import Bus, PublisherLike
from .envelope import Request, RequestId
from .errors import OutsideContextError

if TYPE_CHECKING:
    import redis

    from .response import Response

direct_logger = logging.getLogger("daebus")
"""The plain logger of the framework, the same everywhere."""


class Runtime(Protocol):
    """A started service, as far as handlers need it."""

    @property
    def name(self) -> str: ...

    @property
    def bus(self) -> Bus: ...

    @property
    def publisher(self) -> PublisherLike: ...

    @property
    def cache(self) -> Any: ...

    @property
    def max_message(self) -> int: ...


class ContextLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger whose records carry `service`, `action` and `request_id` (None where there is none)."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add our fields to those of the call."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class Context:
    """One call of one handler. `place` says which, for error texts: "action 'get_user'"."""

    __slots__ = ("_logger", "action", "place", "request", "response", "runtime")

    def __init__(
        self,
        runtime: Runtime,
        place: str,
        request: Request | None = None,
        response: Response | None = None,
    ) -> None:
        self.runtime = runtime
        self.place = place
        self.request = request
        self.response = response
        self._logger: ContextLogger | None = None

    @property
    def logger(self) -> ContextLogger:
        """The logger of this call."""
        if self._logger is None:
            request = self.request
            fields = {
                "service": self.runtime.name,
                "action": request.action if request else None,
                "request_id": request.request_id if request else None,
            }
            self._logger = ContextLogger(direct_logger, fields)
        return self._logger


_current: ContextVar[Context] = ContextVar("daebus_context")
_running: list[Runtime] = []


@contextmanager
def entered(context: Context) -> Iterator[None]:
    """Make `context` the current one for the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def enter(context: Context) -> Any:
    """Make `context` the current one; give the result to `leave`."""
    return _current.set(context)


def leave(token: Any) -> None:
    """Undo `enter`."""
    _current.reset(token)


def current() -> Context | None:
    """The context of the handler that this thread (or task) is in, or None."""
    return _current.get(None)


def started(runtime: Runtime) -> None:
    """Note a service that runs in this process."""
    _running.append(runtime)


def stopped(runtime: Runtime) -> None:
    """Forget it."""
    if runtime in _running:
        _running.remove(runtime)


def current_runtime() -> Runtime | None:
    """The service whose handler runs here; else the one started last in this process; else None."""
    context = current()
    if context is not None:
        return context.runtime
    return _running[-1] if _running else None


def asking_name(name: str | None = None) -> str:
    """Who asks, for `request.service` on the other side: `name`, the service at hand, or the program's name."""
    if name:
        return name
    runtime = current_runtime()
    return _program_name() if runtime is None else runtime.name


@cache_result
def _program_name() -> str:
    script = os.path.basename(sys.argv[0]) if sys.argv else ""
    # Names of files may hold bytes that are no UTF-8.
    return os.fsencode(script.removesuffix(".py")).decode(errors="replace") or "python"


def parent_request_id() -> RequestId:
    """The id of the request being handled here, or None."""
    context = current()
    return context.request.request_id if context is not None and context.request is not None else None


def _need(what: str) -> Context:
    context = current()
    if context is None:
        raise OutsideContextError(
            f"`{what}` was used outside a handler. It exists only while an action handler runs, and only in the "
            "handler's own thread: in a thread of your own, pass it what it needs as arguments"
        )
    return context


class _Proxy:
    """Stands for an object that is another one in each context."""

    __slots__ = ()

    def _target(self) -> Any:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._target(), name, value)

    def __repr__(self) -> str:
        try:
            return repr(self._target())
        except OutsideContextError:
            return f"<{type(self).__name__.strip('_')} outside a handler>"


class _RequestProxy(_Proxy):
    __slots__ = ()

    def _target(self) -> Request:
        context = _need("request")
        if context.request is None:
            raise OutsideContextError(f"there is no `request` in {context.place}: only actions have one")
        return context.request


class _ResponseProxy(_Proxy):
    __slots__ = ()

    def _target(self) -> Any:
        context = _need("response")
        if context.response is None:
            raise OutsideContextError(f"there is no `response` in {context.place}: only actions answer")
        return context.response


class _CacheProxy(_Proxy):
    __slots__ = ()

    def _target(self) -> Any:
        runtime = current_runtime()
        if runtime is None:
            raise OutsideContextError("`cache` is the Redis of a running service; no service runs in this process")
        return runtime.cache

    def __getitem__(self, key: str) -> Any:
        return self._target()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._target()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._target()[key]

    def __contains__(self, key: str) -> bool:
        return key in self._target()


class _LoggerProxy(_Proxy):
    __slots__ = ()

    def _target(self) -> Any:
        context = current()
        return direct_logger if context is None else context.logger


request: Request = cast("Request", _RequestProxy())
"""The request being handled. Outside an action handler: OutsideContextError."""
response: Response = cast("Response", _ResponseProxy())
"""Answers the request being handled. Outside an action handler: OutsideContextError."""
cache: redis.Redis = cast("redis.Redis", _CacheProxy())
"""A redis-py client of the running service's Redis, with text in and out."""
logger: logging.Logger = cast("logging.Logger", _LoggerProxy())
"""Logs with the service, action and request id of the handler at hand; outside one, like `direct_logger`."""
