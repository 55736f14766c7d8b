"""Running the handler of a case: from what was recorded to what `daebus.testing` takes, and back."""

from __future__ import annotations

from typing import Any

from daebus.errors import PayloadError
from daebus.service.registry import Registry
from daebus.testing import BusMessage, RerunResult, rerun_message
from daebus.testing import RecordedCall as CallToAnswer
from daebus.testing.client import App
from daebus.wire.objects import RawJson
from daebus_console.engine import jsontext
from daebus_console.engine.diff.exchange import Answer, Unread, read_payload
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.rerun.case import Case, RecordedCall, Sent, Unfit
from daebus_console.engine.rerun.comparing import Performed

_NOT_AGAIN = ("sent_at", "timeout", "retry_of", "traceparent", "tracestate", "baggage", "debug")
"""What would have it refused as late, or taken for part of what was then."""


class NoSuchAction(ValueError):
    """The app does not have the action; the text says what it has."""


def run(case: Case, app: App, timeout: float) -> tuple[Performed, RerunResult]:
    """Run the handler of `app` for what the case holds; what came of it, twice.

    Raises NoSuchAction, Unfit, ConfigurationError, and whatever a start hook of the app raises.
    """
    exchange = case.exchange
    check_action(case, app)
    calls = [_to_answer(call) for call in case.calls]
    result = rerun_message(
        app,
        _data(case),
        calls=calls,
        service=exchange.opened.channel,
        timeout=timeout,
    )
    places = {id(call): place for place, call in enumerate(calls)}
    return performed(result, places), result


def check_action(case: Case, app: App) -> None:
    """Raise NoSuchAction where the app does not have the action."""
    assert isinstance(app, Registry)
    action = case.exchange.action
    if action not in app.action_handlers:
        has = ", ".join(sorted(app.action_handlers)) or "no action"
        raise NoSuchAction(f"{app.name} has no action {action!r}; it has {has}")


def performed(result: RerunResult, places: dict[int, int]) -> Performed:
    """What a handler did, as it is compared. `places` are those of the calls in the record, by their identity."""
    final = next((reply for reply in result.replies if reply.final), None)
    stream = tuple(read_payload(reply.data) for reply in result.replies if not reply.final)
    payload = None if final is None else read_payload(final.data)
    return Performed(
        Answer(result.status, payload, stream, result.seconds),
        tuple(
            (_sent(made.message), None if made.recorded is None else places[id(made.recorded)]) for made in result.calls
        ),
        tuple(map(_sent, result.messages)),
        tuple(map(_sent, result.broadcasts)),
    )


def _sent(message: BusMessage) -> Sent:
    action = None if message.kind == "broadcast" else message.action
    return Sent(message.channel, action, read_payload(message.data, whole=action is None))


def _data(case: Case) -> bytes:
    """The message as it was, but for the times in it, and for what its handler got in the place of its payload."""
    try:
        text = wire.text_of(case.exchange.opened.data)
        members = jsontext.read_members(text)
    except (wire.Unreadable, ValueError) as error:
        raise Unfit(f"it cannot be read: {error}") from None
    names = {member.name for member in members}
    put = {} if case.edit is None else {"payload": jsontext.text_of(case.edit.payload)}
    # Where there is none, what stands beside the envelope's own fields is the payload.
    gone = [name for name in _NOT_AGAIN if name in names] if "payload" in names else []
    return (jsontext.with_members(text, put, gone) if gone or put else text).encode()


def _to_answer(call: RecordedCall) -> CallToAnswer:
    """Raises Unfit where JSON cannot carry what was seen."""
    answer = call.answer
    status = answer.status if answer.answered else "unanswered"
    try:
        return CallToAnswer(
            call.channel,
            call.action or "",
            _raw(call.payload),
            _raw(answer.payload),
            status,
            [_raw(part) for part in answer.stream],
            call.request_id,
        )
    except PayloadError as error:
        raise Unfit(f"call #{call.number} ({call.name}) cannot be answered as it was: {error}") from None


def _raw(value: Any) -> Any:
    """The value with all that its text says, where it is an object."""
    if isinstance(value, Unread):
        return {"unreadable": str(value)}
    if isinstance(value, dict):
        return RawJson(jsontext.text_of(value))
    return value
