"""Every error that Daebus raises on purpose. All are DaebusError; imports nothing of the package."""

from __future__ import annotations

from typing import Any, TypeVar

E = TypeVar("E", bound=Exception)


class DaebusError(Exception):
    """The base of all errors of Daebus."""


class ConfigurationError(DaebusError, ValueError):
    """A setting cannot be used: a malformed Redis URL, an impossible number, a missing service name."""


class RegistrationError(DaebusError, ValueError):
    """A handler cannot be registered, for example because its action has one already."""


class OutsideContextError(DaebusError, RuntimeError):
    """`request`, `response` or `cache` was used where there is none."""


class Misfit(DaebusError, ValueError):
    """A payload is not what the parameters of its handler say. Nothing of the handler has run.

    `fields` has each wrong field: `path`, such as `items[0].qty`, and `reason`. Neither has the value.
    """

    def __init__(self, text: str = "", fields: list[dict[str, str]] | None = None) -> None:
        super().__init__(text)
        self.fields = fields or []


class PayloadError(DaebusError, TypeError, ValueError):
    """A payload that cannot go onto the wire: JSON has no way to write it, or it is no object where one is due."""


class AlreadyAnswered(DaebusError, RuntimeError):
    """A handler tried to answer a request after its final response; nothing was sent."""


class RedisUnavailable(DaebusError, ConnectionError):
    """Redis could not be reached, refused us, or did not answer in time. Nothing was sent."""


class TooLate(RedisUnavailable):
    """The time that was left was over before anything could be sent. Nothing was; of Redis that says little.

    Not public: a call raises RequestTimeout instead.
    """


class ConnectionLost(RedisUnavailable):
    """The connection broke while something was under way: it may or may not have been delivered."""


class RedisRefused(RedisUnavailable):
    """Redis answered a command with an error: out of memory, no write on a replica, a slow script ... Nothing was done.

    `code` is the first word of what it said, such as OOM, READONLY or BUSY; empty where that is not known.
    """

    def __init__(self, text: str = "", code: str = "") -> None:
        super().__init__(text)
        self.code = code


class PermissionDenied(RedisRefused):
    """Redis refused for want of rights: a wrong password, or an ACL rule. Waiting does not help."""


class RequestTimeout(DaebusError, TimeoutError):
    """No final response within the time allowed. The request may still have been handled."""


class RequestCancelled(DaebusError):
    """`Call.cancel` ended the wait. The request may still be handled."""


class ServiceUnavailable(DaebusError):
    """Nobody subscribes to the service's channel, so nobody got the request."""


class RequestFailed(DaebusError):
    """The service answered with an error.

    `message` is its text, `code` says which kind (`handler_error`, `unknown_action`, `busy`, ... or None
    where the service names none), `type` is the class name of the exception behind it if there was one,
    and `payload` is the error payload as it came.
    """

    def __init__(self, message: str, code: str | None = None, type: str | None = None, payload: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.type = type
        self.payload = payload

    @property
    def fields(self) -> list[dict[str, str]]:
        """What of the payload was wrong, where the service says so: the `path` of each field, and the `reason`."""
        told = self.payload.get("fields") if isinstance(self.payload, dict) else None
        listed = told if isinstance(told, list) else []
        return [
            {"path": str(each.get("path", "")), "reason": str(each.get("reason", ""))}
            for each in listed
            if isinstance(each, dict)
        ]


def again(error: E) -> E:
    """An error like it, to be raised in another place: an exception that is raised remembers where.

    `copy` would do, if it needed no import when the interpreter is ending.
    """
    other = type(error)(str(error))
    other.__dict__.update(error.__dict__)
    return other


_MOST_OF_A_GROUP = 3


def said_by(error: BaseException) -> str:
    """What an exception says, whatever its own code does; empty where it says nothing, or fails to.

    A group of exceptions, as `asyncio.TaskGroup` raises it, says how many there are: here it says which as well.
    """
    try:
        # Not a str of a class of its own, whose methods may fail later.
        text = str.__str__(str(error))
        if isinstance(error, BaseExceptionGroup):
            first = [
                ": ".join(filter(None, (class_of(one), said_by(one)))) for one in error.exceptions[:_MOST_OF_A_GROUP]
            ]
            text = f"{text}: {'; '.join(first)}{'; …' if len(error.exceptions) > len(first) else ''}"
        return text
    except BaseException:  # noqa: BLE001 - it is told about an error, which must not end in another
        return ""


def class_of(error: BaseException) -> str:
    """The name of its class."""
    try:
        return str.__str__(type(error).__name__)
    except BaseException:  # noqa: BLE001 - a metaclass may have code of its own, too
        return "Exception"
