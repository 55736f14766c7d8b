"""asked-again: the same request again, right after it failed or timed out."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import raw
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, to
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State

_MOST = 500
_MOST_OF_ONE = 16
_AFTER_ERROR = 0.2
_AFTER_TIMEOUT = 1.0


class _Attempts:
    """One request that failed: when, and all the times it was sent so far."""

    __slots__ = ("ended", "latest", "payload", "sent")

    def __init__(self, first: Exchange, payload: bytes, ended: float) -> None:
        self.sent = [first.number]
        self.latest = first
        self.payload = payload
        self.ended = ended


class Found(Rule):
    """Remembers what failed lately, and knows it again by its payload."""

    name = "asked-again"
    severity = Severity.WARNING
    title = "the same request again within seconds"
    page = """\
The same program sends the same request again as soon as it fails: three times or more, within a fifth of a second
after each error or a second after each timeout. A service that is down or slow gets more to do for it, not
less. Twice is enough where the first one timed out and its work was done after all: then it was done twice.

It is thought so because asker, action, payload and the request it was made for are the same.

Wait longer between two attempts (and each time longer than before), give up after some, and let actions that
change something bear to be done twice, as with an id of the order that is remembered."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._failed: dict[tuple[str, str], list[_Attempts]] = {}

    def failed(self, exchange: Exchange) -> None:
        """Remember what failed."""
        if exchange.state is State.ERROR and exchange.answer is not None:
            self._remember(exchange.target or "", exchange.action or "", exchange, exchange.answer.at)

    def expired(self, exchange: Exchange) -> None:
        """A timeout that the asker had named."""
        service = self.world.directory.services.get(exchange.target or "")
        # Where nobody serves it, who asks is told so at once, and has not waited until now.
        if exchange.flags & Flag.DECLARED and (service is None or service.subscribers or self.world.polled is None):
            self._remember(exchange.target or "", exchange.action or "", exchange, exchange.deadline)

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Is it one of those?"""
        failed = self._failed.get((service, action))
        if not failed:
            return
        for one in exchanges:
            if one.kind is not Kind.REQUEST:
                continue
            payload = raw(one.opened.data)
            for attempts in failed:
                before = attempts.latest
                if attempts.payload == payload and (before.source, before.parent_id) == (one.source, one.parent_id):
                    self._again(attempts, one)
                    break

    def lost(self) -> None:
        """What comes next may not be what came next."""
        self._failed.clear()

    def _remember(self, service: str, action: str, exchange: Exchange, at: float) -> None:
        failed = self._failed.get((service, action))
        if failed is None:
            if len(self._failed) >= _MOST:
                del self._failed[next(iter(self._failed))]
            failed = self._failed[service, action] = []
        for attempts in failed:
            if attempts.latest is exchange:
                attempts.ended = at
                return
        payload = raw(exchange.opened.data)
        if payload is not None:
            failed.append(_Attempts(exchange, payload, at))
            del failed[:-_MOST_OF_ONE]

    def _again(self, attempts: _Attempts, exchange: Exchange) -> None:
        before, pause = attempts.latest, exchange.opened.at - attempts.ended
        timed_out = before.state is State.TIMEOUT
        if before is exchange or pause < 0:
            return
        attempts.latest = exchange
        if pause > (_AFTER_TIMEOUT if timed_out else _AFTER_ERROR):
            attempts.sent = [exchange.number]
            return
        attempts.sent.append(exchange.number)
        late = timed_out and before.answer is not None and not before.answer.error
        if len(attempts.sent) < 3 and not late:
            return
        name = call(exchange.target, exchange.action)
        times = f"{len(attempts.sent)} times" if len(attempts.sent) > 2 else "twice"
        self.book.report(
            self.name,
            self.severity,
            exchange.opened.at,
            attempts.sent[-5:],
            service=exchange.target or "",
            action=exchange.action or "",
            text=f"the same request to {name} was sent {times} in a row, {duration(max(pause, 0.001))} after it"
            + (" timed out; the work of the first was done" if late else " timed out" if timed_out else " failed"),
            because="asker, action and payload are the same, and the one before had just failed",
            advice="wait between two attempts, each time longer, and give up after some",
            where=to(exchange.target or "", exchange.action or ""),
        )
