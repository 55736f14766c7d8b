"""What handlers use: `request`, `response`, `cache`, `logger`; each stands for that of the handler at hand."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from daebus.context import Context, current, current_runtime, direct_logger
from daebus.errors import OutsideContextError
from daebus.wire.envelope import Request

from .answering.response import Response

if TYPE_CHECKING:
    import redis


def _outside(what: str, context: Context | None, why: str) -> OutsideContextError:
    """The error for what is not there."""
    if context is not None:
        return OutsideContextError(f"there is no `{what}` in {context.place}: only actions {why}")
    return OutsideContextError(
        f"`{what}` was used outside a handler. It exists only while an action handler runs, and only in the "
        "handler's own thread: in a thread of your own, pass it what it needs as arguments"
    )


class _Proxy:
    """Stands for an object that is another one in each context."""

    __slots__ = ()

    def _target(self) -> Any:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        try:
            target = self._target()
        except OutsideContextError:
            if name.startswith("_"):
                # Tools ask whether such names are there: doctest, mock, inspect, copy.
                raise AttributeError(name) from None
            raise
        return getattr(target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._target(), name, value)

    def __dir__(self) -> list[str]:
        try:
            return dir(self._target())
        except OutsideContextError:
            return []

    def __repr__(self) -> str:
        try:
            return repr(self._target())
        except OutsideContextError:
            return f"<{type(self).__name__.strip('_')} outside a handler>"


class _RequestProxy(_Proxy):
    """The request that is being handled: see `daebus.Request`. Outside an action handler: OutsideContextError."""

    __slots__ = ()

    def _target(self) -> Request:
        context = current()
        if context is None or context.request is None:
            raise _outside("request", context, "have one")
        return context.request

    def __setattr__(self, name: str, value: Any) -> None:
        request = self._target()
        if not hasattr(request, name):
            hint = "what hooks and handlers share for one message is kept in a contextvars.ContextVar"
            raise AttributeError(f"`request` has no {name!r} and takes nothing more; {hint}")
        setattr(request, name, value)


class _ResponseProxy(_Proxy):
    """Answers the request that is being handled: see `daebus.Response`. Outside a handler: OutsideContextError."""

    __slots__ = ()

    def _target(self) -> Any:
        context = current()
        if context is None or context.response is None:
            raise _outside("response", context, "answer")
        return context.response


class _CacheProxy(_Proxy):
    """A redis-py client of the running service's Redis, text in and out. Without a service: OutsideContextError."""

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
    """Logs with service, action and request id of the handler at hand; outside one it is `direct_logger`."""

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
