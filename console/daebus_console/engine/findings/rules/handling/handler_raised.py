"""handler-raised: the handler of a request failed by a mistake or for want of what it needs, or did not answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.keys import missing_key
from daebus_console.engine.findings.kinds import MISTAKES, NEEDS, is_of_network
from daebus_console.engine.findings.payloads import error_of, names_a_place, value
from daebus_console.engine.findings.places import in_place, place_in
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import DROPPED, KEEP_THE_HANDLE, call, term, to
from daebus_console.engine.message.exchange import DAEBUS, Exchange, Kind, State
from daebus_console.engine.records.record import Any_, Handled
from daebus_console.text import beginning

_LONGEST = 200
_MOST = 1_000
_IN_A_ROW = 20
_RAISED, _SILENT = "handler_error", "no_response"
_Key = tuple[str, str, str]


class Found(Rule):
    """The error answers tell, and what services tell of their handlers: where it was raised, and after which answer."""

    name = "handler-raised"
    severity = Severity.ERROR
    title = "a handler that fails by a mistake in it, lacks what it needs, or ends without an answer"
    page = """\
A handler raised what a program raises when it is mistaken (KeyError, TypeError, AttributeError and the like), or
it returned without an answer. Or it raised what is raised where something that it needs cannot be reached, or is
full (ConnectionRefusedError, OperationalError, the OutOfMemoryError of Redis). Or it raised when it had answered:
its caller was told that all went well, and what was to be done after the answer was not done.

It is thought so because the answer says so, by its code (`handler_error`, `no_response`) and the type of the
exception, or because the flight recorder of the service does. Exceptions that may be meant as an answer
(ValueError, those of the program, errors of calls that rise) are not taken for mistakes. Where requests name
what is to be reached, with a URL or a host, that it cannot be is told only where twenty failed so, and none went well
in between: else it may be just what was asked.

`logs #N` shows the traceback, and `contrast to:SERVICE action:ACTION status:error` what the requests that fail
have that the others have not."""

    def begin(self) -> None:
        self._places: dict[_Key, str] = {}
        self._rows: dict[tuple[str, str], int] = {}
        """How many requests of an action that name a place could not reach anything, since one went well."""
        self._newest: dict[_Key, tuple[Exchange, str]] = {}

    def failed(self, exchange: Exchange) -> None:
        """It was answered with an error: one that nobody can have meant?"""
        answer, code = exchange.answer, exchange.aside.code
        if answer is None or not answer.error or code not in (_RAISED, _SILENT) or exchange.dialect != DAEBUS:
            return
        kind, error = error_of(exchange)
        if code == _SILENT:
            kind = ""
        if code == _RAISED and kind not in MISTAKES and kind not in NEEDS:
            return
        key, count = (exchange.target or "", exchange.action or "", kind or _SILENT), 1
        if is_of_network(kind, error) and names_a_place(value(exchange.asking.data)):
            # It may be just what was asked: whether that can be reached.
            row = self._rows.get(key[:2], 0) + 1
            remember(self._rows, key[:2], row, _MOST)
            if row < _IN_A_ROW:
                return
            count = row if row == _IN_A_ROW else 1
        self._put(self._newest, key, (exchange, error))
        self._tell(key, count)

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Has one gone well, where others cannot reach what they ask for?"""
        if (service, action) in self._rows and any(one.state is State.OK for one in exchanges):
            self._rows[service, action] = 0

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Where was it raised, and had it answered?"""
        if not isinstance(record, Handled) or record.outcome != _RAISED:
            return
        key = record.source.service, record.action, record.type or ""
        if exchange is not None and exchange.kind is Kind.REQUEST and exchange.state is State.OK:
            if exchange.instance == record.source.instance:
                self._tell_late(record, exchange)
            return
        place = place_in(record.traceback)
        if place and (record.type in MISTAKES or record.type in NEEDS) and self._places.get(key) != place:
            self._put(self._places, key, place)
            if key in self._newest:
                self._tell(key, 0)

    def _tell(self, key: _Key, count: int) -> None:
        service, action, kind = key
        (exchange, error), name, slip = self._newest[key], call(service, action), ""
        if kind == _SILENT:
            text = f"the handler of {name} ended without an answer, and its caller got an error"
            because = f"the answer has the code {_SILENT}: it returned without one"
            advice = "let every way through it return a dict, or call response.send or response.error"
            if DROPPED in error:
                because = f"the answer has the code {_SILENT}: what response.defer gave was let go of, unanswered"
                advice = KEEP_THE_HANDLE
        else:
            said = f": {beginning(error, _LONGEST)}" if error else ""
            text = f"the handler of {name} raised {kind}{said}" + in_place(self._places.get(key, ""))
            hint, slip = missing_key(kind, error, exchange)
            because = (hint or f"nothing handled the {kind}") + ", and its caller got the error"
            advice = slip or f"logs #{exchange.number} shows where"
            if kind in NEEDS:
                because, advice = f"{kind} is raised where something that it needs is not to be had", NEEDS[kind]
        if not slip:
            advice += f"; contrast {to(service, action)} status:error tells which requests fail"
        self.book.report(
            self.name,
            Severity.WARNING if kind in NEEDS else self.severity,
            exchange.ended,
            [exchange.number],
            service=service,
            action=action,
            about=kind,
            text=text,
            because=because,
            advice=advice,
            where=f"{to(service, action)} status:error"
            + (f" code:{_SILENT}" if kind == _SILENT else f" payload.type:{term(kind)}"),
            count=count,
        )

    def _tell_late(self, record: Handled, exchange: Exchange) -> None:
        error = ": ".join(part for part in (record.type, record.error) if part) or record.outcome
        again = record.type == "AlreadyAnswered"
        self.book.report(
            self.name,
            self.severity,
            record.at + record.source.off,
            [exchange.number],
            service=record.source.service,
            action=record.action,
            about=f"answered {record.type}",
            text=f"the handler of {call(record.source.service, record.action)} raised after it had answered:"
            f" {beginning(error, _LONGEST)}" + in_place(place_in(record.traceback)),
            because=f"the service tells so, and #{exchange.number} was answered with success; its caller knows nothing",
            advice="send one final answer: those before it with final=False"
            if again
            else f"logs #{exchange.number} shows where; answer when all is done",
            where=to(record.source.service, record.action),
        )

    @staticmethod
    def _put(into: dict[_Key, Any], key: _Key, value: Any) -> None:
        into.pop(key, None)
        remember(into, key, value, _MOST)
