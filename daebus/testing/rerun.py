"""Running a handler again as it ran when its request was recorded: what it asks others is answered from the record."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from daebus.errors import ConfigurationError
from daebus.service.kind import Function, Kind
from daebus.service.registry import Registry
from daebus.transport.bus import stand_in
from daebus.waiting import bounded
from daebus.wire import checks
from daebus.wire.ids import new_request_id
from daebus.wire.writing import named_action, write_one_way, write_request

from .client import App
from .messages import BusMessage
from .record import ERROR, OK, UNANSWERED, MadeCall, RecordBus, RecordedCall

REPLY_TO = "caller:rerun"
TIMEOUT = 60.0
"""Seconds that a handler may take where nothing else is said."""
_GRACE = 0.5


@dataclass(frozen=True)
class RerunResult:
    """What a handler did.

    `status` is "ok", "error" or "unanswered" (of a one-way message always), `answer` the final payload and `stream`
    the partial ones. `calls` are the requests that it made, in order; `not_made` those in the record that it did not
    make; `messages` and `broadcasts` what else it sent. `raised` is what nothing in the app has handled. `replies` are
    the answers as messages. `seconds` is how long it took.
    """

    status: str
    answer: Any
    stream: list[Any]
    calls: list[MadeCall]
    not_made: list[RecordedCall]
    messages: list[BusMessage]
    broadcasts: list[BusMessage]
    raised: BaseException | None = None
    replies: list[BusMessage] = field(default_factory=list, repr=False)
    seconds: float = 0.0

    @property
    def unrecorded(self) -> list[MadeCall]:
        """The calls that the record has no answer for, which were told so."""
        return [call for call in self.calls if call.recorded is None]


def rerun(
    app: App,
    action: str,
    payload: dict[str, Any] | None = None,
    *,
    calls: Iterable[RecordedCall] = (),
    service: str | None = None,
    asker: str = "test",
    one_way: bool = False,
    timeout: float = TIMEOUT,
) -> RerunResult:
    """Have the handler of an action run once, with its hooks; nothing is sent to any Redis.

    Its requests, also those to its own service, are answered from `calls`: see RecordedCall. One that is not there
    fails with the code `not_recorded`. Messages and broadcasts are collected, and reach nobody. Start and stop hooks
    run; background tasks, threads and listeners do not. `cache` is empty. `service` is the name to serve as (default:
    the app's), and `asker` who asks; `one_way` sends a message that nobody is to answer. A handler that has not ended
    after `timeout` seconds is left alone, and its status is "unanswered". Raises ConfigurationError, PayloadError, and
    whatever a start hook raises.
    """
    named_action(action)
    checks.name(asker, "asker")
    payload = {} if payload is None else payload
    number = new_request_id()
    if one_way:
        data = write_one_way(action, payload, service=asker, message_id=number)
    else:
        data = write_request(action, payload, reply_to=REPLY_TO, request_id=number, service=asker)
    return rerun_message(app, data, calls=calls, service=service, timeout=timeout)


def rerun_message(
    app: App,
    data: bytes,
    *,
    calls: Iterable[RecordedCall] = (),
    service: str | None = None,
    timeout: float = TIMEOUT,
) -> RerunResult:
    """The same for a message as it was on the wire. One that names a time is refused as late: take `sent_at` out."""
    if not isinstance(app, Registry):
        raise ConfigurationError(f"app must be a Daebus, not {checks.shown(app)}")
    checks.optional_name(service, "service")
    checks.duration(timeout, "timeout")
    if not isinstance(data, bytes):
        raise ConfigurationError(f"data must be bytes, not {checks.shown(data)}")
    try:
        known = list(calls)
    except TypeError:
        raise ConfigurationError(f"calls must be a list of RecordedCall, not {checks.shown(calls)}") from None
    for call in known:
        if not isinstance(call, RecordedCall):
            raise ConfigurationError(f"calls must be a list of RecordedCall, and one is {checks.shown(call)}")
    bus = RecordBus(known)
    raised: list[BaseException] = []
    name = service or (app.name if app.name != "__main__" else "service")
    with stand_in(bus), _alone(app, raised):
        app.start_on(bus, name)
        try:
            begun = time.monotonic()
            bus.ask(name, data)
            answered = _wait(bus, data, begun + timeout)
            seconds = time.monotonic() - begun
            # What it does after its answer belongs to it.
            if not bus.settle(bounded(begun + timeout - time.monotonic()) if answered else 0.0) or not bus.replies:
                seconds = time.monotonic() - begun
            return _result(bus, raised, seconds)
        finally:
            bus.give_up()
            app.stop(_GRACE)


def _wait(bus: RecordBus, data: bytes, until: float) -> bool:
    """Wait for the final answer, where there is to be one; False where it does not come."""
    if not _wants_answer(data):
        return True
    left = math.inf if until == math.inf else until - time.monotonic()
    return bus.record.wait_for(lambda: any(reply.final for reply in list(bus.replies)), left)


def _wants_answer(data: bytes) -> bool:
    try:
        found = json.loads(data)
    except ValueError:
        return False
    return isinstance(found, dict) and bool(found.get("reply_to") or found.get("request_id") is not None)


def _result(bus: RecordBus, raised: list[BaseException], seconds: float) -> RerunResult:
    replies = list(bus.replies)
    final = next((reply for reply in replies if reply.final), None)
    return RerunResult(
        status=UNANSWERED if final is None else OK if final.ok else ERROR,
        answer=None if final is None else final.payload,
        stream=[reply.payload for reply in replies if not reply.final],
        calls=list(bus.made),
        not_made=list(bus.left),
        messages=[message for message in bus.sent if message.kind == "message"],
        broadcasts=[message for message in bus.sent if message.kind == "broadcast"],
        raised=raised[0] if raised else None,
        replies=replies,
        seconds=seconds,
    )


@contextmanager
def _alone(app: Registry, raised: list[BaseException]) -> Iterator[None]:
    """While the block runs, the app has its actions and hooks alone; what they raise unhandled is put into `raised`."""
    kept = app.background_tasks, app.thread_tasks, app.listen_handlers, app.teardowns

    def note(error: BaseException | None) -> None:
        if error is not None:
            raised.append(error)

    app.background_tasks, app.thread_tasks, app.listen_handlers = {}, {}, {}
    app.teardowns = [*app.teardowns, Function(note, Kind.PLAIN, app)]
    try:
        yield
    finally:
        app.background_tasks, app.thread_tasks, app.listen_handlers, app.teardowns = kept
