"""services: who is on the bus."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.asking import ask
from daebus_console.commands.doing.shared.material import wait
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.alike import MOST_NAMES, AlikeEntry
from daebus_console.engine.directory import MOST
from daebus_console.engine.entries import ChannelEntry, ServiceEntry
from daebus_console.engine.figures.told import figures, place
from daebus_console.engine.listeners import Listener
from daebus_console.engine.live import glob
from daebus_console.engine.rate import RATE_WINDOW, Rate
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import why_unasked
from daebus_console.naming import quoted, shown, with_names
from daebus_console.render import Line, Span, duration, fit, line, no_room_for, plural, table, table_within
from daebus_console.text import clean

LOOK_FOR = 1.5
"""Seconds after which services that have not told of themselves are listed without their actions."""

SHORTEST_LOOK = 1.0
"""Seconds of looking below which no rate is told."""
_LEAST_WANTED = (["PROBE"], ["UP"], ["PROCESS"], ["HANDLED"])
"""Columns of instances that a narrow terminal does without, the first ones first."""


def run_services(command: Command, context: Context) -> int:
    """List services, once all that are there have told of themselves."""
    session = context.look()
    session.wait_for(lambda: complete(session) or context.cancellation.cancelled, LOOK_FOR)
    named: tuple[str, ...] = command["service"]
    if named and not session.recorded:
        _ask_for_runs(named, context)
    interrupted = bool(command["for"]) and wait(context, command["for"])
    with session.lock:
        now = session.clock()
        looked = now - session.status.since
        counted = session.directory.counted
        # Of a capture nobody knows who was subscribed.
        each = command["all"] or session.recorded
        services = [service for service in session.directory.services.values() if each or service.subscribers]
        channels = [one for one in session.directory.channels.values() if command["all"] or one.subscribers]
        alike = [one for one in session.directory.alike() if command["all"] or one.subscribers]
        by_pattern = session.directory.by_pattern
        if named:
            services = [one for one in services if any(glob.matches(name, one.name) for name in named)]
            channels, alike = [], []
        records = [
            _service_record(service, now, looked, counted, asked=why_unasked(session, [service.name]) is None)
            for service in sorted(services, key=lambda one: one.name)
        ]
        others = [
            _channel_record(channel, now, looked, counted) for channel in sorted(channels, key=lambda one: one.name)
        ]
        others += [_alike_record(one, now, looked) for one in sorted(alike, key=lambda one: one.pattern.text)]
        problem, lacks = session.status.discovery_problem, session.status.discovery_lacks
        unlisted = session.status.unlisted
        looked_through = session.recorded or session.directory.polled is not None
        forgotten = session.directory.forgotten
    if problem is not None:
        context.output.error(problem)
    elif lacks is not None:
        context.output.note(lacks)
    if unlisted is not None and session.tap.missing is None:
        # Else that has been said, or is at the top of the screen.
        context.output.note(unlisted)
    certain = problem is None and unlisted is None and looked_through
    missing = [name for name in named if not any(glob.matches(name, record["service"]) for record in records)]
    if records or others or (certain and not missing):
        _print(command, context, records, others, by_pattern, listed=certain)
    if forgotten and not named:
        more = f"{forgotten:,} or more" if forgotten == MOST else f"{forgotten:,}"
        context.output.note(f"{more} other names are not listed: {MOST:,} services and as many channels are remembered")
    if records and looked < SHORTEST_LOOK and not command["json"]:
        context.output.note("rates take a longer look: --for 5")
    if interrupted:
        return Exit.INTERRUPTED
    for name in missing:
        context.output.error(absent(session, name, certain=certain))
    if problem is not None or (missing and not certain):
        return Exit.NO_REDIS
    return Exit.NOBODY if missing else Exit.DONE


def _ask_for_runs(named: Sequence[str], context: Context) -> None:
    """Have those that are named tell how their listeners and tasks ran."""
    session = context.session
    with session.lock:
        here = [one for one in session.directory.services if any(glob.matches(name, one) for name in named)]
        asked = [(name, "recent", {"kinds": ["heard", "ran"]}) for name in here if session.telling.tells(name)]
    ask(context, asked)


def _print(
    command: Command,
    context: Context,
    records: list[dict[str, Any]],
    others: list[dict[str, Any]],
    by_pattern: list[Listener] | None,
    *,
    listed: bool,
) -> None:
    output = context.output
    # Where nothing is known to be a service, what is there instead is what one looks for.
    every = command["all"] or (not records and not command["service"])
    listeners = by_pattern or [] if every else []
    if others and not every:
        output.note(
            f"{plural(_counted(others), 'other channel has', 'other channels have')} subscribers; --all lists them"
        )
    if command["json"]:
        for record in [*records, *others] if command["all"] else records:
            output.record(with_names(record, "service", "channel"))
        for one in listeners if command["all"] else ():
            output.record(_listener_record(one))
        return
    if records:
        # What an action does stands in full in `describe`.
        output.result(fit(one, output.width) for one in _service_lines(records))
    elif not listed:
        # What there is instead is known from what passed.
        pass
    elif others or listeners or by_pattern is None:
        output.note("no service is known here: nobody was seen to be asked, and none of this framework is there")
    else:
        output.note("no service is there, and nobody is subscribed to anything")
    if command["service"] and any(record["instances"] for record in records):
        lines, left_out = _instance_lines(records, context.session.clock(), output.width)
        output.result([line(""), *lines])
        if left_out:
            output.note(no_room_for(left_out))
    if command["service"] and any(record["runs"] for record in records):
        output.result([line(""), *_run_lines(records, context)])
    if every and others:
        output.result(
            [*([line("")] if records else []), *_channel_lines(others, bool(by_pattern or by_pattern is None))]
        )
    if listeners:
        output.result([line(""), *_listener_lines(listeners)])
    elif every and by_pattern is None:
        output.note("others are subscribed to patterns; who, only a Redis user with +client|list can see")


def absent(session: Session, name: str, *, certain: bool) -> str:
    """That no service of that name is there, as far as it is known; `certain` tells whether all that is there is."""
    with session.lock:
        channel = session.directory.channels.get(name)
        count = 0 if channel is None else channel.subscribers
    if count:
        # A stand-in, say, or a service of another framework that nobody has asked yet.
        return f"{quoted(name)} is not known to be a service; its channel has {plural(count, 'subscriber')}"
    if not certain:
        return f"it is not known whether a service {quoted(name)} is there"
    return f"no service {quoted(name)} is there"


def complete(session: Session, services: Collection[str] | None = None) -> bool:
    """Whether the first poll is done and every instance found, of those services or all, has told, or cannot be asked.

    In a capture nothing more is told.
    """
    directory, unasked = session.directory, session.status.unasked
    if session.recorded or session.status.discovery_problem is not None:
        return True
    return directory.polled is not None and all(
        len(service.instances) >= service.subscribers
        for service in directory.services.values()
        if service.framework and service.gone is None and service.name not in unasked
        if services is None or service.name in services
    )


def _per_second(rate: Rate, now: float, looked: float) -> float | None:
    """Messages a second; None where it was looked too short to tell."""
    if looked < SHORTEST_LOOK:
        return None
    # Before the first whole window is over, its empty seconds would count as quiet ones.
    return round(rate.per_second(now) if looked > RATE_WINDOW else rate.total / looked, 2)


def _shown_rate(record: dict[str, Any]) -> str:
    return "-" if record["rate"] is None else f"{record['rate']:g}"


def _service_record(service: ServiceEntry, now: float, looked: float, counted: bool, *, asked: bool) -> dict[str, Any]:
    return {
        "service": service.name,
        "framework": service.framework,
        "dialect": service.dialect,
        "subscribers": service.everybody if counted else None,
        "instances": [
            {key: value for key, value in instance.info.items() if key not in ("service", "actions", "listens")}
            for instance in service.instances.values()
        ]
        if service.instances or asked
        else None,
        "actions": [
            {
                "name": action.name,
                "doc": action.doc,
                "declared": action.declared,
                "requests": action.requests,
                "errors": action.errors,
                "timeouts": action.timeouts,
            }
            for action in sorted(service.actions.values(), key=lambda one: one.name)
        ],
        "runs": [
            {
                "kind": run.kind,
                "name": run.name,
                "channel": run.what or None,
                "runs": run.runs,
                "failed": run.failed,
                "longest_ms": round(run.longest * 1000, 3),
                "error": run.error or None,
            }
            for run in sorted(service.runs.values(), key=lambda one: (one.kind, one.name, one.what))
        ],
        "rate": _per_second(service.rate, now, looked),
        "gone": service.gone,
    }


def _channel_record(channel: ChannelEntry, now: float, looked: float, counted: bool) -> dict[str, Any]:
    return {
        "channel": channel.name,
        "subscribers": channel.subscribers if counted else None,
        "listeners": sorted(channel.listeners),
        "rate": _per_second(channel.rate, now, looked),
        "gone": channel.gone,
    }


def _counted(records: Iterable[dict[str, Any]]) -> int:
    return sum(record["subscribers"] or 1 if "names" in record else 1 for record in records)


def _alike_record(entry: AlikeEntry, now: float, looked: float) -> dict[str, Any]:
    return {
        "channel": entry.pattern.text,
        "names": entry.names,
        "subscribers": entry.subscribers,
        "listeners": [],
        "rate": _per_second(entry.rate, now, looked),
        "gone": entry.gone,
    }


def _listener_record(one: Listener) -> dict[str, Any]:
    known = {"name": one.name or None, "address": one.address, "library": one.library or None}
    return {"pattern_subscriber": known, "patterns": one.patterns}


def _service_lines(records: Iterable[dict[str, Any]]) -> list[Line]:
    rows: list[list[str | Span]] = []
    for record in records:
        known = record["framework"] and record["instances"] is not None
        instances = str(len(record["instances"])) if known else "?"
        name = Span(shown(record["service"]), "dim" if record["gone"] else "bold")
        head: list[str | Span] = [name, instances, _subscribers(record), _shown_rate(record)]
        actions = record["actions"] or [{"name": "-", "doc": "", "declared": True}]
        for action in actions:
            doc = action["doc"] if action["declared"] else "(seen being asked)"
            rows.append([*head, Span(shown(action["name"], text=True), "key"), Span(doc, "dim")])
            head = ["", "", "", ""]
    headings = ("SERVICE", "INSTANCES", "SUBSCRIBERS", "RATE/S", "ACTION", "")
    return table(headings, rows, right=frozenset({1, 2, 3}))


def _instance_lines(records: Iterable[dict[str, Any]], now: float, width: int) -> tuple[list[Line], list[str]]:
    rows: list[list[str | Span]] = []
    for record in records:
        name = record["service"]
        for info in record["instances"] or ():
            told = figures(info, now)
            workers = "?" if told.busy is None or told.workers is None else f"{told.busy}/{told.workers}"
            numbers = (told.queued, told.handled, told.errors, told.refused)
            shown = ["?" if number is None else f"{number:,}" for number in numbers]
            up = "?" if told.up is None else duration(told.up)
            probe = "?" if told.probe is None else duration(told.probe)
            instance = str(info.get("instance", "?"))
            rows.append([Span(name, "bold"), Span(instance, "dim"), place(info), workers, *shown, up, probe])
            name = ""
    headings = ("SERVICE", "INSTANCE", "PROCESS", "WORKERS", "QUEUE", "HANDLED", "ERRORS", "REFUSED", "UP", "PROBE")
    return table_within(width, headings, rows, frozenset(range(3, len(headings))), _LEAST_WANTED)


def _run_lines(records: Iterable[dict[str, Any]], context: Context) -> list[Line]:
    rows: list[list[str | Span]] = []
    for record in records:
        name = record["service"]
        for run in record["runs"]:
            what = f"{run['kind']} {run['name']}" + (f" on {run['channel']}" if run["channel"] else "")
            failed = Span(f"{run['failed']:,}", "error" if run["failed"] else "dim")
            error = Span(context.redact.text(run["error"] or ""), "error")
            longest = duration(run["longest_ms"] / 1000)
            rows.append(
                [Span(name, "bold"), Span(shown(what, text=True), "key"), f"{run['runs']:,}", failed, longest, error]
            )
            name = ""
    return table(("SERVICE", "LISTENER OR TASK", "RUNS", "FAILED", "LONGEST", "LAST ERROR"), rows, frozenset({2, 3, 4}))


def _channel_lines(records: Iterable[dict[str, Any]], patterns: bool) -> list[Line]:
    rows: list[list[str | Span]] = []
    for record in records:
        listeners = ", ".join(map(shown, record["listeners"]))
        name = shown(record["channel"])
        if "names" in record:
            name += f" ×{record['names']:,}{' or more' if record['names'] >= MOST_NAMES else ''}"
        subscribers = _subscribers(record)
        if patterns and subscribers == "0":
            subscribers = "by pattern?"
        rows.append([Span(name, "bold"), subscribers, _shown_rate(record), listeners])
    return table(("CHANNEL", "SUBSCRIBERS", "RATE/S", "LISTENERS"), rows, right=frozenset({1, 2}))


def _listener_lines(listeners: Iterable[Listener]) -> list[Line]:
    rows: list[list[str | Span]] = [
        [Span(clean(one.name or "(unnamed)"), "bold"), str(one.patterns), clean(one.address), clean(one.library)]
        for one in listeners
    ]
    return table(("SUBSCRIBED BY PATTERN", "PATTERNS", "ADDRESS", "LIBRARY"), rows, right=frozenset({1}))


def _subscribers(record: dict[str, Any]) -> str:
    if record["gone"]:
        return "gone"
    return "?" if record["subscribers"] is None else str(record["subscribers"])
