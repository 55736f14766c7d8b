"""Asks services about what the detail shows: what they recorded of it, and while it is pending, where it is.

Decided on the application's own thread, in a moment; asked in another, since Redis may take its time.
"""

from __future__ import annotations

from collections.abc import Callable

from daebus.errors import DaebusError
from daebus_console.engine.bounded import remember
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.live.asking import Question
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import why_unasked, why_untold
from daebus_console.tui.documents.exchange import Insight

_EVERY = 1.0
"""Seconds between two questions about what is pending."""
_AFTER = 0.3
"""Seconds after which something counts as pending for long."""
_MOST_ASKED = 500
_MOST_SERVICES = 10


class Wondering:
    """Knows what was asked already."""

    def __init__(self, session: Session, sender: Sender, redact: Redactor) -> None:
        self._session, self._sender = session, sender
        self.redact = redact
        self._asked: dict[tuple[int, State], None] = {}
        self._next = 0.0

    def insight(self, exchange: Exchange) -> Insight:
        """What services tell of that exchange."""
        telling = self._session.telling
        with self._session.lock:
            waits = telling.standing(exchange) if exchange.state is State.PENDING else ()
            unasked = why_unasked(self._session, [exchange.target or ""])
            untold = why_untold(self._session)
            # Of a service that nothing is there of nobody knows what it is.
            tells = telling.tells(exchange.target) if untold is None else None
            return Insight(telling.of(exchange), waits, tells, self.redact.text, unasked, untold)

    def told(self) -> int:
        """A number that rises whenever a service told something new."""
        return self._session.telling.version

    def about(self, exchange: Exchange | None, *, logs: bool) -> Callable[[], None] | None:
        """What is to be done in another thread, for what is shown, and its `logs` if so; None for nothing."""
        session = self._session
        if exchange is None or session.recorded or not session.pulls:
            return None
        questions: list[Question] = []
        with session.lock:
            now = session.clock()
            if logs and (exchange.number, exchange.state) not in self._asked:
                remember(self._asked, (exchange.number, exchange.state), None, _MOST_ASKED)
                questions += session.telling.questions(exchange)
            waits = exchange.state is State.PENDING and exchange.kind is Kind.REQUEST
            if waits and now - exchange.opened.at > _AFTER and not self._next - _EVERY < now < self._next:
                self._next = now + _EVERY
                questions += [(name, "running", {}) for name in self._concerned(exchange)]
        return (lambda: self._ask(questions)) if questions else None

    def _concerned(self, exchange: Exchange) -> list[str]:
        """Its service, and those that this one waits for, and so on, as far as they tell."""
        telling = self._session.telling
        waits: dict[str, set[str]] = {}
        for report in telling.reports.values():
            waits.setdefault(report.service, set()).update(wait.service for one in report.doing for wait in one.waits)
        names = [exchange.target or ""]
        for name in names:
            names += [other for other in sorted(waits.get(name, ())) if other not in names][:_MOST_SERVICES]
        return [name for name in names[:_MOST_SERVICES] if telling.tells(name)]

    def _ask(self, questions: list[Question]) -> None:
        for question in questions:
            try:
                self._sender.ask(*question)
            except DaebusError:
                # That Redis is away is on the screen already.
                return
