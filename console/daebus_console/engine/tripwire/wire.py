"""The tripwire itself: notices exchanges that a filter lets through, and findings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from daebus_console.engine.bounded import remember
from daebus_console.engine.filter.language import Filter
from daebus_console.engine.findings.finding import Finding
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message
from daebus_console.engine.session import Session

_MOST_WAITING = 1_000
_MOST_REMEMBERED = 100_000
_APART = 0.5
"""Seconds by which the clock of a service may be off before that is known."""


@dataclass(frozen=True)
class Hit:
    """Something that was waited for: at `at` (epoch seconds), in exchange #`number` (0: in none in particular).

    `since` is when that exchange was opened.
    """

    at: float
    since: float
    number: int
    service: str
    action: str
    text: str


class Tripwire:
    """Notices from `start` to `stop`. `matching` is a filter, None for none; `wanted` says which findings count.

    An exchange is noticed once, when it first matches; a finding whenever it is seen anew. `take` may be called by one
    thread.
    """

    def __init__(
        self, session: Session, matching: Filter | None, wanted: Callable[[Finding], bool] | None = None
    ) -> None:
        self._session = session
        self._matching = matching
        self._wanted = wanted
        self._hits: deque[Hit] = deque(maxlen=_MOST_WAITING)
        self._noticed: dict[int, None] = {}
        self._counts: dict[str, int] = {}
        self._version = -1
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to notice. What is found already does not count."""
        with self._session.lock:
            self._findings()
            self._hits.clear()
            if self._matching is not None:
                self._unwatch = self._session.watch(self._watch, self._look, self._look)

    def stop(self) -> None:
        """Notice no more."""
        self._unwatch()

    def take(self) -> list[Hit]:
        """What was noticed since the last call, oldest first; of very many the latest."""
        with self._session.lock:
            self._findings()
            found = list(self._hits)
            self._hits.clear()
        return found

    def _watch(self, message: Message, exchange: Exchange) -> None:
        """On the tap's thread, under the session's lock."""
        if message.kind is not Kind.GAP:
            self._look(exchange, message.at)

    def _look(self, exchange: Exchange, at: float | None = None) -> None:
        if self._matching is None or exchange.number in self._noticed or exchange.flags & Flag.CONTROL:
            return
        if not self._matching(exchange):
            return
        remember(self._noticed, exchange.number, None, _MOST_REMEMBERED)
        target, action = exchange.target or "", exchange.action or ""
        now = self._session.clock() if at is None else at
        self._hits.append(Hit(now, exchange.opened.at, exchange.number, target, action, exchange.state.value))

    def _findings(self) -> None:
        book = self._session.findings.book
        if self._wanted is None or book.version == self._version:
            return
        self._version = book.version
        # Services tell of the time before this console looked as well, and that may come any time.
        since = (self._session.status.remembered or 0.0) - _APART
        for finding in book:
            if finding.count <= self._counts.get(finding.id, 0):
                continue
            self._counts[finding.id] = finding.count
            if finding.last >= since and self._wanted(finding):
                number = finding.evidence[-1] if finding.evidence else 0
                text = f"{finding.rule}: {finding.text}"
                self._hits.append(Hit(finding.last, finding.last, number, finding.service, finding.action, text))
