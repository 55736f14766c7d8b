"""What our rules held, and do no more without our doing: its time was over, another let it go, it was called off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daebus_console.engine.holding.desk import Desk
from daebus_console.engine.holding.report import Hold, Report
from daebus_console.engine.holding.rule import LONGEST_HOLD
from daebus_console.engine.holding.words import where
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Flag, Message
from daebus_console.engine.session import Session
from daebus_console.naming import shown
from daebus_console.render import duration

_NEARLY = 0.1
"""Seconds by which the end of a hold is known too late: an answer that tells it has been under way."""
_LOOKED_AT = 300
"""Exchanges, the newest, among which the release is looked for."""
_DONE = {"answer": "answered", "fail": "failed", "drop": "dropped"}


class Parting:
    """Tells of it, in the news of a desk."""

    def __init__(self, session: Session, desk: Desk) -> None:
        self._session, self._desk = session, desk

    def tell(self, before: Report | None, report: Report) -> None:
        """An instance has told what it holds now, which the desk has taken. Hold the session's lock."""
        if before is None or report.count > len(report.holds):
            # What is not listed may be held all the same.
            return
        still = {hold.key for hold in report.holds}
        gone = [one for one in before.holds if one.key not in still and one.owner == self._desk.owner]
        for hold in gone:
            number = self._desk.number_gone(hold)
            why = None if number is None or hold.delayed else self._why(hold, report)
            if why is not None:
                self._desk.news.append(f"H{number} {where(hold)} {why}")

    def _why(self, hold: Hold, report: Report) -> str | None:
        if hold.until is not None and report.at > hold.until - _NEARLY:
            return f"went on by itself: it is held for {duration(_longest(hold, hold.until))} at most"
        exchanges = self._session.journal.exchanges
        for exchange in reversed(exchanges.between(exchanges.last - _LOOKED_AT, exchanges.last)):
            asked = _asked(exchange, hold)
            if asked is not None:
                if exchange.reply_to == self._session.reply_to:
                    return None
                by = "somebody else" if asked.get("all") is True else shown(str(asked.get("owner", "?")), text=True)
                return f"was {_DONE.get(str(asked.get('verdict')), 'let go')} by {by}"
        # While our lease lives nothing else ends it.
        called_off = hold.place == "call" and self._desk.owner in report.owners
        return "is held no more: whoever made the call has given it up" if called_off else None


def _longest(hold: Hold, until: float) -> float:
    """For how long it could be held, as its rule says; whoever waits for it may have less time."""
    rule = LONGEST_HOLD if hold.held_by is None or hold.held_by.lasts is None else hold.held_by.lasts
    return rule if until - hold.since > rule - _NEARLY else until - hold.since


def _asked(exchange: Exchange, hold: Hold) -> Mapping[str, Any] | None:
    """What was asked for where it is a release that let go what was held."""
    if not exchange.flags & Flag.CONTROL or exchange.action != "release":
        return None
    asked = _payload(exchange.opened)
    if asked.get("all") is True:
        its = wire.service_of_control(exchange.opened.channel) == hold.service
        return asked if its and asked.get("owner") in (None, hold.owner) else None
    # Without an id it is what has been held for longest.
    told = asked if "hold" in asked or exchange.answer is None else _payload(exchange.answer)
    return asked if told.get("hold") == hold.hold else None


def _payload(message: Message) -> Mapping[str, Any]:
    try:
        payload = wire.payload_of(message.data)
    except wire.Unreadable:
        return {}
    return payload if isinstance(payload, Mapping) else {}
