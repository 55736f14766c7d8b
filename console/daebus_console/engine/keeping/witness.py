"""Who let go what was held, as far as it was seen on the bus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from daebus_console.engine.holding.report import Hold
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.control import is_release
from daebus_console.engine.message.exchange import Exchange, Message
from daebus_console.engine.session import Session
from daebus_console.naming import shown

_DONE = {"answer": "answered", "fail": "failed", "drop": "dropped"}


class Release(NamedTuple):
    """A release that was asked for, `at` a time of the session's clock. `certain` tells that it was done as well."""

    at: float
    by: str
    done: str
    certain: bool
    service: str
    hold: str | None
    """None where all of `owner` went on; of everybody where that is None."""
    owner: str | None = None

    def let_go(self, hold: Hold, began: float) -> bool:
        """Whether it is that which let it go; `began` is when it was held first."""
        if self.hold is not None:
            return self.hold == hold.hold
        return self.at > began and self.service == hold.service and self.owner in (None, hold.owner)


def releases_since(session: Session, at: float) -> list[Release]:
    """Those that were seen, the newest first, and what is certain before what is not. Hold the session's lock.

    `at` is a time of the session's clock.
    """
    seen = list(_seen(session, at))
    return [one for one in seen if one.certain] + [one for one in seen if not one.certain]


def _seen(session: Session, at: float) -> Iterator[Release]:
    for exchange in reversed(session.journal.exchanges):
        if exchange.opened.at < at:
            return
        if is_release(exchange) and not (exchange.answer is not None and exchange.answer.error):
            release = _read(exchange, ours=exchange.reply_to == session.reply_to)
            if release is not None:
                yield release


def _read(exchange: Exchange, *, ours: bool) -> Release | None:
    asked = _payload(exchange.opened)
    at, service = exchange.opened.at, wire.service_of_control(exchange.opened.channel) or ""
    certain, by = exchange.answer is not None, shown(str(asked.get("owner") or "somebody else"), text=True)
    if asked.get("all") is True:
        owner = asked.get("owner")
        return Release(at, "you" if ours else "somebody else", "let go", certain, service, None, owner)
    # Without an id it is what has been held for longest.
    told = asked if "hold" in asked or exchange.answer is None else _payload(exchange.answer)
    hold, done = told.get("hold"), _DONE.get(str(asked.get("verdict")), "let go")
    return Release(at, "you" if ours else by, done, certain, service, hold) if isinstance(hold, str) else None


def _payload(message: Message) -> Mapping[str, Any]:
    try:
        payload = wire.payload_of(message.data)
    except wire.Unreadable:
        return {}
    return payload if isinstance(payload, Mapping) else {}
