"""swallowed-error: a call failed, and whoever made it answered that all went well."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.families import Family
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, shown
from daebus_console.engine.message.exchange import Exchange, Kind, State

_LONGEST = 60
_OK = State.OK
_BEFORE_TIMEOUT = 0.05
"""An asker has begun to wait before its request is seen here: it gives up that much earlier at the most."""
_MOST = 1_000


class Found(Rule):
    """Looks at the calls of a handler once it has answered with success."""

    name = "swallowed-error"
    severity = Severity.WARNING
    of_harm = True
    title = "an error below, success above"
    page = """\
A handler called another service, that call failed, and the handler answered with success: its caller does not
learn of the failure.

It is thought so because the call names the request it was made for (`parent_id`), it ended with an error or
without an answer, no later call of that request to the same action went well, and the request was answered with
success.

Look at the answer: where what it says is true without that call, all is well, and you may mark this as known.
Else let the error rise: without a try around the call, or with `return response.error(error)`."""

    def begin(self) -> None:
        self._undecided: dict[int, Exchange] = {}
        """Those that answered with success just as a call of theirs ran out of time, by the number of that call."""

    def closed(self, parent: Exchange, family: Family) -> None:
        """The handler has ended: compare what it said with what it had been told."""
        answer = parent.answer
        if parent.state is not State.OK or answer is None:
            return
        # Nearly always all of them went well.
        for one in family.calls:
            if one.state is not _OK:
                break
        else:
            return
        failed: dict[tuple[str | None, str | None], Exchange] = {}
        for one in family.calls:
            if one.kind is not Kind.REQUEST:
                continue
            key = (one.target, one.action)
            if one.state is State.OK:
                failed.pop(key, None)
            elif _had_failed(one, answer.at):
                failed[key] = one
        if family.beyond:
            return
        for one in failed.values():
            if one.state is State.PENDING:
                remember(self._undecided, one.number, parent, _MOST)
            else:
                self._tell(parent, one, answer.at)

    def expired(self, exchange: Exchange) -> None:
        """Its time is over: its caller had given up when that one answered."""
        parent = self._undecided.pop(exchange.number, None)
        if parent is not None and parent.answer is not None:
            self._tell(parent, exchange, parent.answer.at)

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """It was answered after all: in time, or when its time was over."""
        del service, action
        if not self._undecided:
            return
        for one in exchanges:
            if one.state is State.TIMEOUT:
                self.expired(one)
            else:
                self._undecided.pop(one.number, None)

    def lost(self) -> None:
        """An answer may be among what was not seen."""
        self._undecided.clear()

    def _tell(self, parent: Exchange, failed: Exchange, at: float) -> None:
        above, below = call(parent.target, parent.action), call(failed.target, failed.action)
        how = f"with {shown(failed.aside.code[:_LONGEST], text=True)}" if failed.aside.code else "with an error"
        if failed.state is State.TIMEOUT:
            how = "without an answer in time"
        self.book.report(
            self.name,
            self.severity,
            at,
            [parent.number, failed.number],
            service=parent.target or "",
            action=parent.action or "",
            about=f"{failed.target} {failed.action}",
            text=f"{above} answered with success, though its call to {below} ended {how}",
            because=f"#{failed.number} was made for #{parent.number} and failed; #{parent.number} was answered with"
            " success after that",
            advice=f"see whether the answer of {above} is true without {below}; else let the error rise",
        )


def _had_failed(call_: Exchange, at: float) -> bool:
    """Whether its caller had been told of a failure by then, or had given up: as nearly as that can be seen."""
    if call_.state is State.ERROR:
        return call_.answer is not None and call_.answer.at <= at
    waited = call_.until - call_.opened.at
    return call_.state in (State.TIMEOUT, State.PENDING) and call_.until - min(_BEFORE_TIMEOUT, waited / 5) <= at
