"""Why it is not known what services have to tell: they cannot be listed, or asked, or not be heard."""

from __future__ import annotations

from collections.abc import Collection

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
