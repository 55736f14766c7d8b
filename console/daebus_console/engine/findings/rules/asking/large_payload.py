"""large-payload: a message ten times as large as any of its kind before."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, numbers
from daebus_console.engine.message.exchange import Exchange

_LEAST_SEEN = 50
_TIMES = 10
_FROM = 16 * 1024
_MOST = 1_000
_RUN, _RUNS, _GROWN = 20, 3, 2
"""It grows: three times in a row all of a run of twenty were larger than all of the run before, and have doubled."""


class _Sizes:
    """How many of a kind were seen, and how large the largest was.

    Runs of twenty or more are compared: `runs` is how many in a row were each larger, to the last one, than all of the
    run before, `least` the smallest of the latest run, and `began` the largest of the run before the first of them.
    """

    __slots__ = ("before", "began", "count", "largest", "least", "of_run", "runs", "smallest", "top")

    def __init__(self) -> None:
        self.count = self.largest = 0
        self.of_run = self.smallest = self.top = 0
        self.before = self.began = self.least = self.runs = 0

    def grow(self, sizes: list[int]) -> bool:
        """Take some more; whether a run has just ended that is larger than the one before, as some before it were."""
        grown = False
        for at in range(0, len(sizes), _RUN):
            grown |= self._run_on(sizes[at : at + _RUN])
        return grown

    def _run_on(self, sizes: list[int]) -> bool:
        low = min(sizes)
        self.smallest = min(self.smallest, low) if self.of_run else low
        self.top = max(self.top, max(sizes)) if self.of_run else max(sizes)
        self.of_run += len(sizes)
        if self.of_run < _RUN:
            return False
        self.of_run, self.least = 0, self.smallest
        if self.smallest > self.before > 0:
            self.began = self.began if self.runs else self.before
            self.runs += 1
        else:
            self.runs = 0
        self.before = self.top
        return self.runs >= _RUNS and self.least >= _GROWN * self.began


class Found(Rule):
    """Remembers the largest request and answer of each action, and of each channel."""

    name = "large-payload"
    severity = Severity.INFO
    title = "a message ten times its usual size, or messages that grow and grow"
    page = """\
A request, an answer or a broadcast is ten times as large as the largest of its kind before it, and larger than
16 kB: a list without a limit, a picture in a field, or an object that holds all the others.

Or those of a kind grow with each one: a history that is sent along, a list to which everything is added.

It is thought so because fifty or more of its kind were seen before, and none came near; or because three times in a
row twenty or more were each larger than all those before, and are twice as large by now.

Redis sends each message to every subscriber: look at what is in it (enter on the exchange), and limit it."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._seen: dict[tuple[str, str, str], _Sizes] = {}

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Compare the requests."""
        sizes = [len(one.asking.data) for one in exchanges]
        self._compare((service, action, "request"), exchanges, sizes)

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Compare the answers."""
        sizes = [len(one.answer.data) if one.answer is not None else 0 for one in exchanges]
        self._compare((service, action, "answer"), exchanges, sizes)

    def cast(self, exchange: Exchange) -> None:
        """Compare a broadcast."""
        self._compare((exchange.target or "", "", "broadcast"), (exchange,), [len(exchange.asking.data)])

    def _compare(self, key: tuple[str, str, str], exchanges: Sequence[Exchange], sizes: list[int]) -> None:
        seen = self._seen.get(key)
        if seen is None:
            if len(self._seen) >= _MOST:
                return
            seen = self._seen[key] = _Sizes()
        largest = max(sizes)
        if largest < _FROM:
            seen.count += len(sizes)
            seen.largest = max(seen.largest, largest)
        else:
            for exchange, size in zip(exchanges, sizes, strict=True):
                if size >= _FROM and seen.count >= _LEAST_SEEN and size > _TIMES * seen.largest:
                    self._tell(key, exchange, size, seen)
                seen.count += 1
                seen.largest = max(seen.largest, size)
        if seen.grow(sizes) and seen.least >= _FROM:
            self._tell_growth(key, exchanges[-1], seen)

    def _tell(self, key: tuple[str, str, str], exchange: Exchange, size: int, seen: _Sizes) -> None:
        service, action, what = key
        last = exchange.answer if what == "answer" and exchange.answer is not None else exchange.opened
        of = f"{'an' if what == 'answer' else 'a'} {what} {'on' if what == 'broadcast' else 'of'}"
        of += f" {call(service, action)}"
        self.book.report(
            self.name,
            self.severity,
            last.at,
            [exchange.number],
            service=service,
            action=action,
            about=what,
            text=f"{of} has {size / 1024:,.0f} kB, ten times as much as any before",
            because=f"{seen.count} were seen before it, the largest with {seen.largest / 1024:,.1f} kB",
            advice="look at what is in it; lists want a limit, and pictures another way",
            where=numbers([exchange.number]),
        )

    def _tell_growth(self, key: tuple[str, str, str], exchange: Exchange, seen: _Sizes) -> None:
        service, action, what = key
        last = exchange.answer if what == "answer" and exchange.answer is not None else exchange.opened
        of = f"{what}s {'on' if what == 'broadcast' else 'of'} {call(service, action)}"
        self.book.report(
            self.name,
            self.severity,
            last.at,
            [exchange.number],
            service=service,
            action=action,
            about=f"{what} grows",
            text=f"{of} grow and grow: they had {seen.began / 1024:,.0f} kB, and have {seen.before / 1024:,.0f} kB now",
            because=f"{seen.runs} times in a row each of {_RUN} or more was larger than all of those before",
            advice="look at what is added to it each time, and limit that: the latest only, or pages",
            where=numbers([exchange.number]),
        )
