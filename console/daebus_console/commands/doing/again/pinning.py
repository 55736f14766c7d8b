"""pin, pins and unpin: exchanges that are sent again whenever an instance of their service comes back."""

from __future__ import annotations

from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.again.comparing import calls_of, rules_of
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.under_way import under_way
from daebus_console.engine.diff.preview import previews
from daebus_console.engine.diff.values import Change, How
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.pins import Pin, Pins, Return, Unpinnable
from daebus_console.engine.replay.report import Result, Verdict, judge
from daebus_console.naming import fields, shown
from daebus_console.render import Span, duration, line, preview, table

_WIDEST = 40
_LONGEST = 100
_STYLES = {Result.SAME: "ok", Result.CHANGED: "error", Result.FAILED: "error", Result.UNCOMPARED: "dim"}
_SIGNS = {Result.SAME: "=", Result.CHANGED: "≠", Result.FAILED: "✗", Result.UNCOMPARED: "·"}


def run_pin(command: Command, context: Context) -> int:
    """Pin exchanges: all that are named, or none. Raises CommandError."""
    session = context.session
    if isinstance(session, OfflineSession):
        raise CommandError("this is a capture: no service comes back in it", 0, len("pin"))
    numbers: tuple[int, ...] = command["exchange"]
    if not numbers:
        raise CommandError("expected #N: which exchange to send again", len(command.line.rstrip()))
    exchanges = [context.exchange(number) for number in numbers]
    rules = rules_of(command)
    going = under_way(session)
    if going.pins is None:
        going.pins = Pins(
            session,
            lambda found: _tell(found, context),
            lambda service, instance: going.keeper is None or going.keeper.has_taken(service, instance),
        )
    try:
        going.pins.check(exchanges)
    except Unpinnable as error:
        raise CommandError(str(error)) from None
    for exchange in exchanges:
        going.pins.add(exchange, rules, command["timeout"])
        name = f"{shown(exchange.target or '')} {shown(exchange.action or '', text=True)}"
        context.output.note(
            f"#{exchange.number} {name} is sent again whenever {shown(exchange.target or '')} comes back;"
            f" `unpin #{exchange.number}` ends it"
        )
        _warn(exchange.target or "", context)
    return Exit.DONE


def _warn(service: str, context: Context) -> None:
    """Say so where a service is there and tells nothing of itself."""
    with context.session.lock:
        entry = context.session.directory.services.get(service)
        silent = entry is not None and entry.subscribers > 0 and not entry.framework
    if silent:
        context.output.note(
            f"{shown(service)} does not tell who it is: that it has come back is seen only where it does"
        )


def run_pins(command: Command, context: Context) -> int:
    """List them."""
    pins = under_way(context.session).pins
    found = pins.all() if pins is not None else []
    if command["json"]:
        for pin in found:
            context.output.record(_data(pin))
    elif found:
        rows: list[list[str | Span]] = [
            [
                f"#{pin.number}",
                Span(shown(pin.service), "bold"),
                shown(pin.exchange.action or "", text=True),
                str(pin.sent),
                pin.last or "-",
            ]
            for pin in found
        ]
        context.output.result(table(("", "SERVICE", "ACTION", "SENT", "LAST"), rows, right=frozenset({3})))
    else:
        context.output.note("nothing is pinned; `pin #N`, or A in the flow, does it")
    return Exit.DONE


def run_unpin(command: Command, context: Context) -> int:
    """End some, or all."""
    numbers: tuple[int, ...] = command["exchange"]
    pins = under_way(context.session).pins
    known = {pin.number for pin in pins.all()} if pins is not None else set()
    unknown = [number for number in numbers if number not in known]
    if unknown:
        raise CommandError(f"#{unknown[0]} is not pinned; `pins` lists what is", len(command.line.rstrip()))
    if not known or pins is None:
        context.output.note("nothing is pinned")
        return Exit.DONE
    for number in numbers or (None,):
        for pin in pins.remove(number):
            context.output.note(f"#{pin.number} is pinned no longer")
    return Exit.DONE


def _data(pin: Pin) -> dict[str, Any]:
    return {
        "exchange": pin.number,
        **fields("service", pin.service),
        "action": pin.exchange.action,
        "sent": pin.sent,
        "last": pin.last or None,
    }


def _tell(found: Return, context: Context) -> None:
    """One line: the same, changed (where), or failed."""
    pin, outcome = found.pin, found.outcome
    name = f"#{pin.number} {shown(pin.service)} {shown(pin.exchange.action or '', text=True)}"
    if outcome is None:
        result, told = Result.FAILED, found.problem
    else:
        calls = calls_of(pin.exchange, context)
        verdict = judge(outcome, pin.rules, context.redact if context.redact else None, calls)
        result, told = verdict.result, _told(verdict, context.redact.mask(outcome.answer.payload))
    pin.last = result.value
    word = "sent" if outcome is not None and outcome.answer.status == "sent" else result.value
    took = outcome.answer.latency if outcome is not None else None
    text = f"{_SIGNS[result]} {name}: {word}{told and f': {told}'}{'' if took is None else f' in {duration(took)}'}"
    # One piece: where the pane is not seen, the screen shows the first.
    new = _number(found, context)
    about = f"as #{new}, instance" if new else "instance"
    context.output.result([line(Span(f"{text} ({about} {shown(found.instance)})", _STYLES[result]))])
    context.output.flush()


def _number(found: Return, context: Context) -> int:
    """The number of the exchange that was sent; 0 where it was not seen."""
    if found.outcome is None or not found.outcome.request_id:
        return 0
    with context.session.lock:
        new = context.session.correlator.find(found.outcome.request_id)
    return 0 if new is None else new.number


def _told(verdict: Verdict, payload: Any) -> str:
    """What is to be said of it; `payload` is the answer of now."""
    if verdict.result is not Result.CHANGED:
        return verdict.reason
    first, *others = verdict.changes
    if first.path == "response.status" and isinstance(payload, dict) and "error" in payload:
        # What went wrong tells more than that something did.
        return f"{first.before} → {first.after}: {preview(payload['error'], _LONGEST)}"
    more = f", and {len(others)} more" if others else ""
    return f"{first.path} {_change(first)}{more}"


def _change(change: Change) -> str:
    if change.how is How.ADDED:
        return f"is new: {preview(change.after, _WIDEST)}"
    if change.how is How.REMOVED:
        return "is gone"
    return " → ".join(previews(change, _WIDEST, _WIDEST))
