"""Why, as the services themselves tell it: what they refused, what failed in them, where it hangs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.dates import seconds
from daebus_console.engine.findings.words import call, duration, quoted, shown
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.records.lines import how_ended, name_of_run
from daebus_console.engine.records.record import ANSWER_DROPPED, DEBUGGER, Handled, Heard, Refused
from daebus_console.engine.records.standing import short, what
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.sight import Sight
from daebus_console.text import beginning

_REFUSED = {
    "busy": "its queue was full",
    "expired": "no worker was free before its time was over",
    "unknown_action": "it has no such action",
    "bad_request": "it could not read it, or its fields do not fit",
    "shutting_down": "it was stopping",
}
_LEAVE_THE_CIRCLE = "let one of them answer without waiting, or call the function instead of the action"
_JUST_BEFORE = 30.0
_MOST = 8
_LONGEST = 200


def refused(sight: Sight, exchange: Exchange) -> Cause | None:
    """Its service refused it, and says so in its records."""
    told = sight.told(exchange)
    found = told.refused
    if not found or len({one.source.instance for one in found}) < _instances(sight, exchange):
        return None
    one = found[-1]
    service = shown(one.source.service)
    if one.debugged:
        kept = "dropped its answer" if one.code == ANSWER_DROPPED else "kept it from its handler"
        text = f"a debugger {kept} in {service}"
        return Cause(DEBUGGER, text, tuple(map(_noted, found[:_MOST])), "breaks lists the rules that stand")
    waited = f" after {duration(one.queued)}" if one.queued is not None and one.code == "expired" else ""
    why = _REFUSED.get(one.code, f"it says {shown(one.code, text=True)}")
    if one.code == "expired" and one.action in sight.world.instances.coroutines(one.source.service):
        why = "its event loop did not come to it before its time was over"
    if one.listener:
        return _unfit(found, told.heard, exchange.number)
    return Cause(
        one.code or "refused",
        f"{service} refused it{waited}: {why}",
        (*(_noted(record) for record in found[:_MOST]), *busy_with(sight, one.source.service)),
        f"look at its workers: running {service}" if one.code in ("busy", "expired") else f"logs #{exchange.number}",
    )


def _unfit(found: Sequence[Refused], heard: Sequence[Heard], number: int) -> Cause:
    """A broadcast does not fit listeners."""
    listeners = {f"listener {shown(one.listener, text=True)} of {shown(one.source.service)}": None for one in found}
    evidence = [_noted(record) for record in found[:_MOST]]
    if heard:
        evidence.append(f"these heard it: {_names(heard)}")
    return Cause(
        found[-1].code,
        f"it does not fit {', '.join(list(listeners)[:_MOST])}",
        tuple(evidence),
        f"logs #{number} says which of its fields",
    )


def _instances(sight: Sight, exchange: Exchange) -> int:
    """How many must have refused a message for none to have taken it."""
    return 1 if exchange.kind is Kind.REQUEST else max(1, len(sight.told(exchange).handled) + 1)


def failed(sight: Sight, exchange: Exchange) -> Cause | None:
    """A handler or a listener of it failed, which nobody was told."""
    told = sight.told(exchange)
    wrong = [run for run in told.runs if run.failed]
    if not wrong:
        return None
    one = wrong[-1]
    error = ": ".join(part for part in (one.type, one.error) if part) or one.outcome
    well = [run for run in told.runs if not run.failed]
    evidence = [_ended(run) for run in wrong[:_MOST]]
    if well:
        evidence.append(f"these ended well: {_names(well)}")
    who = f"{shown(name_of_run(one), text=True)} of {shown(one.source.service)}"
    return Cause(
        "handler_raised",
        f"{who} raised, and nobody was told: {beginning(error, _LONGEST)}",
        tuple(evidence),
        f"logs #{exchange.number} shows where",
    )


def done(sight: Sight, exchange: Exchange) -> Cause | None:
    """It had its effect, as far as handlers have one: no cause, but more than that nothing speaks against it."""
    runs = sight.told(exchange).runs
    if not runs:
        return None
    evidence = tuple(_ended(run) for run in runs[:_MOST])
    return Cause("", f"nothing is wrong: {_names(runs)} ended well", evidence, f"logs #{exchange.number} tells more")


def unheard(sight: Sight, exchange: Exchange, listeners: set[str]) -> Cause | None:
    """Services that listen to a broadcast and tell of others, but not of this one."""
    told = sight.told(exchange)
    silent = listeners - {run.source.service for run in told.heard}
    if not told.heard or told.unsure or not silent:
        return None
    names = ", ".join(map(shown, sorted(silent)))
    heard = ", ".join(sorted({shown(run.source.service) for run in told.heard}))
    return Cause(
        "",
        f"{heard} heard it; {names} told nothing of it",
        (f"{names} listens to {quoted(exchange.target or '')}",),
        "",
    )


def hangs(sight: Sight, exchange: Exchange) -> Cause | None:
    """Where it is just now, as its service tells."""
    found = sight.standing(exchange)
    if not found or not (found[0].role == "error" or found[0].text.startswith("in ")):
        return None
    head, *rest = found
    over = exchange.state is State.TIMEOUT
    if (
        over
        and head.role != "error"
        and not any(one.of(exchange.request_id) for one in sight.reports(exchange.target or ""))
    ):
        return None
    if head.role == "error":
        return Cause("waits_in_a_circle", head.text, tuple(one.text for one in rest), _LEAVE_THE_CIRCLE)
    return Cause(
        "running",
        f"{call(exchange.target, exchange.action)} is {'still ' * over}{head.text}",
        tuple(one.text for one in rest),
        f"running {shown(exchange.target or '')} --stack shows every frame",
    )


def circle(sight: Sight, service: str) -> Cause | None:
    """It waits in a circle just now, for itself or with others."""
    found = sight.circles(service)
    return Cause("waits_in_a_circle", found[0], tuple(found[1:]), _LEAVE_THE_CIRCLE) if found else None


def stood(sight: Sight, service: str) -> Cause | None:
    """It was in a circle that was found just before."""
    for one in sight.book:
        if one.rule == "waits-for-itself" and one.last >= sight.now - _JUST_BEFORE:
            its = (sight.journal.exchange(number) for number in one.evidence)
            if service == one.service or any(each is not None and each.target == service for each in its):
                return Cause("waits_in_a_circle", one.text, (one.because,), one.advice)
    return None


def busy_with(sight: Sight, service: str) -> list[str]:
    """What the workers of a service do just now, a line each."""
    doing = [one for report in sight.reports(service) for one in report.doing]
    lines = []
    for one in doing[:_MOST]:
        at = f", at {shown(short(one.at), text=True)}" if one.at else ""
        waits = f", which waits for {call(one.waits[0].service, one.waits[0].action)}" if one.waits else ""
        lines.append(f"busy with {what(one)} for {seconds(one.age)}{waits}{at}")
    return lines + ([f"and {len(doing) - _MOST} more"] if len(doing) > _MOST else [])


def _noted(record: Refused) -> str:
    waited = f", after it had waited {duration(record.queued)}" if record.queued is not None else ""
    who = f"{shown(record.source.service)} {shown(record.source.instance, text=True)}"
    noted = "that" if record.debugged else shown(record.code, text=True)
    of = f" of listener {shown(record.listener, text=True)}" if record.listener else ""
    return f"{who} noted {noted}{of}{waited}"


def _ended(run: Handled | Heard) -> str:
    return f"{shown(run.source.service)} tells: {beginning(how_ended(run), _LONGEST)}"


def _names(runs: Sequence[Handled | Heard]) -> str:
    return ", ".join(f"{shown(name_of_run(run), text=True)} of {shown(run.source.service)}" for run in runs[:_MOST])
