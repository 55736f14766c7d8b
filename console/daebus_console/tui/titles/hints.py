"""What empty panes say: what to do next. Pure."""

from __future__ import annotations

from daebus.transport.places.sentinels import OF_SENTINEL
from daebus_console.engine.filter.doubts import Doubt
from daebus_console.engine.session import Session
from daebus_console.text import clean, folded
from daebus_console.tui.flow.visibility import Hidden
from daebus_console.tui.rows.lines import Line


def no_services(session: Session, width: int) -> list[Line]:
    """The directory knows nobody."""
    url, problem = clean(str(session.address)), session.status.problem
    if session.recorded:
        text = f"No service is seen in {url}."
    elif session.status.up and session.status.discovery_problem is not None:
        text = f"Who is on {url} is not known: {clean(session.status.discovery_problem)}"
    elif session.status.up or not problem:
        text = f"No services on {url} yet. Start one, or run `daebus-console demo`."
    elif problem.startswith(OF_SENTINEL):
        # Who may at the servers is none of its business.
        why = _as_sentence(session, problem)
        text = f"{why}. Allow it there, or quit and name another URL. It is tried again all the time."
    elif session.tap.answering:
        text = (
            f"There is a Redis at {url}, but nothing is seen: {without_address(session, problem)}. Allow it there, or"
            " quit and name a user who may, as in --redis redis://USER:PASSWORD@HOST. It is tried again all the time."
        )
    else:
        text = (
            f"No Redis answers at {url}: {without_address(session, problem)}. Start it there, or quit and name"
            " another with --redis URL. It is tried again all the time."
        )
    return wrapped(text, width)


def without_address(session: Session, problem: str) -> str:
    """Why there is no connection, where the address stands beside it already; no sentence, and safe to show."""
    return clean(problem.replace(f" at {session.address}", "", 1)).rstrip(".")


def away(session: Session) -> tuple[str, str] | None:
    """That nothing is seen, and why; None where something is, or will be in a moment, or none is wanted."""
    problem = session.status.problem
    if session.recorded or session.status.up or not problem:
        return None
    since = "Redis refuses it" if session.tap.answering else "Redis is not connected"
    return f"Nothing is seen, since {since}.", _as_sentence(session, problem)


def _as_sentence(session: Session, problem: str) -> str:
    told = without_address(session, problem)
    return told[:1].upper() + told[1:]


def no_flow(
    *,
    total: int,
    hidden: Hidden,
    held_back: tuple[int, int] = (0, 0),
    looking: bool = False,
    sharded: bool = False,
    recorded: bool = False,
    away: tuple[str, str] | None = None,
    doubt: Doubt | None = None,
) -> list[Line]:
    """The flow has nothing to show: which keys bring back what is `hidden`.

    `held_back` is how many of the rows came since it was paused, and how many of those would be shown; `looking`
    whether not all were looked at yet; `away` that nothing is seen, and why; `doubt` what was perhaps not meant by the
    filter.
    """
    since, waiting = held_back
    if not total and recorded:
        return [
            [("   There is no message in this capture.", "plain")],
            [("   Nothing passed while it was recorded, or nothing that was wanted.", "dim")],
        ]
    if not total and away:
        return [
            [(f"   {away[0]}", "plain")],
            [(f"   {away[1]}. It is tried again all the time.", "dim")],
        ]
    only_ours = hidden.as_control and not (hidden.by_filter or hidden.muted or hidden.quiet or since)
    if not total or (only_ours and not recorded):
        unseen = "   On a sharded bus a channel is seen that somebody subscribes to, or that is named with --channels."
        return [
            [(f"   Nothing {'but control messages ' if total else ''}has been published yet.", "plain")],
            [("   Messages appear here as they pass. Or press : and send:", "dim")],
            [("     request SERVICE ACTION name=value", "name")],
            *([[("   c shows control channels and our own questions.", "dim")]] if total else []),
            *([[(unseen, "dim")]] if sharded else []),
        ]
    if total <= since:
        told = "space lets it go on." if waiting else "space lets it go on, with what is hidden of that."
        return [[("   It was paused before anything came.", "plain")], [(f"   {told}", "dim")]]
    if looking:
        return [[(f"   Looking through {total - since:,} …", "wait")]]
    lines: list[Line] = [[(f"   None of {total - since:,} is shown.", "plain")]]
    keys = (
        (waiting, "space lets it go on, which brings more."),
        (hidden.by_filter, "/ changes the filter, escape removes it."),
        (hidden.by_mutes, "X brings back what is muted."),
        (hidden.as_control, "c shows control channels and our own questions."),
        (hidden.as_quiet, "K shows heartbeats and the like."),
    )
    lines += [[(f"   {text}", "dim")] for helps, text in keys if helps]
    if doubt is not None and hidden.by_filter:
        lines += [[(f"   {clean(doubt.told)}:", "warn")], [(f"   {clean(doubt.instead)}.", "warn")]]
    if len(lines) == 1:
        lines.append([("   All of it is hidden for more than one reason: by /, X, c or K.", "dim")])
    return lines


SELECT_FIRST = "Select an exchange first (↑ ↓ or click)"
NO_DETAIL: list[Line] = [
    [("   Select an exchange (↑ ↓ or click) to look inside.", "dim")],
    [("   ] next error, enter comes here, escape goes back.", "dim")],
]


def wrapped(text: str, width: int) -> list[Line]:
    """The text in lines of at most that many cells, with a margin."""
    return [[(f" {one}", "dim")] for one in folded(text, max(1, width - 2))]
