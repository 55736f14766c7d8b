"""slower-and-slower: a handler that takes longer with each call."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.bounded import Lately
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.growing import RUN, Growing, Growth
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, to
from daebus_console.engine.message.exchange import DAEBUS, Exchange, State

_FROM = 0.02
"""Seconds in the handler from which on it matters."""
_MOST = 1_000
_ODD = 6
"""Of so many together the quickest and the slowest are left out, since time is never even: what is left is a run."""
_TOGETHER = RUN + 2 * _ODD


class _Times:
    """Of one handler: its times, the sizes of what it was asked, and when the last one ended that it was seen to end.

    `alone` is that one, as long as no other is known to have been under way meanwhile; `some` are those that are not
    compared yet.
    """

    __slots__ = ("alone", "ended", "sizes", "some", "times")

    def __init__(self) -> None:
        self.times, self.sizes = Growing(), Growing()
        self.some: list[tuple[float, int]] = []
        self.alone: Exchange | None = None
        self.ended = 0.0

    def compare(self, seconds: float, size: int) -> Growth | None:
        """Another one; how they grow, where they do and what is asked does not."""
        self.some.append((seconds, size))
        if len(self.some) < _TOGETHER:
            return None
        times, sizes = (sorted(some)[_ODD:-_ODD] for some in zip(*self.some, strict=True))
        self.some.clear()
        grown = self.times.grow(times)
        self.sizes.grow(sizes)
        return None if self.sizes.runs else grown

    def then(self, one: Exchange) -> Exchange | None:
        """Another one has ended; that before it, where it was alone."""
        before_that, ended = self.ended, one.ended
        if ended > before_that:
            self.ended = ended
        if one.opened.at < before_that:
            self.alone = None
            return None
        before, self.alone = self.alone, one
        return before


class Found(Rule):
    """Follows how long the handlers of each instance take."""

    name = "slower-and-slower"
    severity = Severity.WARNING
    title = "a handler that takes longer and longer"
    page = """\
The handler of an action takes longer with each call, and ends as a slow one: a list that is searched from its
beginning and only grows, a table without an index, a cache from which nothing goes. Or more is asked of it each time.

It is thought so because answers tell how long their handler took: five times in a row most of some thirty took longer
than most of those before, and twice as long by now. Only those are looked at that were asked one after
the other, since handlers that run at once may wait for each other; not those that called others meanwhile; and
nothing is said where what is asked grows as well.

Look for what it adds to, and what it goes through, each time. A restart helps for a while, where it is in the memory
of the process: that it does tells that it is there."""

    def begin(self) -> None:
        self._seen: Lately[tuple[str, str, str], _Times] = Lately(_MOST, _Times)

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Compare what went well, by instance."""
        seen: _Times | None = None
        latest = None
        families, now = self.world.families, self.world.now
        for one in exchanges:
            if one.elapsed is None or one.dialect != DAEBUS:
                continue
            if seen is None or one.instance != latest:
                latest = one.instance
                seen = self._seen.use((service, action, latest or ""), now)
                if seen is None:
                    continue
            alone = seen.then(one)
            if one.state is not State.OK or one.request_id in families:
                seen.alone = None
            if alone is not None:
                self._compare(service, action, seen, alone)

    def _compare(self, service: str, action: str, seen: _Times, one: Exchange) -> None:
        grown = seen.compare(one.elapsed or 0.0, len(one.asking.data))
        if grown is None or grown.least < _FROM:
            return
        self.book.report(
            self.name,
            self.severity,
            one.ended,
            [one.number],
            service=service,
            action=action,
            text=f"the handler of {call(service, action)} takes longer and longer: {duration(grown.began)} at"
            f" first, and {duration(grown.now)} now",
            because=f"{grown.runs} times in a row most of {_TOGETHER} took longer than most of those before",
            advice="look for what it adds to, or goes through, each time: a list, a table without an index; or"
            " whether more is asked of it",
            where=to(service, action),
        )

    def lost(self) -> None:
        """What was not seen may have been as quick as before."""
        self._seen.clear()
