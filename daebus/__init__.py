"""Daebus: services that talk over Redis Pub/Sub, written like a Flask app."""

from __future__ import annotations

from .aio import AsyncDaebusCaller
from .app import Daebus
from .blueprint import Blueprint
from .broadcast import broadcast
from .call import Call
from .caller import DaebusCaller
from .context import cache, direct_logger, logger, request, response
from .envelope import RawJson, Reply, Request
from .errors import (
    AlreadyAnswered,
    ConfigurationError,
    ConnectionLost,
    DaebusError,
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
from .requester import Requester
from .response import Response
from .version import __version__

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
    "OutsideContextError",
    "PayloadError",
    "PermissionDenied",
    "RawJson",
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
    "ServiceUnavailable",
    "__version__",
    "broadcast",
    "cache",
    "direct_logger",
    "logger",
    "request",
    "response",
]
