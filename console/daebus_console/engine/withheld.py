"""What is withheld: why nobody knows what services have to tell, or nothing that passes is seen."""

from __future__ import annotations

from collections.abc import Collection

from daebus_console.engine.live.rights import acl_line, rule_in
from daebus_console.engine.live.shards.found import is_ours
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import lost_in
from daebus_console.engine.message.frame import could_be_seen
from daebus_console.engine.session import Session
from daebus_console.naming import shown
from daebus_console.render import duration

NOT_ASKED = "services are not asked what they are and do (--passive)"
_MOST_NAMED = 3


def unseen(session: Session) -> list[str]:
    """What is not seen of what passes, a line for each reason: to be told before anything that is seen."""
    missing = session.tap.missing
    return [*filter(None, [session.status.blind]), *([f"not everything is seen: {missing}"] if missing else [])]


def why_unasked(session: Session, services: Collection[str] | None = None) -> str | None:
    """The reason on one line, as the server gave it; None where all could be asked who are there.

    It is about these `services` where some are named, and else about all.
    """
    status = session.status
    if session.recorded:
        return None
    if status.discovery_problem is not None:
        return status.discovery_problem
    if session.settings.passive:
        return NOT_ASKED
    if status.unasked if services is None else not status.unasked.isdisjoint(services):
        return f"cannot ask services: {status.discovery_lacks}"
    why = status.blind or status.problem or session.tap.missing
    if why and session.tap.seen_since(session.reply_to) is None:
        # Nobody is asked who would not be heard.
        return f"cannot hear services: {why}"
    return None


def why_silent(session: Session) -> str | None:
    """Why services that are there do not tell what they record; None where they do, or where nobody is to ask them.

    Hold the session's lock.
    """
    if session.settings.passive and not session.recorded:
        return None
    status = session.status
    if session.recorded or not status.up:
        # That nothing can be reached, or seen, is told by whoever looks on.
        return why_unheard(session)
    unasked = f"cannot ask services: {status.discovery_lacks}" if status.unasked else None
    return status.discovery_problem or unasked or why_unheard(session)


def why_untold(session: Session) -> str | None:
    """Why nothing that services told is there where that is no service's doing; None where something is, or may come.

    Ask under the session's lock.
    """
    if not session.recorded or len(session.telling.records):
        return None
    return (
        "this capture holds no records of services; `record` takes them along, unless it is --passive or its filter"
        " lets none through"
    )


def why_unheard(session: Session) -> str | None:
    """Why services that are there cannot publish what they record, as they said when they were asked to; else None.

    Hold the session's lock.
    """
    withheld = session.telling.withheld
    if not withheld:
        return None
    if session.recorded:
        # Which instances were there need not be in the capture.
        why = withheld.all()
    else:
        here = [one for one in session.directory.services.values() if one.gone is None]
        why = {one.name: text for one in here if (text := withheld.of(one.name, one.instances)) is not None}
    if not why:
        return None
    names = sorted(why)
    told, more = ", ".join(map(shown, names[:_MOST_NAMED])), len(names) - _MOST_NAMED
    told += f" and {more} more" if more > 0 else ""
    rules = [f"&{wire.WATCH_PREFIX}{name}" for name in names if "NOPERM" in why[name]]
    if len(rules) < len(names):
        # What is no right of theirs is not to be added.
        return f"cannot hear what {told} record{'s' * (len(names) == 1)}: {next(why[one] for one in names)}"
    missing = list(dict.fromkeys(rule_in(why[name]) or rule for name, rule in zip(names, rules, strict=True)))
    add = acl_line("NAME", missing[:_MOST_NAMED])
    return (
        f"missing rule {' '.join(missing[:_MOST_NAMED])} ({add}): the Redis user of {told} may not publish what it"
        " records, which is therefore not heard"
    )


def why_missed(session: Session, since: float) -> str | None:
    """The reason where messages passed unseen since then, or that nothing that passes is seen at all; else None.

    What the server does not show, and which rule is missing, was told at the beginning; see `unseen`.
    """
    if session.recorded:
        return None
    with session.lock:
        now, blind = session.clock(), session.status.blind
        gaps = lost_in(session.correlator.losses)
    gaps = [gap for gap in gaps if gap.end is None or gap.end > since]
    gaps = [gap for gap in gaps if not (gap.partly and gap.reason == blind)]
    if not gaps:
        return None if why_unseen(session) is None else "no requests and no broadcasts could be seen"
    seconds = sum((now if gap.end is None else gap.end) - max(gap.start, since) for gap in gaps)
    return f"for {duration(seconds)} {could_be_seen(gaps)} could be seen: {gaps[-1].reason}"


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
