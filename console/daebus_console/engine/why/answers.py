"""Why an answer is an error, late, or where its caller does not listen. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.findings.families import longest_call
from daebus_console.engine.findings.keys import missing_key
from daebus_console.engine.findings.payloads import error_of
from daebus_console.engine.findings.places import in_place, place_in
from daebus_console.engine.findings.words import DROPPED, KEEP_THE_HANDLE, call, duration, quoted, shown, who_holds
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.why import debugged
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.recorded import busy_with
from daebus_console.engine.why.serving import unknown_action
from daebus_console.engine.why.sight import Sight
from daebus_console.text import beginning, clean

_LONGEST = 300
_REFUSED = {
    "busy": ("its queue was full", "look at its workers: services {0}"),
    "expired": ("no worker was free before the caller's time was over", "look at its workers: services {0}"),
    "shutting_down": ("it was stopping", "send it again once {0} is back"),
    "redis_refused": ("Redis refused the answer", "look at the rights of the service in Redis, and at its log"),
    "bad_request": ("the request is not what it takes", "look at the request: show #{1}"),
    "no_response": (
        "its handler ended without an answer",
        "let the handler of {0} return a dict or call response.send",
    ),
    "forbidden": ("it does not allow that", "look at the options of {0}"),
}


def elsewhere(exchange: Exchange) -> Cause | None:
    """The answer went to another channel than the caller listens to."""
    answer = exchange.answer
    known = (answer, *(exchange.aside.extra or ()))
    if answer is None or exchange.reply_to is None or any(exchange.may_reach(one) for one in known if one is not None):
        return None
    return Cause(
        "elsewhere",
        f"the answer went to {quoted(answer.channel)}, and the caller listens on {quoted(exchange.reply_to)}",
        (f"#{exchange.number} asks for its answer on {quoted(exchange.reply_to)}", "an answer with its id came there"),
        f"let {shown(exchange.target or 'the service')} answer on the reply_to of the request",
    )


def failed(sight: Sight, exchange: Exchange) -> Cause | None:
    """It was answered with an error."""
    if exchange.answer is None or not exchange.answer.error:
        return None
    code, text = exchange.aside.code or "", _error(exchange)
    if exchange.answered_by_another:
        return _passed_on(sight, exchange, text)
    by_debugger = debugged.failed(exchange, text)
    if by_debugger is not None:
        return by_debugger
    if code == "unknown_action":
        return _unknown(sight, exchange, text)
    found = _risen(sight, exchange)
    if found is None and code == "expired" and exchange.elapsed is not None:
        found = _cut_off(exchange, text)
    elif found is None and code in _REFUSED and not (code == "busy" and exchange.elapsed is not None):
        found = _refused(sight, exchange, code, text)
    return found or _unanswered_below(sight, exchange, text) or _raised(sight, exchange, code, text)


def _passed_on(sight: Sight, exchange: Exchange, text: str) -> Cause:
    """Whoever was asked here did not give that answer."""
    number = exchange.answer.exchange if exchange.answer is not None else 0
    other = sight.journal.exchange(number)
    name = call(other.target, other.action) if other is not None else "another service"
    return Cause(
        "passed_on",
        f"it was passed on to {name} (#{number}), and that was answered with an error: {text}",
        (f"#{number} has the same id, action and payload, and was sent while #{exchange.number} waited",),
        f"why #{number}",
    )


def _unknown(sight: Sight, exchange: Exchange, text: str) -> Cause:
    service, action = exchange.target or "", exchange.action or ""
    return unknown_action(sight, service, action) or Cause(
        "unknown_action",
        f"{shown(service)} has no action {quoted(action)}",
        (f"it answered: {text}",),
        f"correct the name where it is called: services {shown(service)} lists what there is",
    )


def _risen(sight: Sight, exchange: Exchange) -> Cause | None:
    """The error of a call that was made for it."""
    deepest = _deepest(sight, exchange)
    if deepest is None:
        return None
    return Cause(
        "error_below",
        f"its call to {call(deepest.target, deepest.action)} (#{deepest.number}) failed, and the error rose:"
        f" {_error(deepest)}",
        (f"#{deepest.number} was made for #{exchange.number}, and failed before it did",),
        f"why #{deepest.number}",
    )


def _cut_off(exchange: Exchange, text: str) -> Cause:
    return Cause(
        "expired",
        f"the answer of {call(exchange.target, exchange.action)} was not complete when its time was over: {text}",
        (f"its handler had begun: it ran for {duration(exchange.elapsed or 0.0)}",),
        f"wait longer, or find out what takes so long: logs #{exchange.number}",
    )


def _refused(sight: Sight, exchange: Exchange, code: str, text: str) -> Cause:
    """The service itself did not let it come to an answer of the handler."""
    service, action = exchange.target or "", exchange.action or ""
    why, advice = _REFUSED[code]
    if code == "expired" and action in sight.world.instances.coroutines(service):
        why = "its event loop did not come to it before the caller's time was over"
        advice = who_holds(service, on_loop=True)
    if code == "no_response" and DROPPED in text:
        why, advice = "what response.defer gave was let go of, unanswered", KEEP_THE_HANDLE
    return Cause(
        code,
        f"{call(service, action)}: {why}" if code == "no_response" else f"{shown(service)} refused it: {why}",
        (f"it answered {code}: {text}", *(_held(sight, exchange) if code in ("busy", "expired") else ())),
        advice.format(shown(service), exchange.number),
    )


def _unanswered_below(sight: Sight, exchange: Exchange, text: str) -> Cause | None:
    """A call that was made for it had no answer: nobody serves it, or its time ran out."""
    kind, _said = error_of(exchange)
    unserved = _unserved(sight, exchange) if kind == "ServiceUnavailable" else None
    if unserved is not None:
        return Cause(
            "nobody_serves",
            f"its call to {call(unserved.target, unserved.action)} (#{unserved.number}) reached nobody: {text}",
            (f"#{unserved.number} was made for #{exchange.number}, and has no answer",),
            f"start {shown(unserved.target or '?')}; why #{unserved.number} tells more",
        )
    overdue = _overdue(sight, exchange) if kind == "RequestTimeout" else None
    if overdue is not None:
        return Cause(
            "timeout_below",
            f"its call to {call(overdue.target, overdue.action)} (#{overdue.number}) had no answer in its time, and the"
            f" error rose: {text}",
            (f"#{overdue.number} was made for #{exchange.number}, which names it in its error",),
            f"why #{overdue.number}",
        )
    return None


def _raised(sight: Sight, exchange: Exchange, code: str, text: str) -> Cause:
    service = exchange.target or ""
    places = [place for run in sight.told(exchange).runs if run.failed and (place := place_in(run.traceback))]
    hint, slip = missing_key(*error_of(exchange), exchange)
    with_code = f" with the code {code}" if code else ""
    return Cause(
        code or "error",
        f"the handler of {call(service, exchange.action or '')} failed: {text}"
        + in_place(places[-1] if places else ""),
        (
            *([hint] if hint else ()),
            f"the answer of {shown(exchange.instance or service)} is an error{with_code}",
        ),
        slip or f"look at what was asked: show #{exchange.number}; then at its log: logs #{exchange.number}",
    )


def late(
    exchange: Exchange, calls: Sequence[Exchange] = (), queued: float | None = None, room: str = "a worker"
) -> Cause | None:
    """The answer came after the caller had given up, or may have; `calls` are those that were made for it, and `queued`
    are the seconds that it waited for `room`, as its service tells.
    """
    answer = exchange.answer
    if answer is None or not exchange.flags & Flag.LATE or exchange.flags & Flag.TIMELESS:
        return None
    took, waited = answer.at - exchange.opened.at, exchange.until - exchange.opened.at
    declared = exchange.has(Flag.DECLARED)
    told = f"the caller waits {duration(waited)}" if declared else "the caller does not tell how long it waits"
    evidence = [f"{told}; the answer came after {duration(took)}"]
    where = "it took that long"
    if exchange.elapsed is not None and exchange.elapsed >= 0:
        evidence.append(f"{duration(exchange.elapsed)} of it in the handler, as the service tells")
        where = (
            "the handler took most of it" if exchange.elapsed > took / 2 else "most of it passed outside of its handler"
        )
    if queued is not None:
        evidence.append(f"it had waited {duration(queued)} for {room}, as the service tells")
        where = f"it waited for {room} most of it" if queued > took / 2 else where
    slow = longest_call(calls, exchange)
    if slow is not None:
        below, spent = slow
        evidence.append(f"{duration(spent)} of it its call #{below.number} took: {call(below.target, below.action)}")
        where = f"most of it was its call to {call(below.target, below.action)}"
    where = debugged.slowed(exchange) or where
    advice = "find out what takes so long" + (f": trace #{exchange.number}" if slow is not None else "")
    if not declared:
        text = f"the answer came after {duration(took)}, perhaps too late for its caller: {where}"
        return Cause("late", text, tuple(evidence), advice)
    text = f"the answer came {duration(took - waited)} too late: {where}"
    return Cause("late", text, tuple(evidence), f"wait longer than {duration(took)}, or {advice}")


def _held(sight: Sight, exchange: Exchange) -> list[str]:
    """What its workers were busy with just before, and are now."""
    service, answer = exchange.target or "", exchange.answer
    held = sight.world.held(service, answer.at, exchange.action) if answer is not None else None
    return ([held.because] if held is not None else []) + busy_with(sight, service)


def _error(exchange: Exchange) -> str:
    """What the error answer says."""
    kind, text = error_of(exchange)
    found = text or "it does not say why"
    prefix = f"{kind}: " if kind and not found.startswith(kind) else ""
    return beginning(prefix + found, _LONGEST)


def _deepest(sight: Sight, exchange: Exchange) -> Exchange | None:
    """The call in which an error arose that rose to this one: its text stands in the text of this one's error."""
    found, at, seen = None, exchange, {exchange.number}
    while True:
        end, text = at.answer, _error(at)
        below = [
            one
            for one in sight.calls_of(at)
            if one.kind is Kind.REQUEST and one.state is State.ERROR and one.answer is not None and end is not None
            and one.answer.at <= end.at and one.number not in seen and _said(one) and _said(one) in text
        ]  # fmt: skip
        if not below:
            return found
        found = at = below[-1]
        seen.add(at.number)


def _unserved(sight: Sight, exchange: Exchange) -> Exchange | None:
    """The call without an answer of which its error says that nobody serves it."""
    said = error_of(exchange)[1]
    return next(
        (
            one
            for one in sight.calls_of(exchange)
            if one.kind is Kind.REQUEST and one.answer is None and f"'{one.target}'" in said
        ),
        None,
    )


def _overdue(sight: Sight, exchange: Exchange) -> Exchange | None:
    """The call that ran out of its time, which its error names by the id."""
    said = error_of(exchange)[1]
    return next(
        (
            one
            for one in sight.calls_of(exchange)
            if one.kind is Kind.REQUEST and one.request_id is not None and one.request_id in said
        ),
        None,
    )


def _said(exchange: Exchange) -> str:
    return clean(error_of(exchange)[1][:_LONGEST])
