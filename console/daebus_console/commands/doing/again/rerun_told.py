"""What came of running a handler again: as a record for programs, and that as lines for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daebus.testing import RerunResult
from daebus_console.commands.context import Exit, Output
from daebus_console.commands.doing.again.stepping import place_of
from daebus_console.commands.doing.shared.differing import change_lines
from daebus_console.engine.diff.exchange import Unread, answer_of
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.diff.values import Change, How
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.replay.redact import masked, of_payloads
from daebus_console.engine.replay.report import Result, change_data
from daebus_console.engine.rerun.case import Case
from daebus_console.engine.rerun.comparing import Performed, changes, compares_answer
from daebus_console.engine.rerun.edited import told_edit
from daebus_console.naming import fields, shown
from daebus_console.render import Span, duration, json_lines, line

_NOTHING = Redactor(())
_SENT = (("messages", "one-way message"), ("broadcasts", "broadcast"))


def record_of(
    case: Case, now: Performed, result: RerunResult, rules: Rules, redact: Redactor, app: str
) -> dict[str, Any]:
    """The record. `exit` is the exit status."""
    found = changes(case, now, rules)
    exchange = case.exchange
    wanted = exchange.kind is Kind.REQUEST
    if wanted and not now.answer.answered:
        outcome, status = Result.FAILED, Exit.TIMEOUT
    elif found:
        outcome, status = Result.CHANGED, Exit.ERROR
    else:
        outcome = Result.UNCOMPARED if wanted and not compares_answer(case) else Result.SAME
        status = Exit.DONE
    masking = _masking(case, now, redact)
    return {
        "exchange": exchange.number,
        **fields("service", exchange.target),
        "action": exchange.action,
        "app": app,
        "result": outcome.value,
        "status": now.answer.status if wanted else "handled",
        "payload": redact.mask(_shown(now.answer.payload)),
        "stream": [redact.mask(_shown(part)) for part in now.answer.stream],
        "then": answer_of(exchange).status,
        "latency_ms": round(result.seconds * 1000, 3),
        "raised": _raised(result.raised, redact),
        "calls": [_call(case, sent.name, place) for sent, place in now.calls],
        "messages": len(now.messages),
        "broadcasts": len(now.broadcasts),
        "broadcasts_sure": case.sure,
        "broadcasts_compared": case.casts,
        "debugged": case.touched or None,
        "edited": case.edited,
        "differences": [change_data(masked(change, masking) if redact else change) for change in found],
        "exit": int(status),
    }


def tell(record: dict[str, Any], output: Output) -> None:
    """The same for people: the answer and what differs as the result, the rest beside it."""
    name = f"{shown(record.get('service') or '')} {shown(record['action'], text=True)}"
    took = duration(record["latency_ms"] / 1000)
    if record["status"] == "unanswered":
        output.error(f"{name} gave no answer in {took}; it is left alone")
    elif record["status"] != "handled":
        output.result(json_lines(record["payload"]))
    output.note(f"#{record['exchange']} {name}, run again by {record['app']} in {took}: {record['status']}")
    if record["raised"] is not None:
        raised = record["raised"]
        output.note(f"it raised {raised['type']}: {raised['text']}" + (f" at {raised['at']}" if raised["at"] else ""))
    _tell_calls(record["calls"], output)
    sent = [_counted(record[what], noun) for what, noun in _SENT if record[what]]
    if sent:
        output.note(f"{' and '.join(sent)} collected, which reached nobody")
    if record["broadcasts"] and not record["broadcasts_compared"]:
        output.note("no broadcast is in the record, so that there is none to compare with")
    if record["debugged"]:
        output.note(f"when it was recorded {record['debugged']}")
    if edit := told_edit(record["edited"]):
        output.note(edit)
    if record["differences"]:
        output.result([line(Span(f"differs from #{record['exchange']}:", "warn"))])
        output.result(change_lines(map(_change, record["differences"]), _NOTHING))
    elif record["result"] == Result.UNCOMPARED:
        output.note(f"no answer was recorded then ({record['then']}), so that there is none to compare it with")
    elif record["result"] == Result.SAME:
        output.note(f"the same as in #{record['exchange']}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _tell_calls(calls: list[dict[str, Any]], output: Output) -> None:
    known = [f"#{call['exchange']} {call['name']}" for call in calls if call["exchange"] is not None]
    if known:
        output.note(f"{_counted(len(known), 'call')} answered from the capture: {', '.join(known)}")
    for call in calls:
        if call["exchange"] is None:
            output.error(f"the call {call['name']} is not in the capture: it got an error (not_recorded)")


def _change(data: dict[str, Any]) -> Change:
    return Change(data["path"], How(data["how"]), data.get("before"), data.get("after"))


def _call(case: Case, name: str, place: int | None) -> dict[str, Any]:
    return {"name": name, "exchange": None if place is None else case.calls[place].number}


def _raised(error: BaseException | None, redact: Redactor) -> dict[str, Any] | None:
    if error is None:
        return None
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the code of an exception may do anything
        text = ""
    return {"type": type(error).__name__, "text": redact.text(text), "at": place_of(error)}


def _masking(case: Case, now: Performed, redact: Redactor) -> Redactor:
    """What masks the differences, wherever in what is compared a secret stands."""
    if not redact:
        return redact
    roots: list[tuple[str, Any]] = []
    for answer in (answer_of(case.exchange), now.answer):
        roots.append(("response.payload", answer.payload))
        roots += [(f"stream[{index}].payload", part) for index, part in enumerate(answer.stream)]
    for what, sent in _sent(case, now):
        roots += [(f"{what}[{index}].payload", one) for index, one in enumerate(sent)]
    return of_payloads(redact, roots)


def _sent(case: Case, now: Performed) -> Iterable[tuple[str, list[Any]]]:
    for what in ("calls", "messages", "broadcasts"):
        yield what, [one.payload for one in getattr(case, what)]
    made = {place: sent.payload for sent, place in now.calls if place is not None}
    yield "calls", [made.get(place) for place in range(len(case.calls))]


def _shown(payload: Any) -> Any:
    return str(payload) if isinstance(payload, Unread) else payload
