"""fails-since: an action that went well, and from a moment on fails with the same error every time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from daebus_console.dates import clock
from daebus_console.engine.bounded import Lately
from daebus_console.engine.findings import payloads
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.kinds import MISTAKES, NEEDS, RISING, is_meant
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, shown, to
from daebus_console.engine.message.exchange import DAEBUS, Exchange, State
from daebus_console.text import beginning, clean

_BEFORE = 30
_SINCE = 20
_WELL = 0.95
_LASTS = 1.0
_VARIOUS = 3
_MOST = 2_000
_LONGEST = 200
_RAISED = "handler_error"
_TOLD = MISTAKES | NEEDS.keys() | RISING
"""Exceptions that are told of in any case, or where they arose."""


class _Ends:
    """How the answers of an action ended: the latest `before` the errors that are the same since `since`.

    `well_at` is when the last came that was none of these: those that come together are told of in no certain order.
    `asked` are hashes of the first payloads that differ.
    """

    __slots__ = ("asked", "before", "count", "error", "first", "since", "told", "well_at")

    def __init__(self) -> None:
        self.before: deque[bool] = deque(maxlen=2 * _BEFORE)
        self.error: tuple[str, str] | None = None
        self.since = self.well_at = 0.0
        self.first: list[int] = []
        self.asked: set[int] = set()
        self.count = 0
        self.told = False

    def over(self) -> None:
        """An answer is no error, or another one."""
        self.before.extend([False] * min(self.count, _BEFORE))
        self.error, self.first, self.asked, self.count, self.told = None, [], set(), 0, False

    def failed(self, one: Exchange) -> None:
        """One more ended so."""
        self.count += 1
        if len(self.first) < _SINCE:
            self.first.append(one.number)
        if len(self.asked) < _VARIOUS:
            payload = payloads.raw(one.asking.data)
            # What is asked without anything is asked of the whole.
            self.asked |= set(range(_VARIOUS)) if payload in (None, b"{}") else {hash(payload)}


class Found(Rule):
    """Follows how the answers of each action end."""

    name = "fails-since"
    severity = Severity.WARNING
    title = "an action that fails since a moment, every time"
    page = """\
An action was answered well, and from a moment on each of its answers is the same error: something that all of its
requests need has gone or changed at that time. A token has expired, or a dependency was changed.

It is thought so because of thirty answers or more before hardly one was an error, and of twenty or more since then
each is, with the same type and the same text, which its handler raised, whatever was asked for. Texts that differ
(such as one with the id that was not found) are taken for answers, and so are types that say that something is not
there, not valid, not allowed or too much. Once it goes well again, that is said.

Look at what happened at that time: the log of the service (`logs SERVICE`), a deployment, another service."""

    def begin(self) -> None:
        self._of: Lately[tuple[str, str], _Ends] = Lately(_MOST, _Ends)

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Count what went well, and errors that are all the same."""
        ends = self._of.use((service, action), self.world.now)
        if ends is None:
            return
        for one in exchanges:
            error = _error(one) if one.state is State.ERROR else None
            if error is None:
                at = one.answer.at if one.answer is not None else 0.0
                if ends.count:
                    self._over(service, action, ends, at)
                ends.before.append(one.state is not State.ERROR)
                ends.well_at = max(ends.well_at, at)
            else:
                self._failed(service, action, ends, one, error)

    def lost(self) -> None:
        """Answers may have gone unseen."""
        self._of.clear()

    def _failed(self, service: str, action: str, ends: _Ends, one: Exchange, error: tuple[str, str]) -> None:
        at = one.ended
        if at <= ends.well_at:
            ends.before.append(False)
            return
        if error != ends.error:
            if ends.count:
                self._over(service, action, ends, at)
            ends.error, ends.since = error, at
        ends.failed(one)
        before = len(ends.before)
        if ends.count < _SINCE or at - ends.since < _LASTS or ends.since < self.world.in_part:
            return
        if before < _BEFORE or sum(ends.before) < _WELL * before or len(ends.asked) < _VARIOUS:
            return
        new = not ends.told
        ends.told = True
        self._tell(service, action, ends, at, ends.first[:5] if new else [one.number], ends.count if new else 1)

    def _over(self, service: str, action: str, ends: _Ends, at: float) -> None:
        """It failed so until then."""
        if ends.told:
            self._tell(service, action, ends, ends.since, [], 0, until=at)
        ends.over()

    def _tell(
        self,
        service: str,
        action: str,
        ends: _Ends,
        at: float,
        evidence: Sequence[int],
        count: int,
        until: float | None = None,
    ) -> None:
        kind, said = ends.error or ("", "")
        since = clock(ends.since)
        when = (
            f"fails every time since {since}" if until is None else f"failed every time from {since} to {clock(until)}"
        )
        self.book.report(
            self.name,
            self.severity,
            at,
            evidence,
            service=service,
            action=action,
            text=f"{call(service, action)} {when}, with {clean(kind)}: {beginning(said, _LONGEST)}",
            because=f"{sum(ends.before)} of {len(ends.before)} answers before that were no errors, and each of the"
            f" {ends.count} " + ("since then" if until is None else "until then") + " is the same",
            advice=f"look at what happened at {since}: logs {shown(service)} level:error; a deployment, what it"
            " depends on",
            where=f"{to(service, action)} status:error",
            count=count,
            since=ends.since,
        )


def _error(one: Exchange) -> tuple[str, str] | None:
    """Type and text of the error where its handler raised it."""
    if one.aside.code != _RAISED or one.dialect != DAEBUS or one.answer is None:
        return None
    kind, said = payloads.error_of(one)
    if not kind or not said or kind in _TOLD or is_meant(kind):
        return None
    return kind, said
