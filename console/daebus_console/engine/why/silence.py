"""Why there is no answer, or not yet. Pure."""

from __future__ import annotations

from daebus_console.dates import clock
from daebus_console.engine.findings.finding import Finding
from daebus_console.engine.findings.words import call, duration, quoted, shown
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.why import debugged
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.doors import answers_kept_out
from daebus_console.engine.why.recorded import hangs
from daebus_console.engine.why.serving import busy, can, nobody, restarted, silent, unknown_action
from daebus_console.engine.why.sight import Sight
from daebus_console.text import clean

_FOUND = ("nobody-listens", "waits-for-itself", "stray-answer")
_SHOWN_BY = ("gone-meanwhile", "answered-twice")
"""Findings that are the cause only where the request itself is evidence."""
_DEEPEST = 50


def unanswered(sight: Sight, exchange: Exchange) -> Cause:
    """A request without an answer."""
    if exchange.state is State.UNKNOWN:
        return _unseen(sight, exchange)
    service, action, since = exchange.target or "", exchange.action or "", exchange.opened.at
    found = _found(sight, exchange)
    if found is not None:
        name = "nobody" if found.rule == "nobody-listens" else found.rule.replace("-", "_")
        return Cause(name, found.text, (found.because,), found.advice)
    return (
        unknown_action(sight, service, action, [exchange])
        or nobody(sight, service, since)
        or hangs(sight, exchange)
        or _waiting(sight, exchange)
        or restarted(sight, service, since)
        or busy(sight, service)
        or silent(sight, service)
        or answers_kept_out(sight, service)
        or _running(sight, exchange)
        or _unknown(sight, exchange)
    )


def _unknown(sight: Sight, exchange: Exchange) -> Cause:
    """No cause is known; but a service may be there that has nearly the name of one that nobody knows."""
    service, action = exchange.target or "", exchange.action or ""
    known = sight.subscribers(service) or sight.world.instances.of(service)
    meant = None if known else sight.meant(service)
    text, advice = f"no cause is known: {can(sight, service, action)}", f"look at the log of {shown(service)}"
    if meant is not None:
        text += f"; {quoted(meant)} is there"
        advice = f"write {quoted(meant)} where {quoted(service)} is sent, if that is meant"
    evidence = f"#{exchange.number} was sent at {clock(exchange.opened.at)}, and no answer was seen"
    return Cause("", text, (evidence, *debugged.may_have_dropped(sight, exchange)), advice)


def _found(sight: Sight, exchange: Exchange) -> Finding | None:
    """What was found of it, or else of others that were sent to the same about then."""
    shown_by = (one for one in sight.findings_on(exchange, *_FOUND, *_SHOWN_BY) if exchange.number in one.evidence)
    return next(shown_by, None) or next(sight.findings_on(exchange, *_FOUND), None)


def _unseen(sight: Sight, exchange: Exchange) -> Cause:
    gap = sight.gap_after(exchange.opened.at)
    if gap is None:
        return Cause(
            "gap",
            "its answer may have come where this console did not read",
            ("what there was on its reply channel was not all seen since it was sent",),
            "look at its caller, who knows",
        )
    lasted = "since then" if gap.seconds is None else f"for {duration(gap.seconds)}"
    return Cause(
        "gap",
        f"its answer may have come unseen: this console saw {'a part' if gap.partly else 'nothing'} {lasted}",
        (f"from {clock(gap.start)}: {clean(gap.reason)}",),
        "look at its caller, who knows",
    )


def _waiting(sight: Sight, exchange: Exchange) -> Cause | None:
    """Its handler waits, or waited, for a call of its own: the deepest of them."""
    at, way, seen = exchange, [exchange], {exchange.number}
    while len(way) < _DEEPEST:
        end = at.until
        below = [
            one
            for one in sight.calls_of(at)
            if one.kind is Kind.REQUEST and one.number not in seen and _open_until(one, end)
        ]
        if not below:
            break
        at = below[-1]
        seen.add(at.number)
        way.append(at)
    if at is exchange:
        return None
    path = " → ".join(f"{call(one.target, one.action)} (#{one.number})" for one in way)
    waits = "waits" if at.state is State.PENDING else "waited in vain"
    return Cause(
        "waits_for",
        f"its handler {waits} for {call(at.target, at.action)} (#{at.number})",
        (path, f"#{at.number} has {'no answer yet' if at.state is State.PENDING else 'got no answer'}"),
        f"why #{at.number}",
    )


def _open_until(one: Exchange, end: float) -> bool:
    if one.state in (State.PENDING, State.UNKNOWN):
        return True
    return one.state is State.TIMEOUT and (one.answer is None or one.answer.at > end)


def _running(sight: Sight, exchange: Exchange) -> Cause | None:
    if exchange.state is not State.PENDING:
        return None
    so_far, left = max(0.0, sight.now - exchange.opened.at), exchange.until - sight.now
    parts = len(exchange.parts)
    sent = f"it was sent {duration(so_far)} {'before the end' if sight.recorded else 'ago'}"
    evidence = [f"{sent}, and its caller waits {duration(max(0.0, left))} more"]
    if parts:
        evidence.append(f"{parts} part{'s' * (parts != 1)} of its answer {'have' if parts != 1 else 'has'} come")
    if sight.recorded:
        text = f"{call(exchange.target, exchange.action)} has no answer where the recording ends"
        return Cause("recording_ends", text, tuple(evidence))
    return Cause(
        "running",
        f"{call(exchange.target, exchange.action)} is still running, or waits for a worker",
        tuple(evidence),
        f"wait for it; then why #{exchange.number} again",
    )
