"""What is withheld: why nobody knows what services have to tell, or nothing that passes is seen."""

from __future__ import annotations

from collections.abc import Collection

from daebus_console.engine.live.found import is_ours
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.session import Session


def why_unasked(session: Session, services: Collection[str] | None = None) -> str | None:
    """The reason on one line, as the server gave it; None where all could be asked who are there.

    It is about these `services` where some are named, and else about all.
    """
    status = session.status
    if session.recorded:
        return None
    if status.discovery_problem is not None:
        return status.discovery_problem
    if status.unasked if services is None else not status.unasked.isdisjoint(services):
        return f"cannot ask services: {status.discovery_lacks}"
    if session.tap.seen_since(session.reply_to) is None and (why := status.blind or status.problem):
        # Nobody is asked who would not be heard.
        return f"cannot hear services: {why}"
    return None


def why_untold(session: Session) -> str | None:
    """Why nothing that services told is there where that is no service's doing; None where something is, or may come.

    Ask under the session's lock.
    """
    if not session.recorded or session.telling.records.sources:
        return None
    return "this capture holds no records of services; `record` takes them along, unless it is --passive"


def why_unseen(session: Session) -> str | None:
    """The reason, as the server gave it, where nothing is seen of what passes but answers, at the most; else None."""
    tap, status, directory = session.tap, session.status, session.directory
    if session.recorded or status.blind is None or (not tap.sharded and len(tap.lacking) < len(tap.patterns)):
        return None
    if not all(wire.is_reply_channel(name) or is_ours(name) for name in tap.followed()):
        return None
    with session.lock:
        listed = directory.polled is not None and status.discovery_problem is None
        nobody_there = listed and not directory.services and not directory.channels
    # Where nobody is there, there is nothing to be refused.
    return None if nobody_there else f"no requests and no broadcasts can be seen: {status.blind}"
