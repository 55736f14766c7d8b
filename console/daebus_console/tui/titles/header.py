"""What the line at the top says. Pure; hold the session's lock."""

from __future__ import annotations

from daebus_console.commands.under_way import UnderWay
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import why_unheard
from daebus_console.text import clean
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.titles.hints import without_address

YIELDING = ("name", "plain")
"""The roles of what makes room at the left: the address, which is longest whole, and why there is no connection."""


def header(
    session: Session, now: float, *, read_only: bool = False, doing: Line | None = None, found: Line | None = None
) -> tuple[Line, Line]:
    """Left: which Redis, how the connection is, and what the console is `doing`; right: what was `found`, and seen."""
    status = session.status
    left: Line = [(" daebus ", "strong"), (f" {clean(shortened(str(session.address)))} ", "name")]
    # A capture that was opened says when all of it is there, or what could not be read; a bus never is.
    loaded = getattr(session, "loaded", None)
    if loaded is not None:
        end = (f" ■ {session.lacks} ", "warn") if session.lacks else (" ■ all of it ", "accent")
        left.append(end if loaded.is_set() else (" ◌ loading … ", "wait"))
    elif status.up:
        where = f" on {fmt.plural(session.tap.shards, 'shard')}" if session.tap.sharded else ""
        left.append((f" ◐ live in part{where} ", "warn") if session.tap.partly else (f" ● live{where} ", "ok"))
    elif status.problem is None:
        left.append((" ◌ connecting … ", "wait"))
    else:
        left += [*away(session, now), (f": {without_address(session, status.problem)} ", "plain")]
    if read_only:
        left.append((" read-only ", "warn"))
    left += doing or []
    if status.blind:
        left.append((f" ! {clean(status.blind)} ", "warn"))
    elif status.up and (trouble := _trouble(session)):
        left.append((f" ! {clean(trouble)} ", "warn"))
    right: Line = [*(found or []), (f" {fmt.plural(status.messages, 'message')} ", "plain")]
    right.append((f" {fmt.rate(session.rate.per_second(now))} ", "plain"))
    right.append((f" {fmt.plural(status.gaps, 'gap')} ", "error" if status.gaps else "dim"))
    return left, right


def away(session: Session, now: float) -> Line:
    """That nothing is seen, and for how long; empty where something is, or is about to be, or none is wanted."""
    status = session.status
    if session.recorded or status.up or status.problem is None:
        return []
    since = f" for {fmt.duration(now - status.since)}" if status.messages or status.gaps else ""
    return [(f" ✗ {'sees nothing' if session.tap.answering else 'not connected'}{since}", "error")]


def _trouble(session: Session) -> str | None:
    """What is not known, though all that passes is seen."""
    status = session.status
    return status.discovery_problem or status.discovery_lacks or status.unlisted or why_unheard(session)


def shortened(address: str) -> str:
    """An address that names several servers with the first of them: how the connection is stands behind it."""
    place, mark, options = address.partition("?")
    first, comma, others = place.partition(",")
    if not comma:
        return address
    hosts, slash, path = others.partition("/")
    return f"{first},+{hosts.count(',') + 1}{slash}{path}{mark}{options}"


def doing(what: UnderWay) -> Line:
    """What goes on until somebody ends it: recordings, tripwires, answering in place of services, pins."""
    line: Line = []
    recordings, stand_ins = what.writers, what.stand_ins
    if len(recordings) == 1:
        writer = recordings[0]
        line.append((f" ● recording {writer.written:,} in {clean(writer.path.name)} ", "error"))
    elif recordings:
        line.append((f" ● recording into {len(recordings)} files ", "error"))
    line += [(f" ◎ watching, {watch.told} ", "warn") for watch in what.watches]
    if stand_ins:
        line.append((f" ⇄ {fmt.plural(stand_ins, 'stand-in')} ", "warn"))
    if what.pinned:
        line.append((f" ↻ {what.pinned} pinned ", "accent"))
    return line
