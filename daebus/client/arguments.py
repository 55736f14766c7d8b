"""What may be given to a caller. Each raises an error that names the argument, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daebus.errors import PayloadError
from daebus.wire import checks
from daebus.wire.envelope import RequestId
from daebus.wire.ids import new_request_id


def checked_timeout(timeout: float) -> float:
    """Seconds that a call may take; 0 or less is no mistake, but too late."""
    return checks.seconds(timeout, "timeout")


def checked_service(service: str) -> str:
    """The name of a service."""
    return checks.name(service, "the name of the service", PayloadError)


def checked_id(request_id: str | None) -> str:
    """The id of a new request."""
    return new_request_id() if request_id is None else checks.name(request_id, "request_id")


def checked_progress(on_progress: Callable[[Any], Any] | None, *, awaited: bool = False) -> None:
    """What is told of partial answers, if anything is; it may be async where what it returns is `awaited`."""
    if on_progress is not None:
        (checks.awaited_function if awaited else checks.plain_function)(on_progress, "on_progress")


def checked_parent(parent_id: RequestId) -> RequestId:
    """The id of the request for which another one is made: text of ours, or whatever its asker put there."""
    if parent_id is None or isinstance(parent_id, bool | int):
        return parent_id
    return (
        checks.number(parent_id, "parent_id") if isinstance(parent_id, float) else checks.name(parent_id, "parent_id")
    )
