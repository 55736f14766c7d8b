"""silent-instance: it is subscribed, and tells nothing of itself."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Finding, Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import shown, to

_FOR = 25.0
"""Seconds in which each is asked twice; longer where there are many services, which are asked in turns."""
_A_SECOND = 50
"""Services that are asked in a second."""


class Found(Rule):
    """Counts who is subscribed to the control channel of a service, and who answers there."""

    name = "silent-instance"
    severity = Severity.WARNING
    title = "an instance that is subscribed and answers nothing"
    page = """\
More processes are subscribed to the control channel of a service than answer there: one of them hangs as a
whole, was stopped by a debugger, or is a connection that its process has forgotten. Requests that it shares
with others may be lost in it.

It is thought so because Redis counts the subscribers, and each instance answers on that channel from a thread
of its own, however busy its workers are; it has not for 25 s or more, in which each was asked twice, while others
answered. Once all that are subscribed answer, that is said beside: it went on, or was started anew.

`ping SERVICE` names those that answer; the one that is missing there is the one to restart."""

    def begin(self) -> None:
        self._since: dict[str, float] = {}
        self._told: dict[str, Finding] = {}
        """What was told of those of which some are silent yet."""

    def look(self) -> None:
        """Who is missing, and since when?"""
        world, now = self.world, self.world.now
        services = [one for one in world.directory.services.values() if one.framework and one.gone is None]
        for_ = max(_FOR, 2.5 * len(services) / _A_SECOND)
        if world.polled is None or not world.directory.counted or now - world.instances.heard > for_ / 2:
            self._since.clear()
            return
        missing = {}
        for service in services:
            if service.subscribers < 1 or not service.asked:
                continue
            told = world.instances.of(service.name)
            if service.subscribers <= sum(now - one.last < for_ / 2 for one in told):
                self._tell_back(service.name)
                continue
            since = missing[service.name] = self._since.get(service.name, now)
            silent = max((one.last for one in told if now - one.last >= for_), default=since)
            answering = sum(now - one.last < for_ for one in told)
            # One that has just come is asked at once, and one that left is not subscribed any more.
            if service.subscribers > answering and now - since >= for_ / 2 and now - silent >= for_:
                self._tell(service.name, service.subscribers, answering, for_)
                missing[service.name] = now
        self._since = missing

    def lost(self) -> None:
        """Answers may have gone unseen."""
        self._since.clear()

    def _tell(self, service: str, subscribed: int, answering: int, seconds: float) -> None:
        silent = subscribed - answering
        who = "an instance" if silent == 1 else f"{silent} instances"
        finding = self.book.report(
            self.name,
            self.severity,
            self.world.now,
            service=service,
            text=f"{who} of {shown(service)} {'is' if silent == 1 else 'are'} subscribed and"
            f" answer{'s' * (silent == 1)} nothing",
            because=f"{subscribed} are subscribed to its control channel, and {answering} answered there in"
            f" {seconds:.0f} s",
            advice=f"ping {shown(service)} names those that answer; restart the one that is missing",
            where=to(service),
        )
        if finding is not None:
            self._told[service] = finding

    def _tell_back(self, service: str) -> None:
        """All of them answer: it went on, or another one has taken its place."""
        finding = self._told.pop(service, None)
        if finding is not None:
            who = finding.text.partition(" of ")[0]
            text = f"{who} of {shown(service)} answered nothing for a while; all that are there answer now"
            advice = f"look at the log of {shown(service)}: was it paused, or held as a whole by what it did?"
            self.book.retell(finding, text, finding.because, advice)
