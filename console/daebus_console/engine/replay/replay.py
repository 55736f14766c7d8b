"""Replaying: exchanges sent again at the pace of the original, and what came of each.

One thread paces and publishes, one hears the answers, one reads ahead. Rules of this file: what the threads share is
under `_changed`; outcomes are handed out by the pacing thread alone, so that whoever takes them needs no lock.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from daebus.errors import ConnectionLost, PermissionDenied, RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus_console.engine import dialects
from daebus_console.engine.diff.exchange import Answer
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.dialect import Dialect
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.steady import Steady
from daebus_console.engine.pairing.settling import NOTICED_FOR
from daebus_console.engine.replay.ahead import Ahead
from daebus_console.engine.replay.flight import Flight, Flights
from daebus_console.engine.replay.item import TIMEOUT, Resend, Unsendable, patience, resend_of
from daebus_console.engine.replay.links import Links
from daebus_console.engine.replay.pace import Pace, Timing
from daebus_console.engine.replay.wire import Crowded, Wire
from daebus_console.naming import quoted

IN_FLIGHT = 64
"""Requests that may wait for their answer at once with no spacing to keep, where nothing else is said."""
IN_FLIGHT_PACED = 256
"""The same where a spacing is to be kept, which a lower bound would spoil sooner."""
_LATE = 1.0
"""Seconds behind the original from which on the rest is sent later, instead of all at once."""
_TICK = 0.5


@dataclass(frozen=True)
class Outcome:
    """What came of one message that was sent again.

    `answer.status` is ok or error; timeout; nobody (nobody is subscribed); lost (Redis went meanwhile); unsent; sent
    (nothing was to be answered). `reason` says more of the last ones. `request_id` is the new one. `late` tells of an
    answer that came after the time that the request names: it was waited for, since that of then was later as well.
    """

    origin: Exchange
    item: Resend | None
    answer: Answer
    request_id: str = ""
    reason: str = ""
    late: bool = False


@dataclass
class Progress:
    """How far a replay is: messages sent, requests answered, and those that will not be; requests under way."""

    sent: int = 0
    answered: int = 0
    failed: int = 0
    in_flight: int = 0
    held: int = 0
    """Messages that were late because so many requests were under way."""


class Replay:
    """Sends `exchanges` again at `address`; `run` does it, in the thread that calls it. Gaps among them are not sent.

    change: turns what would be sent into what is sent. timeout: seconds for an answer, instead of those that requests
    name. in_flight: requests that may be under way at once. links: is told what is sent, to tell that it is ours.
    """

    def __init__(
        self,
        exchanges: Iterable[Exchange],
        address: RedisAddress,
        *,
        on_outcome: Callable[[Outcome], None],
        pace: Pace | None = None,
        in_flight: int | None = None,
        timeout: float | None = None,
        change: Callable[[Resend], Resend] = lambda item: item,
        links: Links | None = None,
    ) -> None:
        if in_flight is not None and in_flight < 1:
            raise ValueError("at least one request must be allowed to be under way")
        self.progress = Progress()
        self.lost: RedisUnavailable | None = None
        """Why it ended early, where Redis went meanwhile."""
        self.pace = pace or Pace()
        self._on_outcome, self._change = on_outcome, change
        self._most = in_flight or (IN_FLIGHT if self.pace.asap else IN_FLIGHT_PACED)
        self._timeout = timeout
        self._links = links or Links()
        self._changed = threading.Condition()
        self._ahead = Ahead(exchanges, self._changed)
        self._wire = Wire(address, self._take, self._on_lost, self._links.receivers)
        self._timing = Timing(self.pace, 0.0)
        self._flights = Flights()
        self._done: deque[Outcome] = deque()
        self._guests: dict[str, Dialect] = {}
        """The dialects of others that something was asked in."""
        self._cancelled = False
        self._pause = False

    # From any thread -------------------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether nothing is sent for the moment."""
        return self._pause

    @property
    def cancelled(self) -> bool:
        """Whether somebody ended it."""
        return self._cancelled

    @property
    def timing(self) -> Timing:
        """How well the spacing was kept."""
        return self._timing

    def pause(self) -> None:
        """Send nothing for the moment; answers still come in."""
        with self._changed:
            self._pause = True
            self._changed.notify_all()

    def resume(self) -> None:
        """Go on, with the spacing kept."""
        with self._changed:
            self._pause = False
            self._changed.notify_all()

    def cancel(self) -> None:
        """Send no more and wait for nothing; `run` returns soon."""
        with self._changed:
            self._cancelled = True
            self._ahead.halt()

    # The pacing thread -----------------------------------------------------------------------------------------

    def run(self) -> Progress:
        """Send it all and wait for the answers. Raises RedisUnavailable where Redis cannot be reached to begin with.

        When Redis goes later, it ends and says so in `lost`. What the exchanges themselves raise is raised.
        """
        try:
            self._wire.open()
            self._links.open(self._wire.reply_to)
            self._ahead.start()
            self._timing = Timing(self.pace, time.monotonic())
            for index, (origin, item, at) in enumerate(self._items()):
                if not self._await_turn(index, item, at):
                    break
                self._send(origin, item, self._timing.due(index, at))
                self._hand_out(2)
            self._await_rest()
        finally:
            self._ahead.stop()
            self._wire.close()
            self._links.close()
        self._hand_out()
        return self.progress

    def _items(self) -> Iterator[tuple[Exchange, Resend, float]]:
        """What is to be sent, and when it was, by one clock."""
        times = Steady()
        for exchange in self._ahead:
            if self._ended():
                return
            at = times.at(exchange)
            if exchange.kind is Kind.GAP:
                continue
            try:
                yield exchange, self._change(resend_of(exchange)), at
            except Unsendable as error:
                self._settle(Outcome(exchange, None, Answer("unsent"), reason=str(error)))

    def _ended(self) -> bool:
        return self._cancelled or self.lost is not None

    def _await_turn(self, index: int, item: Resend, at: float) -> bool:
        """Wait until the time has come and there is room; False where it has ended meanwhile."""
        held = False
        while not self._ended():
            with self._changed:
                now = time.monotonic()
                self._expire(now)
                self._keep_clock(now)
                due = self._timing.due(index, at)
                if now - due > _LATE and not held and not self._pause and not self.pace.asap:
                    # Whatever stopped us, the process itself perhaps: what was missed is not made up for in a burst.
                    self._timing.shift(now - due)
                full = item.kind is Kind.REQUEST and len(self._flights) >= self._most
                if now >= due and not self._pause:
                    if not full:
                        return True
                    self.progress.held += not held
                    held = True
                if not self._done:
                    wait = _TICK if self._pause or now >= due else due - now
                    self._changed.wait(max(0.0, min(wait, _TICK, self._flights.next_deadline() - now)))
            # One at a time: the next message may be due by now.
            self._hand_out(1)
        return False

    def _keep_clock(self, now: float) -> None:
        if self._pause:
            self._timing.pause(now)
        else:
            self._timing.resume(now)

    def _send(self, origin: Exchange, item: Resend, due: float) -> None:
        request_id = uuid.uuid4().hex
        timeout = self._timeout or patience(item, origin)
        named = self._timeout or item.timeout or TIMEOUT
        try:
            if item.dialect is None:
                data = item.encode(self._wire.reply_to, request_id, time.time(), named)
            else:
                data, channel = item.anew(self._wire.reply_to, request_id)
                self._hear(item.dialect, channel)
        except (Unsendable, Crowded, RedisUnavailable) as error:
            self._settle(Outcome(origin, item, Answer("unsent"), reason=str(error)))
            if isinstance(error, RedisUnavailable) and not isinstance(error, PermissionDenied):
                self._on_lost(error)
            return
        is_request = item.kind is Kind.REQUEST
        flight = Flight(origin, item, request_id, timeout, named)
        if is_request:
            with self._changed:
                self._flights.add(flight)
                self.progress.in_flight = len(self._flights)
        # Questions of others are known by their bytes, which nobody else sends: there is a new id in them.
        self._links.expect(origin, item, request_id if is_request and item.dialect is None else None, data)
        self._timing.sent(due, flight.begun)
        try:
            subscribers = self._wire.publish(item.channel, data, by_pattern=item.dialect is not None)
        except RedisUnavailable as error:
            self._failed_to_send(flight, data, error)
            return
        self.progress.sent += 1
        if subscribers == 0 and item.kind is not Kind.BROADCAST:
            reason = f"nobody serves {quoted(item.service)}"
            self._conclude(flight, Answer("nobody"), reason)
        elif not is_request:
            self._settle(Outcome(origin, item, Answer("sent")))

    def _hear(self, name: str, channel: str) -> None:
        """Have the answers heard that come on a channel in that dialect. Raises Crowded, RedisUnavailable."""
        self._wire.hear(channel)
        self._links.hear(channel)
        dialect = dialects.named(name)
        if dialect is not None:
            with self._changed:
                self._guests[name] = dialect

    def _failed_to_send(self, flight: Flight, data: bytes, error: RedisUnavailable) -> None:
        """Redis did not take it, or nobody knows whether it did."""
        unsent = not isinstance(error, ConnectionLost)
        if unsent:
            self._links.give_up(flight.item, flight.request_id, data)
        self._conclude(flight, Answer("unsent" if unsent else "lost"), str(error))
        self._on_lost(error)

    def _conclude(self, flight: Flight, answer: Answer, reason: str) -> None:
        """It has come to this, unless its answer was faster."""
        with self._changed:
            known = self._flights.take(flight.request_id)
            self.progress.in_flight = len(self._flights)
        if known is not None or flight.item.kind is not Kind.REQUEST:
            self._settle(Outcome(flight.origin, flight.item, answer, flight.request_id, reason))

    def _await_rest(self) -> None:
        """Wait until nothing is under way any more."""
        while True:
            with self._changed:
                self._expire(time.monotonic())
                if not self._done and self._flights and not self._ended():
                    self._changed.wait(max(0.0, min(_TICK, self._flights.next_deadline() - time.monotonic())))
                if self._ended():
                    self._abandon()
            self._hand_out()
            if not self._flights and not self._done:
                return

    def _abandon(self) -> None:
        """Nobody waits any longer. Called with `_changed` held."""
        status, reason = ("lost", str(self.lost)) if self.lost is not None else ("cancelled", "stopped waiting")
        for one in self._flights.clear():
            self._done.append(Outcome(one.origin, one.item, Answer(status), one.request_id, reason))

    def _expire(self, now: float) -> None:
        """Give up the requests whose time is over. Called with `_changed` held."""
        for one in self._flights.expired(now):
            beside = ", beside those for which it was held" if one.held else ""
            reason = f"no answer within {one.timeout:g} s{beside}"
            guest = self._guests.get(one.item.dialect or "")
            if guest is not None and guest.silence is not None:
                reason += f" ({guest.silence})"
            self._done.append(Outcome(one.origin, one.item, one.answer("timeout"), one.request_id, reason))

    def _settle(self, outcome: Outcome) -> None:
        with self._changed:
            self._done.append(outcome)

    def _hand_out(self, most: int | None = None) -> None:
        """Hand out what is done: all of it, or so many, lest the next message be late."""
        while most is None or most > 0:
            with self._changed:
                if not self._done:
                    return
                outcome = self._done.popleft()
                self.progress.in_flight = len(self._flights)
            if outcome.answer.answered:
                self.progress.answered += 1
            elif outcome.answer.status != "sent":
                self.progress.failed += 1
            self._on_outcome(outcome)
            most = None if most is None else most - 1

    # The hearing thread ----------------------------------------------------------------------------------------

    def _take(self, channel: str, data: bytes) -> None:
        now = time.monotonic()
        self._links.heard(channel, data)
        with self._changed:
            one, final, failed = self._told_by(channel, data)
            if one is None:
                return
            if not final:
                if one.item.dialect is None and wire.is_notice(data):
                    self._flights.hold(one, wire.held_in(data, NOTICED_FOR))
                else:
                    one.progress.append(data)
                return
            self._flights.take(one.request_id)
            took = now - one.begun
            answer = one.answer("error" if failed else "ok", data, took)
            late = took > one.named + one.held
            self._done.append(Outcome(one.origin, one.item, answer, one.request_id, late=late))
            self._changed.notify_all()

    def _told_by(self, channel: str, data: bytes) -> tuple[Flight | None, bool, bool]:
        """Which flight a message answers, if any; whether it is the last answer, and an error."""
        for dialect in self._guests.values():
            said = dialect.sight(channel, data)
            if said is not None and said.kind is Kind.RESPONSE and said.id is not None:
                one = self._flights.get(said.id)
                return (one if one is not None and one.item.dialect == dialect.name else None), said.final, said.error
        try:
            envelope = wire.read(data)
        except wire.Unreadable:
            return None, False, False
        one = self._flights.get(str(envelope.request_id))
        ours = one is not None and one.item.dialect is None
        return (one if ours else None), envelope.final is not False, envelope.status == "error"

    def _on_lost(self, error: RedisUnavailable) -> None:
        with self._changed:
            self.lost = self.lost or error
            self._ahead.halt()
