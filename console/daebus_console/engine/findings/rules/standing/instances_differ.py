"""instances-differ: instances of one service that are not of the same kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Finding, Severity
from daebus_console.engine.findings.instances import Instance
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import shown, to

_MOST_NAMED = 3
_MOST = 1_000
_BESIDE = 5.0
"""Seconds for which they are to be seen beside each other: what takes the place of others is so for a moment."""
_OVER = {"have": "had", "run": "ran", "use": "used"}
"""What they do that differ, and what they did where they differ no more."""


class Found(Rule):
    """Compares the instances of a service with each other, each time one tells of itself."""

    name = "instances-differ"
    severity = Severity.WARNING
    title = "instances of one service with different actions, versions or databases"
    page = """\
Two instances of a service run beside each other and have not the same actions, or not the same version of the
framework: what a caller gets depends on who answers. An update that did not reach all of them looks like this,
and so does a second service that took the name of another. Or they use different databases of Redis: messages pass
all the same, and what they keep there (`cache`) they do not share.

It is thought so because each told what it has, and again five seconds later or more. Instances that share no action
at all are taken for two services that share a channel on purpose. Once those that are there differ no more, that is
said.

Restart the older ones. Different versions of the framework alone are only worth to know."""

    def begin(self) -> None:
        self._told: dict[tuple[str, str], Finding] = {}
        """What was told of those that differ yet, by service and by what."""

    def told(self, service: str, instance: Instance) -> None:
        """Compare it with those that were there all the time since it came."""
        here = self.world.instances.here(service)
        self._tell_over(service, here)
        for other in here:
            if other is instance or not _beside(instance, other):
                continue
            if instance.actions != other.actions and instance.actions & other.actions:
                names = sorted(instance.actions ^ other.actions)
                listed = ", ".join(shown(name, text=True) for name in names[:_MOST_NAMED])
                listed += f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
                self._tell(service, Severity.WARNING, "actions", f"have not the same actions: {listed} on some only")
            elif instance.version != other.version and instance.version and other.version:
                versions = " and ".join(sorted({shown(instance.version), shown(other.version)}))
                self._tell(service, Severity.INFO, "versions", f"run different versions of daebus: {versions}")
            databases = {instance.database, other.database} - {None}
            if len(databases) > 1 and instance.actions & other.actions:
                numbers = " and ".join(sorted(map(str, databases), key=int))
                what = (
                    f"use different databases of Redis, {numbers}: what one puts into `cache` the other does not find"
                )
                advice = f"give all instances of {shown(service)} the same URL; messages pass whatever the number is"
                self._tell(service, Severity.WARNING, "databases", what, advice)

    def _tell(self, service: str, severity: Severity, about: str, what: str, advice: str = "") -> None:
        finding = self.book.report(
            self.name,
            severity,
            self.world.now,
            service=service,
            about=about,
            text=f"instances of {shown(service)} {what}",
            because="they ran beside each other for five seconds or more, and told so of themselves",
            advice=advice or f"restart the instances of {shown(service)} that are behind",
            where=to(service),
        )
        if finding is not None:
            remember(self._told, (service, about), finding, _MOST)

    def _tell_over(self, service: str, here: Sequence[Instance]) -> None:
        """Those that are there may differ no more."""
        now: dict[str, set[Any]] = {
            "actions": {one.actions for one in here},
            "versions": {one.version for one in here},
            "databases": {one.database for one in here},
        }
        for about, found in now.items():
            finding = self._told.pop((service, about), None) if len(found) == 1 else None
            if finding is not None:
                what = finding.text.removeprefix(f"instances of {shown(service)} ")
                verb, _, rest = what.partition(" ")
                text = f"instances of {shown(service)} {_OVER[verb]} {rest}; those that are there now do not differ"
                advice = "nothing is to be done where one took the place of the other"
                self.book.retell(finding, text, finding.because, advice)


def _beside(one: Instance, other: Instance) -> bool:
    """Whether both were there for a while: neither has just taken the place of the other."""
    return min(one.last, other.last) - max(one.first, other.first) >= _BESIDE
