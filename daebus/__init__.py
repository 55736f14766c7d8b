"""Daebus: services that talk over Redis Pub/Sub, written like a Flask app."""

from __future__ import annotations

from .client.actions import Outcome
from .client.aio import AsyncDaebusCaller
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
from .service.app import Daebus
from .service.blueprint import Blueprint
from .service.deferred import Deferred
from .service.proxies import cache, logger, request, response
from .service.receipt import Receipt
from .service.response import Response
from .version import __version__
from .wire.envelope import RawJson, Reply, Request

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
