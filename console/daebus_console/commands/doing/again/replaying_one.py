"""replay of one exchange, perhaps edited: its answer, and what differs from that of then."""

from __future__ import annotations

from typing import Any

from daebus.errors import RedisUnavailable, RequestFailed, RequestTimeout, ServiceUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.bus import redis_at
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.again.comparing import calls_of
from daebus_console.commands.doing.again.driving import drive, links_for
from daebus_console.commands.doing.shared.choosing import Chosen, choose
from daebus_console.commands.doing.shared.differing import change_lines
from daebus_console.commands.doing.shared.guard import patterns_of_ours
from daebus_console.commands.doing.shared.sources import ContextSources
from daebus_console.commands.errors import CommandError, NotConfirmed
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.edits import parse_edits
from daebus_console.engine.diff.exchange import Unread, read_payload
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.item import Resend, Unsendable, resend_of
from daebus_console.engine.replay.pace import Pace
from daebus_console.engine.replay.replay import Outcome, Replay
from daebus_console.engine.replay.report import Result, Verdict, change_data, judge
from daebus_console.engine.replay.wire import check_no_replica, count_subscribers, may_read_by_pattern
from daebus_console.engine.sender import Cancelled
from daebus_console.naming import quoted, shown
from daebus_console.render import Span, duration, json_lines, line, repeated_line


def address_of(command: Command, context: Context) -> RedisAddress:
    """The Redis to send it to. Raises CommandError, ConfigurationError."""
    if command["redis"] is not None:
        return redis_at(command["redis"]).address
    session = context.session
    if not isinstance(session, OfflineSession):
        return session.address
    if session.target is None:
        raise CommandError("this is a capture, connected to no Redis: name one with --redis URL", len(command.line))
    return session.target


def changed(command: Command, item: Resend) -> Resend:
    """The message as the command wants it sent."""
    return item.to(command["to"]) if command["to"] is not None else item


def replay_chosen(chosen: Chosen, command: Command, context: Context, address: RedisAddress, rules: Rules) -> int:
    """Send the one that is chosen again, edited as the words behind it say. Raises as `replay_one` does."""
    (origin,) = chosen.each()
    try:
        item = changed(command, resend_of(origin))
    except Unsendable as error:
        raise CommandError(f"#{origin.number} cannot be sent again: {error}") from None
    edits = parse_edits(chosen.rest)
    if edits:
        try:
            item = item.with_payload(edits.apply(item.payload, ContextSources(context)))
        except Unsendable as error:
            raise CommandError(f"#{origin.number} cannot be edited: {error}") from None
    return replay_one(context, origin, item, address=address, rules=rules, command=command)


def replay_edited(command: Command, context: Context, item: Resend) -> int:
    """Send `item` in place of the one exchange that the command names: it was edited elsewhere."""
    (number,) = choose(command["what"], command.line, context).numbers
    return replay_one(context, context.exchange(number), item, address=address_of(command, context), command=command)


def replay_one(
    context: Context,
    origin: Exchange,
    item: Resend,
    *,
    address: RedisAddress | None = None,
    rules: Rules | None = None,
    command: Command | None = None,
) -> int:
    """Send `item`, which replays `origin`, and tell what came of it.

    Raises ServiceUnavailable, NotConfirmed, Cancelled, RedisUnavailable, RequestTimeout, RequestFailed.
    """
    address = address or context.session.address
    given = command.arguments if command is not None else {}
    if given.get("dry_run"):
        payload = item.carried if item.raw is None else _shown(read_payload(item.raw, whole=True))
        context.output.result([line(f"{_noun(item)} {_to(item)}"), *json_lines(context.redact.mask(payload))])
        return Exit.DONE
    _ask_before_one(item, context, address, bool(given.get("yes")))
    found: list[Outcome] = []
    with links_for(context, address, origins=True) as links:
        replay = Replay(
            [origin],
            address,
            on_outcome=found.append,
            pace=Pace(asap=True),
            timeout=given.get("timeout"),
            change=lambda _item: item,
            links=links,
        )
        drive(replay, context)
    if not found:
        raise Cancelled(f"stopped waiting for {quoted(item.service)}; it was not told, and may still handle it")
    (outcome,) = found
    verdict = judge(outcome, rules or Rules(), context.redact, calls_of(origin, context))
    return _tell_one(outcome, verdict, context, bool(given.get("json")))


def _ask_before_one(item: Resend, context: Context, address: RedisAddress, yes: bool) -> None:
    counts = count_subscribers(address, [item.channel])
    count = counts[item.channel] if counts is not None else None
    if item.kind is not Kind.BROADCAST:
        if count == 0 and not (item.dialect is not None and may_read_by_pattern(address, patterns_of_ours(context))):
            check_no_replica(address)
            raise ServiceUnavailable(
                f"nobody serves {quoted(item.service)}: its channel has no subscriber; nothing was sent"
            )
        return
    who = "an unknown number of subscribers" if count is None else f"{count} subscriber{'s' * (count != 1)}"
    if not yes and not context.confirm(f"Broadcast it again on {quoted(item.channel)}, to {who}?"):
        raise NotConfirmed("not confirmed, so nothing was sent (--yes does not ask)")


def _tell_one(outcome: Outcome, verdict: Verdict, context: Context, as_json: bool) -> int:
    """The answer and what differs, or the error that there is."""
    answer, item, output = outcome.answer, outcome.item, context.output
    assert item is not None, "it was given"
    with context.session.lock:
        new = context.session.correlator.find(outcome.request_id) if outcome.request_id else None
    number = f" as #{new.number}" if new is not None else ""
    if as_json:
        output.record(_one_data(outcome, verdict, context, new))
    elif answer.answered and answer.status == "ok":
        output.result(json_lines(context.redact.mask(_shown(answer.payload))))
        twice = repeated_line(answer.payload)
        if twice is not None:
            output.progress(twice)
    context.variables["last"] = answer.payload if answer.answered else context.variables.get("last")
    if answer.status == "sent":
        output.note(f"{_noun(item)} sent again {_to(item)}")
    elif answer.answered:
        output.note(f"sent again{number}; {shown(item.service)} answered in {duration(answer.latency)}")
        if not as_json:
            _tell_difference(outcome, verdict, context)
    elif verdict.late:
        output.note(f"#{outcome.origin.number} was not answered in time either")
    return _status_of(outcome)


def _tell_difference(outcome: Outcome, verdict: Verdict, context: Context) -> None:
    if verdict.debugged:
        compared = "" if verdict.result is not Result.UNCOMPARED else "; the answers are not compared"
        context.output.note(f"when it was recorded {verdict.debugged}{compared}")
    if verdict.result is Result.CHANGED:
        context.output.result([line(Span(f"differs from #{outcome.origin.number}:", "warn"))])
        # It is masked already.
        context.output.result(change_lines(verdict.changes, context.redact))
    elif verdict.result is Result.SAME:
        late = ", and too late as well" if verdict.late else ""
        context.output.note(f"the same answer as in #{outcome.origin.number}{late}")


def _status_of(outcome: Outcome) -> int:
    """The exit status of one that was sent. Raises what stands for the others."""
    status, reason = outcome.answer.status, outcome.reason
    if status == "error":
        payload = outcome.answer.payload
        text = payload.get("error") if isinstance(payload, dict) else payload
        code = payload.get("code") if isinstance(payload, dict) else None
        raise RequestFailed(str(text), code if isinstance(code, str) else None, None, payload)
    if status == "timeout":
        raise RequestTimeout(f"{outcome.item.service if outcome.item else ''}: {reason}; it may still be handled")
    if status == "nobody":
        raise ServiceUnavailable(reason)
    if status == "lost":
        raise RedisUnavailable(reason)
    if status == "cancelled":
        raise Cancelled(reason)
    if status == "unsent":
        raise CommandError(f"it cannot be sent: {reason}")
    return Exit.DONE


def _one_data(outcome: Outcome, verdict: Verdict, context: Context, new: Exchange | None) -> dict[str, Any]:
    mask = context.redact.mask
    return {
        "replays": outcome.origin.number,
        "exchange": None if new is None else new.number,
        "request_id": outcome.request_id or None,
        "status": outcome.answer.status,
        "payload": mask(_shown(outcome.answer.payload)),
        "stream": [mask(_shown(part)) for part in outcome.answer.stream],
        "latency_ms": None if outcome.answer.latency is None else round(outcome.answer.latency * 1000, 3),
        "result": verdict.result.value,
        "late": verdict.late,
        "debugged": verdict.debugged or None,
        "differences": [change_data(change) for change in verdict.changes],
    }


def _shown(payload: Any) -> Any:
    return str(payload) if isinstance(payload, Unread) else payload


def _noun(item: Resend) -> str:
    return {Kind.REQUEST: "request", Kind.ONE_WAY: "one-way message", Kind.BROADCAST: "broadcast"}[item.kind]


def _to(item: Resend) -> str:
    return (
        f"on {shown(item.channel)}"
        if item.kind is Kind.BROADCAST
        else f"to {shown(item.service)} {shown(item.action or '', text=True)}"
    )
