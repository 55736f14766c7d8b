"""What the answers of one running service have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daebus.transport.publisher import Publisher
from daebus.wire.envelope import Request
from daebus.wire.limits import MAX_MESSAGE
from daebus.wire.values import Default, plain

from .answers import Answers
from .deferred import Deferrals
from .notices import Notices
from .outbox import Outbox
from .unsent import Unsent


@dataclass(frozen=True, slots=True)
class Terms:
    """What all responses of a service have in common.

    `spoken(request, ok, final, seconds)` is told what went out. The final one of each goes through `answers`, which see
    to it where it turns out, later, not to have got out.
    """

    publisher: Publisher
    service: str
    instance: str
    answers: Answers
    unsent: Unsent
    max_message: int = MAX_MESSAGE
    json_default: Default = plain
    tracebacks: bool = False
    spoken: Callable[[Request, bool, bool, float], None] | None = None
    outbox: Outbox | None = None
    deferrals: Deferrals | None = None
    notices: Notices | None = None
