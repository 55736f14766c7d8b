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


class Found(Rule):
    """Remembers the largest request and answer of each action, and of each channel."""

    name = "large-payload"
    severity = Severity.INFO
    title = "a message ten times its usual size"
    page = """\
A request, an answer or a broadcast is ten times as large as the largest of its kind before it, and larger than
16 kB: a list without a limit, a picture in a field, or an object that holds all the others.

It is thought so because fifty or more of its kind were seen before, and none came near.

Redis sends each message to every subscriber: look at what is in it (enter on the exchange), and limit it."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._seen: dict[tuple[str, str, str], list[int]] = {}

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
            seen = self._seen[key] = [0, 0]
        largest = max(sizes)
        if largest < _FROM:
            seen[0] += len(sizes)
            seen[1] = max(seen[1], largest)
            return
        for exchange, size in zip(exchanges, sizes, strict=True):
            if size >= _FROM and seen[0] >= _LEAST_SEEN and size > _TIMES * seen[1]:
                self._tell(key, exchange, size, seen)
            seen[0] += 1
            seen[1] = max(seen[1], size)

    def _tell(self, key: tuple[str, str, str], exchange: Exchange, size: int, seen: list[int]) -> None:
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
            because=f"{seen[0]} were seen before it, the largest with {seen[1] / 1024:,.1f} kB",
            advice="look at what is in it; lists want a limit, and pictures another way",
            where=numbers([exchange.number]),
        )
