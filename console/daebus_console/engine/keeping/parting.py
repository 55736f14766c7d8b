"""What our rules held, and do no more without our doing: its time was over, another let it go, it was called off."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from daebus_console.engine.holding.desk import Desk
from daebus_console.engine.holding.labels import named
from daebus_console.engine.holding.report import Hold, Report
from daebus_console.engine.holding.rule import LONGEST_HOLD
from daebus_console.engine.holding.suspended import SUSPENSION
from daebus_console.engine.holding.words import where
from daebus_console.engine.keeping.leases import Lapse
from daebus_console.engine.keeping.witness import Release, releases_since
from daebus_console.engine.message.envelope import CONTROL_PREFIX
from daebus_console.engine.session import Session
from daebus_console.naming import shown
from daebus_console.render import duration

_NEARLY = 0.1
"""Seconds by which the end of a hold is known too late: an answer that tells it has been under way."""
_ON_ITS_WAY = 10.0
"""Seconds that a release may have been under way: who stands still for longer has let all go."""


class _Fate(NamedTuple):
    """What became of a message, behind its name; and of several, of which the same became."""

    told: str
    of_several: str


class _Look(NamedTuple):
    """What is known as a report says that something is held no more. `now` and `seen_since` are the session's times."""

    report: Report
    lapse: Lapse | None
    now: float
    releases: list[Release]
    seen_since: float | None
    """Since when all releases that there are have been seen."""

    def began(self, hold: Hold) -> float:
        """When it was held first."""
        return self.now - (self.report.at - hold.since)


class Parting:
    """Tells of it, in the news of a desk: of each message once."""

    def __init__(self, session: Session, desk: Desk) -> None:
        self._session, self._desk = session, desk

    def lapsed(self, service: str, lapse: Lapse) -> None:
        """What our rules hold in a service has gone on, whoever tells of it: the lease is over.

        Hold the session's lock.
        """
        gone = self._desk.take_away(service)
        self._tell((hold, _over(hold, lapse.ended) or _held_no_more(lapse.why)) for hold in gone)

    def tell(self, before: Report | None, report: Report, lapse: Lapse | None) -> None:
        """An instance has told what it holds now, which the desk has taken. Hold the session's lock."""
        desk = self._desk
        if before is not None and (gone := [one for one in _gone(before, report) if one.owner == desk.owner]):
            look = self._look(before, report, lapse)
            self._tell((hold, self._fate(hold, look)) for hold in gone)
        still = {hold.key for hold in report.holds}
        desk.let_go = {key for key in desk.let_go if key in still or key[:2] != (report.service, report.instance)}

    def _look(self, before: Report, report: Report, lapse: Lapse | None) -> _Look:
        session = self._session
        now = session.clock()
        releases = releases_since(session, now - (report.at - before.at) - _ON_ITS_WAY)
        seen_since = session.tap.seen_since(f"{CONTROL_PREFIX}{report.service}")
        return _Look(report, lapse, now, releases, seen_since)

    def _tell(self, gone: Iterable[tuple[Hold, _Fate]]) -> None:
        desk, alike = self._desk, dict[str, dict[int, tuple[Hold, _Fate]]]()
        for hold, fate in gone:
            number = desk.number_gone(hold)
            if number is not None and not hold.delayed and hold.key not in desk.let_go:
                alike.setdefault(fate.of_several, {}).setdefault(number, (hold, fate))
        for of_several, several in alike.items():
            number, (hold, fate) = next(iter(several.items()))
            one = f"H{number} {where(hold)} {fate.told}"
            desk.news.append(one if len(several) == 1 else f"{named(several)} {of_several}")

    def _fate(self, hold: Hold, look: _Look) -> _Fate:
        desk, report, began = self._desk, look.report, look.began(hold)
        by = [one for one in look.releases if one.let_go(hold, began)]
        if by and by[0].certain:
            return _by(by[0])
        over = _over(hold, report.at if look.lapse is None else look.lapse.ended)
        if over is not None:
            return over
        if by:
            return _by(by[0])
        if look.lapse is not None:
            return _held_no_more(look.lapse.why)
        suspended = hold.rule == SUSPENSION
        if suspended and not desk.suspended.covers(hold.service, hold.instance):
            went = f"went on: {shown(hold.service)} is suspended no more"
            return _Fate(went, went)
        if desk.owner not in (report.suspended if suspended else (*report.owners, *report.cut)):
            return _held_no_more(f"the lease on {shown(hold.service)} was ended, or not renewed in time")
        # While our lease lives nothing else ends it.
        unreleased = look.seen_since is not None and look.seen_since < began
        if hold.part is not None and unreleased:
            return _held_no_more("there was no room for what waits behind it")
        if hold.place == "call" and unreleased:
            return _held_no_more("whoever made the call has given it up")
        return _held_no_more("who let it go was not seen")


def _by(release: Release) -> _Fate:
    how = f"{release.done} by {release.by}"
    return _Fate(f"was {how}", f"were {how}")


def _held_no_more(why: str) -> _Fate:
    return _Fate(f"is held no more: {why}", f"are held no more: {why}")


def _over(hold: Hold, at: float) -> _Fate | None:
    """That it was held for as long as it may be, where it was, at that time."""
    if hold.until is None or at <= hold.until - _NEARLY:
        return None
    told = f"it is held for {duration(_longest(hold, hold.until))} at most"
    return _Fate(f"went on by itself: {told}", "went on by themselves: the time for which they are held was over")


def _longest(hold: Hold, until: float) -> float:
    """For how long it could be held, as its rule says; whoever waits for it may have less time."""
    rule = LONGEST_HOLD if hold.held_by is None or hold.held_by.lasts is None else hold.held_by.lasts
    return rule if until - hold.since > rule - _NEARLY else until - hold.since


def _gone(before: Report, report: Report) -> Iterator[Hold]:
    """What was held and is no more. What has no room in a report may be held all the same: the oldest has."""
    still = {hold.key for hold in report.holds}
    listed = math.inf if report.count <= len(report.holds) else max(map(_place, report.holds), default=0)
    return (hold for hold in before.holds if hold.key not in still and _place(hold) < listed)


def _place(hold: Hold) -> int:
    """Which one it is of those that its instance has held."""
    number = hold.hold.rpartition(":")[2]
    return int(number) if number.isdecimal() else 0
