"""running: what instances answer that they are doing, and the circles in which they wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.looking.listing import absent
from daebus_console.commands.doing.looking.telling import session_of
from daebus_console.commands.doing.shared.asking import ask, must_ask
from daebus_console.commands.doing.shared.keeping import look_what_is_held
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.under_way import under_way
from daebus_console.engine.holding.desk import Held
from daebus_console.engine.holding.words import stage
from daebus_console.engine.live import glob
from daebus_console.engine.records.running import Doing, Queued, Report
from daebus_console.engine.records.standing import Find, cycle_text, number, short, waits_text, what
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import why_unasked
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, duration, line


def run_running(command: Command, context: Context) -> int:
    """Ask, and print what is answered; the status is 1 where services wait in a circle, 3 where nobody tells.

    It is 5 where nobody knows who tells, or some who are meant could not be asked.
    """
    session, interrupted = session_of(command, context)
    if interrupted and command["in"] is None:
        # They are asked what they do just now, and that at the end of looking.
        return Exit.INTERRUPTED
    named: tuple[str, ...] = command["service"]

    def meant(name: str) -> bool:
        return not named or any(glob.matches(one, name) for one in named)

    silent: list[str] = []
    missing: list[str] = []
    unasked: str | None = None
    begun = 0.0
    if command["in"] is None and not session.recorded:
        must_ask(context)
        with session.lock:
            begun = session.clock()
            here = [one for one in session.directory.services.values() if one.gone is None and one.subscribers]
            tells = {one.name: session.telling.tells(one.name) for one in here}
            silent = sorted(name for name, known in tells.items() if not known and meant(name))
            missing = [one for one in named if not any(glob.matches(one, name) for name in tells)]
        # A circle may lead through others than those that are named.
        ask(context, [(name, "running", {}) for name, known in sorted(tells.items()) if known])
        # What a handler waits for may be held.
        look_what_is_held(context)
        with session.lock:
            unasked = why_unasked(session, [name for name in session.status.unasked if meant(name)])
    with session.lock:
        reports = [one for one in session.telling.reports.values() if one.at >= begun]
        circles = session.telling.cycles(reports)
        find = session.correlator.find
        holds = _held(session)
    found = sorted((one for one in reports if meant(one.service)), key=lambda one: (one.service, one.instance))
    circles = [one for one in circles if any(map(meant, one.services))]
    if command["json"]:
        for report in found:
            context.output.record(_record(report, find))
        for circle in circles:
            context.output.record({"circle": list(circle.services), "text": cycle_text(circle, find)})
    else:
        for place, report in enumerate(found):
            context.output.result(
                [*([line("")] if place else []), *_lines(report, find, holds, stack=command["stack"])]
            )
        for circle in circles:
            context.output.result([line(""), line(Span(cycle_text(circle, find), "error"))])
    if interrupted:
        return Exit.INTERRUPTED
    told = {report.service for report in found}
    if unasked is not None and not (named and told.issuperset(named)):
        context.output.error(unasked)
        return Exit.ERROR if circles else Exit.NO_REDIS
    if silent:
        context.output.note(
            f"{', '.join(map(shown, silent))} cannot tell: of another framework, or of an older release"
        )
    certain = session.status.unlisted is None
    for one in missing:
        context.output.error(absent(session, one, certain=certain))
    if not found and not missing:
        who = "no service" if not named else "none of these"
        asked = "tells what it is doing" if not session.recorded else "was asked what it is doing in this capture"
        context.output.error(f"{who} {asked}")
    if circles:
        return Exit.ERROR
    if missing and not certain:
        return Exit.NO_REDIS
    return Exit.DONE if found and not missing else Exit.NOBODY


def _held(session: Session) -> list[Held]:
    """What is known to be held. Hold the session's lock."""
    keeper = under_way(session).keeper
    return [] if keeper is None else keeper.desk.held()


def _held_text(id: str | None, holds: Sequence[Held]) -> str:
    """That what a handler waits for is held; empty where it is not."""
    held = next((one for one in holds if id is not None and one.first.id == id), None)
    return f", held as H{held.number} ({stage(held.first)})" if held is not None else ""


def _lines(report: Report, find: Find, holds: Sequence[Held], *, stack: bool) -> Iterator[Line]:
    doing = f"{report.count} running" if report.count else "nothing runs"
    queue = f", {report.waiting} wait for a worker" if report.waiting else ""
    of = (report.service, report.instance)
    held = sum((hold.service, hold.instance) == of for one in holds for hold in one.holds)
    yield line(
        Span(shown(report.service), "bold"),
        Span(f" {shown(report.instance, text=True)}", "dim"),
        f"  {doing}{queue}",
        Span(f", {held} held" if held else "", "warn"),
    )
    for one in report.doing:
        yield line(
            "  ",
            Span(f"{duration(one.age):>8}  ", "accent"),
            Span(what(one), "key"),
            f"{number(one.id, find)}",
            Span(f"  from {shown(one.sender)}" if one.sender else "", "dim"),
            Span("".join(f"  {waits_text(wait, find)}{_held_text(wait.id, holds)}" for wait in one.waits), "warn"),
        )
        for place in one.stack if stack else (one.at,):
            if place:
                yield line(" " * 12, Span(shown(place if stack else short(place), text=True), "dim"))
    if report.count > len(report.doing):
        yield line(" " * 12, Span(f"{report.count - len(report.doing)} more", "dim"))
    for waiting in report.oldest:
        yield line(
            "  ",
            Span(f"{duration(waiting.age):>8}  ", "warn"),
            Span(f"waits  {_name(waiting)}", "warn"),
            number(waiting.id, find),
            Span(f"  from {shown(waiting.sender)}" if waiting.sender else "", "dim"),
        )
    if report.waiting > len(report.oldest) > 0:
        yield line(" " * 12, Span(f"{report.waiting - len(report.oldest)} more wait", "dim"))


def _name(waiting: Queued) -> str:
    return shown(waiting.action, text=True) if waiting.action else shown(waiting.channel or "a message")


def _record(report: Report, find: Find) -> dict[str, Any]:
    return {
        **fields("service", report.service),
        "instance": report.instance,
        "at": round(report.at, 6),
        "running": [_doing(one, find) for one in report.doing],
        "count": report.count,
        "queue": {
            "size": report.waiting,
            "max": report.room,
            "oldest": [_queued(one, find) for one in report.oldest],
        },
    }


def _queued(one: Queued, find: Find) -> dict[str, Any]:
    return {
        "id": one.id,
        "exchange": _number(one.id, find),
        "action": one.action or None,
        "from": one.sender or None,
        "age_ms": round(one.age * 1000, 3),
    }


def _doing(one: Doing, find: Find) -> dict[str, Any]:
    return {
        "id": one.id,
        "exchange": _number(one.id, find),
        "action": one.action or None,
        "cause": one.cause or None,
        "from": one.sender or None,
        "age_ms": round(one.age * 1000, 3),
        "thread": one.thread,
        "at": one.at or None,
        "stack": list(one.stack),
        "waits_for": [
            {"service": wait.service, "action": wait.action, "id": wait.id, "exchange": _number(wait.id, find)}
            for wait in one.waits
        ],
    }


def _number(id: str | None, find: Find) -> int | None:
    exchange = find(id) if id is not None else None
    return None if exchange is None else exchange.number
