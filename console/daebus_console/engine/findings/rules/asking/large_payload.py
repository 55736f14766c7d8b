"""large-payload: a message ten times as large as any of its kind before."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.bounded import Lately
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.growing import RUN, Growing, Growth
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call
from daebus_console.engine.message.exchange import Exchange
from daebus_console.render import size as size_of

_LEAST_SEEN = 50
_TIMES = 10
_FROM = 16_000
_MOST = 1_000


class _Sizes(Growing):
    """How many of a kind were seen, and how large the largest was; and when they began to grow."""

    __slots__ = ("count", "largest", "since")

    def __init__(self) -> None:
        super().__init__()
        self.count = self.largest = 0
        self.since = 0.0


class Found(Rule):
    """Remembers the largest request and answer of each action, and of each channel."""

    name = "large-payload"
    severity = Severity.INFO
    title = "a message ten times its usual size, or messages that grow and grow"
    page = """\
A request, an answer or a broadcast is ten times as large as the largest of its kind before it, and larger than
16 kB: a list without a limit, a picture in a field, or an object that holds all the others.

Or those of a kind grow with each one: a history that is sent along, a list to which everything is added.

It is thought so because fifty or more of its kind were seen before, and none came near; or because five times in a
row twenty or more were each larger than all those before, and are twice as large by now.

Redis sends each message to every subscriber: look at what is in it (enter on the exchange), and limit it."""

    def begin(self) -> None:
        self._seen: Lately[tuple[str, str, str], _Sizes] = Lately(_MOST, _Sizes)

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
        seen = self._seen.use(key, self.world.now)
        if seen is None:
            return
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
        if not seen.runs:
            seen.since = exchanges[0].ended if key[2] == "answer" else exchanges[0].opened.at
        grown = seen.grow(sizes)
        # Of what was asked at once the larger answers may come later.
        if grown is not None and grown.least >= _FROM and exchanges[grown.at].opened.at > seen.since:
            self._tell_growth(key, exchanges[grown.at], grown)

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
            text=f"{of} has {size_of(size)}, ten times as much as any before",
            because=f"{seen.count} were seen before it, the largest with {size_of(seen.largest)}",
            advice="look at what is in it; lists want a limit, and pictures another way",
        )

    def _tell_growth(self, key: tuple[str, str, str], exchange: Exchange, grown: Growth) -> None:
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
            text=f"{of} grow and grow: they had {size_of(int(grown.began))}, and have {size_of(int(grown.now))} now",
            because=f"{grown.runs} times in a row each of {RUN} or more was larger than all of those before",
            advice="look at what is added to it each time, and limit that: the latest only, or pages",
        )
