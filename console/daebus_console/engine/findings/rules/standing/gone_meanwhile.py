"""gone-meanwhile: a service went away while requests to it were under way."""

from __future__ import annotations

from daebus_console.dates import clock
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import quoted, shown, to
from daebus_console.engine.message.exchange import Exchange, Kind

_SURE = 0.1
"""Seconds before a look at who is subscribed, for which what it found was so."""
_UNSEEN = 3.0
"""Seconds for which a service that is started anew may not be there between two of those looks."""


class Found(Rule):
    """Looks at what became of a service when a request to it ran out of time."""

    name = "gone-meanwhile"
    severity = Severity.ERROR
    title = "a service that went away while requests were under way"
    page = """\
Requests were sent to a service that was there, and got no answer: before their time was over nobody was subscribed
to its channel any more, or all its instances had been started anew. What they were to do may be done in part.

It is thought so because Redis listed its subscribers, and none since then; or because each instance that is there
tells that it began later than the requests were sent. A service of this framework that is stopped finishes what
runs and answers what waits: this one was killed, ran out of memory, or ended by itself (os._exit, a fault in a
library written in C).

Look at its log, at what ended it (`dmesg` names processes that were killed for want of memory), and at what it was
asked last."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._here: dict[str, float] = {}
        self._left: dict[str, float] = {}
        """When services were seen to be there the last time, now and before they went the last time."""
        self._back: dict[str, float] = {}
        """When those that had gone were seen to be there again."""

    def look(self) -> None:
        """Who is there?"""
        polled = self.world.polled
        if polled is None:
            return
        here: dict[str, float] = {}
        for one in self.world.directory.services.values():
            if one.framework and one.subscribers:
                here[one.name] = polled
        self._back |= {name: polled for name in here if name not in self._here and name in self._left}
        gone = {name: at for name, at in self._here.items() if name not in here}
        self._left = {name: at for name, at in {**self._left, **gone}.items() if name in self.world.directory.services}
        self._back = {name: at for name, at in self._back.items() if name in here}
        self._here = here

    def lost(self) -> None:
        """Whoever was there meanwhile is not known."""
        self._here.clear()
        self._left.clear()
        self._back.clear()

    def expired(self, exchange: Exchange) -> None:
        """It got no answer: was anybody left to give it?"""
        service = exchange.target or ""
        entry = self.world.directory.services.get(service)
        if exchange.kind is not Kind.REQUEST or exchange.answer is not None or entry is None or not entry.framework:
            return
        sent, until = exchange.opened.at, exchange.until
        self.look()
        left = self._left.get(service)
        if entry.gone is not None:
            at, how = entry.gone, "Redis lists no subscriber of its channel since"
        else:
            here = self.world.instances.here(service)
            began = [one.last - one.figures.up for one in here if one.figures.up is not None]
            if not began or len(began) < max(len(here), entry.subscribers):
                return
            at, how = min(began), "each instance that is there now was started later, the first at"
            if left is None or sent > self._back.get(service, sent):
                left = at - _UNSEEN
        # What is sent in the moment between the last look and its end may have reached nobody.
        if left is None or not sent < left - _SURE or at > until:
            return
        self.book.report(
            self.name,
            self.severity,
            at,
            [exchange.number],
            service=service,
            text=f"{quoted(service)} went away while requests to it were under way: they got no answer",
            because=f"{how} {clock(at)}, and #{exchange.number} had been sent at {clock(sent)}; one that is stopped"
            " answers before it goes",
            advice=f"look at the log of {shown(service)}, and at what it was asked just before: was it killed?",
            where=f"{to(service)} status:timeout",
            since=sent,
        )
