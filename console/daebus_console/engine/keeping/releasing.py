"""How what is held goes on: looks into it, and lets it go as it is, edited, answered, failed or dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from daebus.errors import ServiceUnavailable
from daebus_console.engine.holding.desk import Desk, Held
from daebus_console.engine.holding.log import Done, Log, new_log
from daebus_console.engine.holding.report import Hold
from daebus_console.engine.keeping.asking import Answer, Asker
from daebus_console.engine.keeping.refused import GoneOn, Refused
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.session import Session
from daebus_console.naming import quoted

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Released(NamedTuple):
    """What became of a release in one instance: it went as wanted, or why not."""

    hold: Hold
    answer: Answer


class Releasing:
    """Lets go what a desk knows to be held. `log` is what was let go, in its order."""

    def __init__(self, session: Session, desk: Desk, asker: Asker) -> None:
        self._session, self._desk, self._asker = session, desk, asker
        self.log: Log = new_log()

    def look_into(self, hold: Hold) -> Any:
        """What a held message carries, with all that its text says; None where it is too large for anybody to tell.

        Raises GoneOn, RedisUnavailable, ReadOnly.
        """
        seen = self._seen(hold)
        if seen is not None or hold.whole:
            return hold.payload if seen is None else seen
        told = {"instance": hold.instance, "hold": hold.hold}
        answers = self._asker.ask(hold.service, "held", told, about=hold.hold)
        found = answers[0].payload.get("held") if answers and answers[0].ok else None
        if not isinstance(found, list) or not found:
            raise GoneOn(f"{hold.name or 'it'} has gone on already")
        return found[0].get("payload") if isinstance(found[0], dict) else None

    def _seen(self, hold: Hold) -> Any:
        """The payload as it was on the bus, where it was: a call and an answer have yet to leave."""
        if hold.place != "request" or hold.id is None:
            return None
        with self._session.lock:
            exchange = self._session.correlator.find(hold.id)
        if exchange is None or exchange.target != hold.service or exchange.action != hold.name:
            return None
        try:
            return wire.payload_of(exchange.opened.data)
        except wire.Unreadable:
            return None

    def release(self, held: Held, verdict: str = "go", **more: Any) -> list[Released]:
        """Let a message go in all instances that hold it; `more` is `payload`, or `fail` with `code` and `error`.

        Raises GoneOn where none holds it any more, Refused, RedisUnavailable, ReadOnly.
        """
        told = {name: value for name, value in more.items() if value is not None}
        released = self.let_go(held, verdict, told)
        done = next(one for one in released if one.answer.ok)
        with self._session.lock:
            self.log.append(Done(done.hold, done.hold.payload, {"verdict": verdict, **told}))
        return released

    def let_go(self, held: Held, verdict: str = "go", told: Mapping[str, Any] = _NOTHING) -> list[Released]:
        """The same, and it is no release of the user's: it is not in the log."""
        released: list[Released] = []
        with self.ourselves(held.holds):
            for hold in held.holds:
                payload = {
                    "instance": hold.instance,
                    "hold": hold.hold,
                    "verdict": verdict,
                    "owner": self._desk.owner,
                    **told,
                }
                try:
                    answers = self._asker.ask(hold.service, "release", payload)
                except ServiceUnavailable as error:
                    answers = [Answer(hold.instance, False, {"code": "gone", "error": str(error)})]
                released += [Released(hold, one) for one in answers]
            self._after_release(held, released)
        with self._session.lock:
            # Those that have not answered hold theirs on, for what is known.
            self._desk.let_go -= {hold.key for hold in held.holds} - {one.hold.key for one in released}
        return released

    @contextmanager
    def ourselves(self, holds: Iterable[Hold]) -> Iterator[None]:
        """What is let go in the block is nothing to tell of; where that fails, whatever becomes of it is."""
        keys = {hold.key for hold in holds}
        with self._session.lock:
            self._desk.let_go |= keys
        try:
            yield
        except BaseException:
            with self._session.lock:
                self._desk.let_go -= keys
            raise

    def release_all(self, service: str, owner: str) -> int:
        """Let all go on that an owner holds at a service, listed or not; returns how many that were.

        Raises RedisUnavailable, ReadOnly.
        """
        with self._session.lock:
            holds = [one for one in self._desk.holds() if one.service == service and one.owner == owner]
        try:
            with self.ourselves(holds):
                answers = self._asker.ask(service, "release", {"all": True, "owner": owner})
        except ServiceUnavailable:
            return 0
        released = [one.payload.get("released") for one in answers if one.ok]
        return sum(one for one in released if isinstance(one, int))

    def _after_release(self, held: Held, released: Sequence[Released]) -> None:
        if not released:
            raise Refused(f"no instance of {quoted(held.first.service)} answered: nobody knows whether it went on")
        if not any(one.answer.ok for one in released):
            answer = released[0].answer
            if answer.code != "bad_request":
                self.drop(held)
            if answer.code == "gone":
                raise GoneOn(f"H{held.number} has gone on already: nothing was done")
            raise Refused(answer.error or answer.code)
        self.drop(held)

    def drop(self, held: Held) -> None:
        """It is held no more: known before the next look."""
        gone = {hold.key for hold in held.holds}
        with self._session.lock:
            for key, report in self._desk.reports.items():
                self._desk.reports[key] = report.without(gone)
            self._desk.version += 1
