"""Where something that is pending stands, out of what instances answered to `running`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from daebus_console.dates import seconds
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.records.cycles import Cycle
from daebus_console.engine.records.running import Doing, Report, Wait
from daebus_console.naming import shown

Find = Callable[[str], Exchange | None]


class Standing(NamedTuple):
    """One thing that is known: in a sentence, and how grave it is (`error`, `warn`, or empty)."""

    text: str
    role: str = ""


def standing(exchange: Exchange, reports: Sequence[Report], cycles: Iterable[Cycle], find: Find) -> list[Standing]:
    """What is known of a request that has no answer yet, from the latest reports of those whom it was sent to."""
    found: list[Standing] = []
    id = exchange.request_id
    for cycle in cycles:
        if id in cycle.ids:
            found.append(Standing(cycle_text(cycle, find), "error"))
    for report in reports:
        doing, place = report.of(id), report.place(id)
        where = f"in instance {shown(report.instance, text=True)}"
        if doing is not None:
            found += [
                Standing(f"{where}: in the handler for {seconds(doing.age)}, thread {shown(doing.thread, text=True)}")
            ]
            found += [Standing(f"at {shown(short(doing.at), text=True)}")] if doing.at else []
            found += [Standing(waits_text(wait, find), "warn") for wait in doing.waits]
        elif place is not None:
            before = f"behind {place} other{'s' * (place != 1)}" if place else "the next in the queue"
            found.append(Standing(f"{where}: waits for a worker, {before}; {report.waiting} wait in all", "warn"))
            found += [Standing(f"meanwhile {what(one)} runs for {seconds(one.age)}") for one in report.doing[:4]]
        elif report.waiting > len(report.oldest):
            found.append(
                Standing(f"{where}: in no handler; {report.waiting} wait for a worker, it may be among them", "warn")
            )
    if not found and reports:
        who = f"{len(reports)} instances of {shown(exchange.target or '?')} have"
        if len(reports) == 1:
            who = f"{shown(exchange.target or '?')} has"
        found.append(Standing(f"{who} it neither in a handler nor in the queue"))
    return found


def cycle_text(cycle: Cycle, find: Find) -> str:
    """The circle in a sentence."""
    services = [shown(one) for one in cycle.services]
    head = (
        f"{services[0]} waits for its own workers"
        if len(services) == 1
        else f"{' and '.join(services)} wait for one another"
    )
    steps = [f"{shown(step.service)} {what(step.doing)}{number(step.doing.id, find)}" for step in cycle.steps]
    last = cycle.steps[-1]
    back = f"{shown(last.wait.service)} {shown(last.wait.action, text=True)}{number(last.wait.id, find)}"
    queued = ", which gets no worker" if any(step.queued for step in cycle.steps) else ""
    return f"a circle: {head}: {' → '.join([*steps, back])}{queued}"


def waits_text(wait: Wait, find: Find) -> str:
    """What a handler is blocked in."""
    return f"waits for {shown(wait.service)} {shown(wait.action, text=True)}{number(wait.id, find)}"


def what(doing: Doing) -> str:
    """What is being done, fit for the screen."""
    return shown(doing.name or "something", text=True)


def number(id: str | None, find: Find) -> str:
    """Which exchange that is, where it was seen."""
    exchange = find(id) if id is not None else None
    return f" (#{exchange.number})" if exchange is not None else ""


def short(place: str) -> str:
    """`file:line function` with the last two parts of the path alone."""
    path, colon, rest = place.rpartition(":")
    parts = path.replace("\\", "/").split("/")
    return f"{'/'.join(parts[-2:])}:{rest}" if colon and path else place
