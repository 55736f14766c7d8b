"""Daebus: services that talk over Redis Pub/Sub, written like a Flask app.

What only services need, and the caller for asyncio, is imported when it is first asked for: a program that just calls
starts sooner and is smaller. Callers are there at once, since they may be wanted while the interpreter ends.
"""

from __future__ import annotations

import importlib
import typing

from .client.actions import Outcome
from .client.broadcast import broadcast
from .client.call import Call
from .client.caller import DaebusCaller
from .client.requester import Requester
from .client.retry import Retry
from .context import direct_logger
from .errors import (
    AlreadyAnswered,
    ConfigurationError,
    ConnectionLost,
    DaebusError,
    Misfit,
    OutsideContextError,
    PayloadError,
    PermissionDenied,
    RedisRefused,
    RedisUnavailable,
    RegistrationError,
    RequestCancelled,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
)
from .version import __version__
from .wire.envelope import Reply, Request
from .wire.objects import RawJson

if typing.TYPE_CHECKING:
    from .client.aio.caller import AsyncDaebusCaller
    from .service.answering.deferred import Deferred
    from .service.answering.receipt import Receipt
    from .service.answering.response import Response
    from .service.app import Daebus
    from .service.blueprint import Blueprint
    from .service.proxies import cache, logger, request, response

__all__ = [
    "AlreadyAnswered",
    "AsyncDaebusCaller",
    "Blueprint",
    "Call",
    "ConfigurationError",
    "ConnectionLost",
    "Daebus",
    "DaebusCaller",
    "DaebusError",
    "Deferred",
    "Misfit",
    "Outcome",
    "OutsideContextError",
    "PayloadError",
    "PermissionDenied",
    "RawJson",
    "Receipt",
    "RedisRefused",
    "RedisUnavailable",
    "RegistrationError",
    "Reply",
    "Request",
    "RequestCancelled",
    "RequestFailed",
    "RequestTimeout",
    "Requester",
    "Response",
    "Retry",
    "ServiceUnavailable",
    "__version__",
    "broadcast",
    "cache",
    "direct_logger",
    "logger",
    "request",
    "response",
]

_LATER = {
    "AsyncDaebusCaller": ".client.aio.caller",
    "Blueprint": ".service.blueprint",
    "Daebus": ".service.app",
    "Deferred": ".service.answering.deferred",
    "Receipt": ".service.answering.receipt",
    "Response": ".service.answering.response",
    "cache": ".service.proxies",
    "logger": ".service.proxies",
    "request": ".service.proxies",
    "response": ".service.proxies",
}
"""Where that stands which is imported when it is asked for (PEP 562)."""


def __getattr__(name: str) -> typing.Any:
    where = _LATER.get(name)
    if where is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(where, __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
