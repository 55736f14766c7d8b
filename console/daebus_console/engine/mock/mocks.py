"""Stand-ins: answering in place of a service that is not there. They listen as services do, with the framework's means.

Nothing is answered twice, and nobody waits in vain: what a stand-in has no answer for it answers with an error, unless
it stands beside the real service, which then does.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from daebus.errors import DaebusError, PayloadError, RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.bus import redis_at
from daebus.transport.subscription import Subscription
from daebus.wire.envelope import Request, Unreadable, error_payload
from daebus.wire.reading import read_request
from daebus.wire.writing import encode, write_response
from daebus_console.engine import jsontext
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.dialect import DAEBUS, Dialect
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.mock.answers import Answers, Given
from daebus_console.engine.mock.schedule import Schedule
from daebus_console.engine.replay.wire import NAME, count_subscribers
from daebus_console.naming import quoted

log = logging.getLogger("daebus")

_CONNECT_WITHIN = 5.0


class ServicePresent(DaebusError):
    """The service is there: a stand-in for it would answer beside it."""


@dataclass(eq=False)
class Mock:
    """One stand-in. delay: seconds before each answer. times: answers after which it ends; None: never. dialect: in
    which it answers, where that is not ours; its `service` is then a channel.

    `answered` counts by how the answer was found: exact, nearest, unknown.
    """

    number: int
    service: str
    answers: Answers
    summary: str
    delay: float = 0.0
    times: int | None = None
    dialect: str = DAEBUS
    answered: Counter[str] = field(default_factory=Counter)
    given: int = 0
    """Answers that are out, where some are delayed. Written by the one thread that sends them."""
    ended: bool = False

    @property
    def spent(self) -> bool:
        """Whether it has no more answers."""
        return self.times is not None and self.answered["exact"] + self.answered["nearest"] >= self.times

    @property
    def over(self) -> bool:
        """Whether it has given all of them."""
        return self.times is not None and self.given >= self.times

    @property
    def place(self) -> tuple[str, str]:
        """Where it listens, and in which dialect."""
        return self.dialect, self.service

    def take(self, action: str, payload: dict[str, Any]) -> Given | None:
        """Its answer to a request, counted; None where it has none."""
        if self.spent or self.ended:
            return None
        given = self.answers.answer(action, payload)
        if given is not None:
            self.answered[given.mark or "exact"] += 1
        return given


class _Stand:
    """Listens on the channel of one service for the mocks of it, and answers. `tidy` is called when one is over."""

    def __init__(
        self, address: RedisAddress, service: str, schedule: Schedule, tidy: Callable[[], None], *, beside: bool
    ) -> None:
        self.service = service
        self.beside = beside
        self.mocks: list[Mock] = []
        self.instance = f"mock-{uuid.uuid4().hex[:8]}"
        self._schedule = schedule
        self._tidy = tidy
        self._publisher = redis_at(address.url).publisher(NAME)
        self.lost: str | None = None
        """Why it does not listen just now."""
        self._subscription = Subscription(
            address, NAME, [service], self._take, level=logging.DEBUG, on_lost=self._on_lost, on_back=self._on_back
        )
        # A publisher that is used after its end connects anew.
        self._sending = threading.Lock()
        self._closed = False

    def open(self) -> None:
        """Listen. Raises RedisUnavailable."""
        self._subscription.ensure(time.monotonic() + _CONNECT_WITHIN)

    def close(self) -> None:
        """Listen no longer, and give no answer that is still due."""
        with self._sending:
            self._closed = True
        self._subscription.close()
        self._publisher.close()

    def _on_lost(self, error: RedisUnavailable) -> None:
        self.lost = str(error)

    def _on_back(self) -> str:
        self.lost = None
        return ""

    def _take(self, _channel: str, data: bytes) -> None:
        begun = time.monotonic()
        request = read_request(data)
        if isinstance(request, Unreadable):
            if request.reply_to is not None and not self.beside:
                self._answer(request.reply_to, request.request_id, _error(request.reason, "bad_request"), begun)
            return
        if not isinstance(request, Request) or (request.reply_to is None and request.request_id is None):
            # Of a one-way message nobody is to be answered.
            return
        asked = _exact(request, data)
        for mock in tuple(self.mocks):
            given = mock.take(asked.action, asked.payload)
            if given is not None:
                answer = partial(self._reply, request, given, begun)
                self._send(mock.delay, begun, partial(self._done, mock, answer))
                return
        if not self.beside:
            able = [mock for mock in self.mocks if not (mock.spent or mock.ended)]
            known = sorted({name for mock in able for name in mock.answers.actions or ()})
            what = f"the stand-in for {quoted(self.service)} has no answer to {request.action!r}"
            text = f"{what}; it knows: {', '.join(known)}" if known else f"{what}: it has given all its answers"
            if self.mocks:
                self.mocks[0].answered["unknown"] += 1
            self._reply(request, _error(text, "unknown_action"), begun)

    def _done(self, mock: Mock, answer: Callable[[], None]) -> None:
        """Give an answer of it, which may be its last."""
        try:
            answer()
        finally:
            mock.given += 1
            if mock.over:
                # Not here: this thread is one that ends with it.
                self._schedule.at(time.monotonic(), self._tidy)

    def _reply(self, request: Request, given: Given, begun: float) -> None:
        self._answer(request.reply_to or f"{self.service}.responses", request.request_id, given, begun)

    def _answer(self, channel: str, request_id: object, given: Given, begun: float) -> None:
        elapsed = time.monotonic() - begun
        try:
            for index, payload in enumerate((*given.stream, given.payload)):
                final = index == len(given.stream)
                told = isinstance(payload, jsontext.Object | jsontext.Array)
                reply = write_response(
                    None if told else payload,
                    request_id=request_id,  # type: ignore[arg-type]  # as it came from read_request
                    ok=not (final and given.error),
                    final=final,
                    service=self.service,
                    instance=self.instance,
                    elapsed=elapsed,
                )
                if told:
                    reply = jsontext.with_members(reply.decode(), {"payload": _written(payload)}).encode()
                self._post(channel, _marked(reply, given.mark))
        except DaebusError as error:
            log.warning("the stand-in for %r could not answer: %s", self.service, error)

    def _send(self, delay: float, begun: float, send: Callable[[], None]) -> None:
        if delay:
            self._schedule.at(begun + delay, send)
        else:
            send()

    def _post(self, channel: str, data: bytes) -> None:
        with self._sending:
            if not self._closed:
                self._publisher.post(channel, data)


class _GuestStand(_Stand):
    """The same for a channel of another framework: answers every question on it in its dialect."""

    def __init__(
        self,
        address: RedisAddress,
        service: str,
        schedule: Schedule,
        tidy: Callable[[], None],
        *,
        beside: bool,
        dialect: Dialect,
    ) -> None:
        self.dialect = dialect
        super().__init__(address, service, schedule, tidy, beside=beside)

    def _take(self, channel: str, data: bytes) -> None:
        begun = time.monotonic()
        said = self.dialect.sight(channel, data)
        if said is None or said.kind is not Kind.REQUEST:
            return
        for mock in tuple(self.mocks):
            given = mock.take(said.action or "", {})
            if given is None:
                continue
            failed = str(given.payload["error"]) if given.error else None
            content = b"" if given.error else _written(given.payload).encode()
            reply = self.dialect.reply(channel, data, content, failed)
            answer = (lambda: None) if reply is None else partial(self._answer_guest, *reply)
            self._send(mock.delay, begun, partial(self._done, mock, answer))
            return

    def _answer_guest(self, channel: str, data: bytes) -> None:
        try:
            self._post(channel, data)
        except DaebusError as error:
            log.warning("the stand-in for %r could not answer: %s", self.service, error)


class Mocks:
    """The stand-ins on one Redis. Connects when the first is added; `close` ends them all."""

    def __init__(self, address: RedisAddress) -> None:
        self.address = address
        self._lock = threading.RLock()
        self._schedule = Schedule()
        self._stands: dict[tuple[str, str], _Stand] = {}
        self._next = 1

    def add(
        self,
        service: str,
        answers: Answers,
        summary: str,
        *,
        delay: float = 0.0,
        times: int | None = None,
        beside: bool = False,
        dialect: Dialect | None = None,
    ) -> Mock:
        """Stand in for a service; those added later are asked first. With a `dialect` for a channel of that framework.

        Raises ServicePresent where the service is there and `beside` is not set, RedisUnavailable.
        """
        with self._lock:
            place = DAEBUS if dialect is None else dialect.name, service
            stand = self._stands.get(place)
            if not beside:
                self._check_absent(service, own=0 if stand is None else 1)
            mock = Mock(self._next, service, answers, summary, delay, times, place[0])
            if stand is None:
                stand = self._opened(mock, dialect, beside=beside)
                self._stands[place] = stand
            else:
                stand.beside = stand.beside or beside
                stand.mocks.insert(0, mock)
            self._next += 1
            return mock

    def _opened(self, mock: Mock, dialect: Dialect | None, *, beside: bool) -> _Stand:
        """A stand that listens, and has had that answer from the first message on."""
        if dialect is None:
            stand = _Stand(self.address, mock.service, self._schedule, self._tidy, beside=beside)
        else:
            stand = _GuestStand(self.address, mock.service, self._schedule, self._tidy, beside=beside, dialect=dialect)
        stand.mocks.append(mock)
        try:
            stand.open()
        except RedisUnavailable:
            stand.close()
            raise
        return stand

    def _check_absent(self, service: str, own: int) -> None:
        counts = count_subscribers(self.address, [service])
        count = 0 if counts is None else counts[service] - own
        if count > 0:
            subscribers = f"{count} subscriber{'s' * (count != 1)}"
            raise ServicePresent(
                f"{quoted(service)} is there: {subscribers} on its channel, and every request would be answered twice;"
                " --beside stands in all the same"
            )

    def all(self) -> list[Mock]:
        """The stand-ins that are at it, oldest first."""
        with self._lock:
            self._tidy()
            return sorted((mock for stand in self._stands.values() for mock in stand.mocks), key=lambda one: one.number)

    def lost(self, mock: Mock) -> str | None:
        """Why it does not listen just now; None where it does, or is over."""
        with self._lock:
            stand = self._stands.get(mock.place)
            return None if stand is None else stand.lost

    def _tidy(self) -> None:
        """End those that have given all their answers."""
        with self._lock:
            self.remove([mock for stand in self._stands.values() for mock in stand.mocks if mock.over])

    def remove(self, mocks: Iterable[Mock]) -> None:
        """End these; a service without any is not listened for any more."""
        gone = list(mocks)
        closing: list[_Stand] = []
        with self._lock:
            for mock in gone:
                mock.ended = True
                stand = self._stands.get(mock.place)
                if stand is None or mock not in stand.mocks:
                    continue
                stand.mocks.remove(mock)
                if not stand.mocks:
                    closing.append(self._stands.pop(mock.place))
        for stand in closing:
            stand.close()

    def close(self) -> None:
        """End them all; answers that are delayed are not given any more."""
        self.remove([mock for stand in list(self._stands.values()) for mock in list(stand.mocks)])
        self._schedule.close()


def _exact(request: Request, data: bytes) -> Request:
    """The request with the numbers of its payload as they were written."""
    try:
        payload = wire.payload_of(data)
    except wire.Unreadable:
        return request
    return replace(request, payload=payload) if isinstance(payload, dict) else request


def _written(payload: Any) -> str:
    """The text of an answer. Raises PayloadError."""
    text = jsontext.text_of(payload)
    if "NaN" in text or "Infinity" in text:
        try:
            jsontext.loads_strict(text)
        except ValueError as error:
            raise PayloadError(f"the answer cannot be written as JSON: {error}") from None
    return text


def _error(text: str, code: str) -> Given:
    return Given(error_payload(text, code), error=True)


def _marked(reply: bytes, mark: str) -> bytes:
    """The answer with a word in its envelope that says how it was found; others take no notice of it."""
    if not mark:
        return reply
    return reply[:-1] + b', "mock": ' + encode(mark) + b"}"
