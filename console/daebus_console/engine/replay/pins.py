"""Exchanges that are sent again whenever an instance of their service comes back with a new id.

A service that runs when it is pinned is first asked who its instances are; what comes after those is new. One that does
not run comes back with whatever instance it has then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from daebus.errors import RedisUnavailable
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.message.exchange import Exchange, Flag, Kind
from daebus_console.engine.replay.item import Unsendable, resend_of
from daebus_console.engine.replay.links import SessionLinks
from daebus_console.engine.replay.pace import Pace
from daebus_console.engine.replay.replay import Outcome, Replay
from daebus_console.engine.session import Session

MOST = 200
_TICK = 0.5
"""Seconds after which it is looked whether it has ended, where nothing passes."""
_MOST_IDS = 1_000
_READY_WITHIN = 5.0
"""Seconds that an instance which has come back is given to be ready for what is sent again."""


@dataclass
class Pin:
    """One exchange that is pinned. `sent` tells how often it was sent again, `last` what came of it in a word."""

    exchange: Exchange
    rules: Rules = field(default_factory=Rules)
    timeout: float | None = None
    sent: int = 0
    last: str = ""

    @property
    def number(self) -> int:
        """That of its exchange."""
        return self.exchange.number

    @property
    def service(self) -> str:
        """Whose coming back it waits for."""
        return self.exchange.target or ""


class Unpinnable(ValueError):
    """It cannot be pinned; the text says why."""


@dataclass(frozen=True)
class Return:
    """What came of a pin when an instance came back; where Redis could not be reached, `problem` says so."""

    pin: Pin
    instance: str
    outcome: Outcome | None
    problem: str = ""


class _Known:
    """The instances of a service that are not new. Not `told` until it is known which there were to begin with."""

    def __init__(self, told: bool) -> None:
        self.told = told
        self.ids: dict[str, None] = {}

    def new(self, ids: list[str], gone: bool) -> list[str]:
        """Those among `ids` that have come since; `gone` tells that none is there."""
        found = [one for one in ids if one not in self.ids] if self.told else []
        self.told = self.told or bool(ids) or gone
        self.ids.update(dict.fromkeys(ids))
        while len(self.ids) > _MOST_IDS:
            del self.ids[next(iter(self.ids))]
        return found


class Pins:
    """The pins of a session. `on_return` is told what came of each, on a thread of this; `close` it in the end.

    What is sent again waits until that instance of its service is `ready`, which is asked with the session locked.
    """

    def __init__(
        self,
        session: Session,
        on_return: Callable[[Return], None],
        ready: Callable[[str, str], bool] = lambda _service, _instance: True,
    ) -> None:
        self._session = session
        self._on_return = on_return
        self._ready = ready
        self._pins: dict[int, Pin] = {}
        self._known: dict[str, _Known] = {}
        self._due: dict[str, str] = {}
        self._replay: Replay | None = None
        self._ended = False
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._pins)

    def all(self) -> list[Pin]:
        """The pins, in the order in which they were made."""
        return list(self._pins.values())

    def check(self, exchanges: Collection[Exchange]) -> None:
        """Raise Unpinnable where one of them cannot be pinned, or there is no room."""
        for exchange in exchanges:
            self._check(exchange)
        if len(self._pins.keys() | {exchange.number for exchange in exchanges}) > MOST:
            raise Unpinnable(f"at most {MOST} exchanges are pinned at a time; `unpin` ends some")

    @staticmethod
    def _check(exchange: Exchange) -> None:
        name = f"#{exchange.number} cannot be pinned"
        if exchange.kind not in (Kind.REQUEST, Kind.ONE_WAY) or exchange.flags & Flag.CONTROL:
            raise Unpinnable(f"{name}: only requests and one-way messages to services are")
        try:
            resend_of(exchange)
        except Unsendable as error:
            raise Unpinnable(f"{name}: {error}") from None

    def add(self, exchange: Exchange, rules: Rules, timeout: float | None = None) -> Pin:
        """Pin an exchange that was checked, anew where it is pinned."""
        pin = Pin(exchange, rules, timeout)
        with self._session.lock:
            self._pins[exchange.number] = pin
            exchange.flags |= Flag.PINNED
            self._session.journal.touch(exchange)
            self._look()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="daebus-console-pins", daemon=True)
            self._thread.start()
        return pin

    def remove(self, number: int | None = None) -> list[Pin]:
        """Pin one, or all, no longer; returns which."""
        with self._session.lock:
            found = [pin for pin in self.all() if number is None or pin.number == number]
            for pin in found:
                del self._pins[pin.number]
                pin.exchange.flags &= ~Flag.PINNED
                self._session.journal.touch(pin.exchange)
            self._look()
        return found

    def close(self) -> None:
        """Send nothing more; returns when what is under way has ended."""
        self._ended = True
        replay = self._replay
        if replay is not None:
            replay.cancel()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _look(self) -> None:
        """Have the services of the pins asked who they are, and no others. Called with the session's lock."""
        services = {pin.service for pin in self._pins.values()}
        directory = self._session.directory
        for name in services - self._known.keys():
            entry = directory.services.get(name)
            # Before the first poll nobody knows who is there.
            known = self._known[name] = _Known(
                directory.polled is not None and (entry is None or not entry.subscribers)
            )
            known.new(list(entry.instances) if entry is not None else [], False)
        for name in self._known.keys() - services:
            del self._known[name]
            self._due.pop(name, None)
        self._session.keep_asking(services)

    # Its thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended:
            self._session.wait_for(lambda: self._ended or self._is_due(), _TICK)
            with self._session.lock:
                due, self._due = self._due, {}
                pins = [pin for pin in self.all() if pin.service in due]
            for pin in pins:
                self._wait_for(pin.service, due[pin.service])
                if not self._ended:
                    self._send(pin, due[pin.service])

    def _wait_for(self, service: str, instance: str) -> None:
        """Until the instance is ready, or should have been."""
        until = time.monotonic() + _READY_WITHIN
        while time.monotonic() < until:
            # It may become so though nothing passes.
            if self._session.wait_for(lambda: self._ended or self._ready(service, instance), _TICK):
                return

    def _is_due(self) -> bool:
        directory = self._session.directory
        for name, known in self._known.items():
            entry = directory.services.get(name)
            ids = list(entry.instances) if entry is not None else []
            gone = directory.polled is not None and (entry is None or not entry.subscribers)
            for instance in known.new(ids, gone):
                self._due[name] = instance
        return bool(self._due)

    def _send(self, pin: Pin, instance: str) -> None:
        found: list[Outcome] = []
        try:
            self._replay = Replay(
                [pin.exchange],
                self._session.address,
                on_outcome=found.append,
                pace=Pace(asap=True),
                timeout=pin.timeout,
                links=SessionLinks(self._session),
            )
            self._replay.run()
        except RedisUnavailable as error:
            self._on_return(Return(pin, instance, None, str(error)))
            return
        finally:
            self._replay = None
        pin.sent += 1
        for outcome in found:
            if not self._ended:
                self._on_return(Return(pin, instance, outcome))
