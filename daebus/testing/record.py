"""What a handler asked of others when its request was recorded, and a bus that answers a handler from that."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daebus.client.arguments import checked_id
from daebus.client.call import no_answer
from daebus.errors import ConfigurationError, PayloadError
from daebus.wire import checks
from daebus.wire.envelope import Request, RequestId, error_payload
from daebus.wire.reading import read_request
from daebus.wire.writing import encode, write_response

from .local import LocalBus
from .messages import Asked, BusMessage, read
from .recording import Published, Settling

OK, ERROR, UNANSWERED = "ok", "error", "unanswered"
NOT_RECORDED = "not_recorded"
"""The `code` of the error that a call gets which is not in the record."""


@dataclass(frozen=True)
class RecordedCall:
    """A request that a handler made when it was recorded, and what came of it.

    `answer` is the final payload, of an error as well (`{"error": ..., "code": ...}`), and `stream` the partial ones
    before it. `status` is "ok", "error" or "unanswered": then no final answer came. `request_id` is the id that it had,
    which stands in the error of one that is not answered. Payloads may be RawJson. Raises ConfigurationError, and
    PayloadError for a payload that JSON cannot carry.
    """

    service: str
    action: str
    payload: dict[str, Any]
    answer: Any = None
    status: str = OK
    stream: Sequence[Any] = field(default=())
    request_id: str | None = None

    def __post_init__(self) -> None:
        checks.name(self.service, "service")
        if not isinstance(self.action, str) or not self.action:
            raise ConfigurationError(f"action must be a non-empty str, not {checks.shown(self.action)}")
        if not isinstance(self.payload, dict):
            raise PayloadError(f"payload must be a dict, not {checks.shown(self.payload)}")
        if self.status not in (OK, ERROR, UNANSWERED):
            raise ConfigurationError(
                f"status must be one of {OK}, {ERROR} and {UNANSWERED}, not {checks.shown(self.status)}"
            )
        if isinstance(self.stream, str | bytes | Mapping) or not isinstance(self.stream, Sequence):
            raise ConfigurationError(f"stream must be a list of payloads, not {checks.shown(self.stream)}")
        if self.request_id is not None:
            checked_id(self.request_id)
        for value, what in ((self.payload, "payload"), (self.answer, "answer"), (list(self.stream), "stream")):
            encode(value, what)

    @property
    def name(self) -> str:
        """`service.action`."""
        return f"{self.service}.{self.action}"

    def replies(self, request_id: RequestId) -> list[bytes]:
        """What was answered, as messages that answer that request."""
        found = [write_response(part, request_id=request_id, final=False, service=self.service) for part in self.stream]
        if self.status != UNANSWERED:
            found.append(write_response(self.answer, request_id=request_id, ok=self.status == OK, service=self.service))
        return found


@dataclass(frozen=True)
class MadeCall:
    """A request that the handler made now. `recorded` is the call whose answer it got; None where there was none."""

    message: BusMessage
    recorded: RecordedCall | None

    @property
    def name(self) -> str:
        """`service.action`."""
        return self.message.name

    @property
    def payload(self) -> Any:
        """What was sent."""
        return self.message.payload


class RecordBus(LocalBus):
    """A bus on which one handler runs: `ask` reaches it, and every request that it makes is answered from `calls`.

    A request gets the answer of the first call to that service and action that is left, before all of one with the
    same payload. One that is not there gets an error with the code `not_recorded`. Messages and broadcasts reach
    nobody, which their sender is not told.
    """

    def __init__(self, calls: Iterable[RecordedCall]) -> None:
        super().__init__()
        self.left = list(calls)
        """Those that were not made so far."""
        self.made: list[MadeCall] = []
        """Those that were made, in order."""
        self.sent: list[BusMessage] = []
        """One-way messages and broadcasts, in order."""
        self.replies: list[BusMessage] = []
        """What came back for `ask`, in order."""
        self._asked: Asked = {}
        self._asking = threading.Lock()

    def __str__(self) -> str:
        return "a bus that answers from a record"

    def ask(self, channel: str, data: bytes) -> None:
        """Have the handler get this message."""
        super().publish(channel, data)

    def give_up(self) -> None:
        """Wait no longer for what is being handled: whoever has got a message counts as done with it."""
        with self._lock:
            subscribers = [one for several in self._subscribers.values() for one in several]
        for subscriber in subscribers:
            if isinstance(subscriber, Settling):
                subscriber.settle_all()

    def execute(self, *command: bytes) -> Any:
        """See `LocalBus`; somebody is there for every channel."""
        if command[0] == b"PUBSUB":
            return [part for channel in command[2:] for part in (channel, 1)]
        return super().execute(*command)

    def publish(self, channel: str, data: bytes) -> int:
        """Answer a request at once, and keep all else; returns that one has received it."""
        with self._asking:
            message = read(Published(0.0, channel, bytes(data)), self._asked)
            recorded = self._noted(message)
        self.record.add(channel, data)
        if message.kind != "request":
            return 1
        reply_to = _reply_channel(message)
        for reply in _refusal(message) if recorded is None else recorded.replies(message.request_id):
            for subscriber in self.subscribers(reply_to):
                subscriber.deliver(reply_to, reply)
        if recorded is not None and recorded.status == UNANSWERED:
            # As then, but for the waiting; handlers may answer with its text.
            number = message.request_id if recorded.request_id is None else recorded.request_id
            raise no_answer(recorded.service, recorded.action, _timeout(message), number)
        return 1

    def _noted(self, message: BusMessage) -> RecordedCall | None:
        if message.kind == "response":
            self.replies.append(message)
        elif message.kind != "request":
            self.sent.append(message)
        else:
            place = self._place(message)
            recorded = None if place is None else self.left.pop(place)
            self.made.append(MadeCall(message, recorded))
            return recorded
        return None

    def _place(self, message: BusMessage) -> int | None:
        """Where in `left` the call is that it is."""
        able = [place for place, call in enumerate(self.left) if call.name == message.name]
        same = (place for place in able if self.left[place].payload == message.payload)
        return next(same, able[0] if able else None)


def _reply_channel(message: BusMessage) -> str:
    request = read_request(message.data)
    return request.reply_to or "" if isinstance(request, Request) else ""


def _timeout(message: BusMessage) -> float:
    """For how many seconds it is waited for an answer."""
    request = read_request(message.data)
    return request.timeout or 0.0 if isinstance(request, Request) else 0.0


def _refusal(message: BusMessage) -> list[bytes]:
    text = f"{message.name} is not in the record, or not as often as it is called now"
    return [write_response(error_payload(text, NOT_RECORDED, "NotRecorded"), request_id=message.request_id, ok=False)]
