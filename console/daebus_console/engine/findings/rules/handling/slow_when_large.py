"""slow-when-large: an action whose large messages alone are slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median, quantiles

from daebus_console.engine.bounded import Lately
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, to
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.render import size

_OF_A_GROUP = 8
"""Answers that are looked at, of those that came together; twice as many at most."""
_LATEST = 300
_EVERY = 20
_LARGE, _SMALL = 8, 30
"""So many of each there are to be, at the least."""
_TIMES_LARGER = 8
_FROM_SIZE = 16_000
_TIMES_SLOWER = 5
_FROM = 0.05
_MOST = 500

_Sample = tuple[float, int, int, int]
"""Seconds until the answer, bytes of the request, bytes of the answer, and the number of the exchange."""


class _Samples:
    """The latest of an action; `new` are those since it was judged, `small` those since one that was large."""

    __slots__ = ("latest", "new", "small", "told")

    def __init__(self) -> None:
        self.latest: deque[_Sample] = deque(maxlen=_LATEST)
        self.new = self.small = 0
        self.told: deque[int] = deque(maxlen=_LATEST)


class Found(Rule):
    """Compares how long an action takes where its request, or its answer, is large with how long it takes else."""

    name = "slow-when-large"
    severity = Severity.INFO
    title = "an action that is slow only where its messages are large"
    page = """\
An action answers quickly, but for those of its requests, or answers, that are eight times as large as most or more:
these take five times as long and more than 50 ms. Its average says little: it has two kinds of callers.

It is thought so because nine of ten of the large ones took longer than nine of ten of the others, of eight large
ones and thirty others at the least. That the size is the reason is likely, and not certain: `contrast` tells what
else the slow ones have in common.

Give it less to do at once: pages, a limit, a stream of parts."""

    def begin(self) -> None:
        self._of: Lately[tuple[str, str], _Samples] = Lately(_MOST, _Samples)

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """A few answers of each group are enough: there are many groups."""
        samples = self._of.use((service, action), self.world.now)
        if samples is None:
            return
        for one in exchanges[:: max(1, len(exchanges) // _OF_A_GROUP)]:
            answer = one.answer
            if answer is None or answer.error or one.flags & (Flag.TIMELESS | Flag.STREAM):
                continue
            took = answer.at - one.opened.at
            asked, answered = len(one.asking.data), len(answer.data)
            samples.latest.append((took, asked, answered, one.number))
            samples.new += 1
            samples.small = 0 if asked >= _FROM_SIZE or answered >= _FROM_SIZE else samples.small + 1
        if samples.new >= _EVERY:
            samples.new = 0
            if samples.small >= len(samples.latest):
                return
            for what, place in (("request", 1), ("answer", 2)):
                if self._judge(service, action, samples, what, place):
                    break

    def lost(self) -> None:
        """The clock may have stepped."""
        self._of.clear()

    def _judge(self, service: str, action: str, samples: _Samples, what: str, place: int) -> bool:
        found = samples.latest
        bound = max(_FROM_SIZE, _TIMES_LARGER * median(one[place] for one in found))
        large = [one for one in found if one[place] >= bound]
        small = [one[0] for one in found if one[place] < bound]
        if len(large) < _LARGE or len(small) < _SMALL:
            return False
        slow, quick = median(one[0] for one in large), median(small)
        if slow < _FROM or slow < _TIMES_SLOWER * quick:
            return False
        if quantiles((one[0] for one in large), n=10)[0] <= quantiles(small, n=10)[-1]:
            return False
        new = [one[3] for one in large if one[3] not in samples.told]
        samples.told.extend(new)
        if not new:
            return True
        name, least = call(service, action), min(one[place] for one in large)
        where = f"{to(service, action)} latency:>{(slow + quick) * 500:.0f}ms"
        self.book.report(
            self.name,
            self.severity,
            self.world.now,
            new,
            service=service,
            action=action,
            about=what,
            text=f"{name} takes {duration(slow)} where its {what} is large, and {duration(quick)} otherwise",
            because=f"the medians of {len(large)} with {what}s of {size(int(least))} or more and of {len(small)}"
            " smaller ones are compared, and hardly any of these was as slow",
            advice=f"give it less to do at once: pages, a limit, a stream; contrast {where} tells what else they have"
            " in common",
            where=where,
            count=len(new),
        )
        return True
