"""queue-grows: more comes to an instance than its workers get done."""

from __future__ import annotations

from itertools import pairwise

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.instances import Instance
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import shown, to

_RISES = 3
_LEAST = 10
_MOST = 2_000
_APART = 1.0


class Found(Rule):
    """Follows what each instance tells of its queue."""

    name = "queue-grows"
    severity = Severity.WARNING
    title = "a queue that grows, or workers that are all busy"
    page = """\
What waits for a worker of an instance becomes more each time it is asked, three times in a row, or its queue is
full. Where all workers are busy and something waits twice in a row, that is told as well, as worth to know.

It is thought so because the instance tells so itself (`services NAME` shows it); it is asked every ten seconds.

Find out what the handlers wait for; then more workers (`max_workers`), or more instances with `shared=True`."""

    def begin(self) -> None:
        self._seen: dict[tuple[str, str], tuple[float, list[int], bool]] = {}

    def told(self, service: str, instance: Instance) -> None:
        """How many wait now?"""
        told, key = instance.figures, (service, instance.name)
        if told.queued is None:
            return
        at, sizes, was_busy = self._seen.get(key, (0.0, [], False))
        if sizes and instance.last - at < _APART:
            return
        sizes = [*sizes, told.queued][-_RISES - 1 :]
        busy = told.workers is not None and told.busy == told.workers > 0 and told.queued > 0
        remember(self._seen, key, (instance.last, sizes, busy), _MOST)
        full = told.room is not None and told.queued >= told.room > 0
        rising = len(sizes) > _RISES and all(a < b for a, b in pairwise(sizes))
        if full:
            self._tell(service, Severity.ERROR, f"the queue of {shown(service)} is full: {told.queued} messages wait")
        elif rising and told.queued >= _LEAST:
            grown = ", ".join(map(str, sizes))
            self._tell(service, Severity.WARNING, f"the queue of {shown(service)} grows: {grown} messages waited")
        elif busy and was_busy:
            self._tell(
                service,
                Severity.INFO,
                f"{_workers(service, told.workers)} busy, and {told.queued} {_wait(told.queued)}",
            )

    def _tell(self, service: str, severity: Severity, text: str) -> None:
        held = self.world.held(service, self.world.now)
        because, advice = "an instance of it told so each time it was asked", "find out what its handlers wait for"
        if held is not None:
            text, because = f"{text}; {held.text}", f"{because}; {held.because}"
            if held.below:
                advice = held.advice
        self.book.report(
            self.name,
            severity,
            self.world.now,
            service=service,
            text=text,
            because=because,
            advice=f"{advice}; then more workers, or more instances with shared=True",
            where=to(service),
        )


def _workers(service: str, count: int | None) -> str:
    return f"the only worker of {shown(service)} is" if count == 1 else f"all {count} workers of {shown(service)} are"


def _wait(count: int) -> str:
    return "waits" if count == 1 else "wait"
