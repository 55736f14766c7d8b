"""replay: what was seen is sent again, one exchange or many, and the answers are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from daebus.errors import RedisUnavailable, RequestFailed, RequestTimeout, ServiceUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.bus import redis_at
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.again.comparing import rules_of
from daebus_console.commands.doing.again.driving import drive, links_for
from daebus_console.commands.doing.again.reporting import plan_lines, report_lines, summary
from daebus_console.commands.doing.shared.advising import advised
from daebus_console.commands.doing.shared.choosing import Chosen, choose, inputs_of
from daebus_console.commands.doing.shared.differing import change_lines
from daebus_console.commands.doing.shared.guard import host_of, is_this_machine
from daebus_console.commands.doing.shared.inputs import giving_up, misplaced, tell_warnings
from daebus_console.commands.doing.shared.sources import ContextSources
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.edits import parse_edits
from daebus_console.commands.verbs import Face
from daebus_console.engine.diff.exchange import Unread, read_payload
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.touched import touched_calls
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.item import Resend, Unsendable, resend_of
from daebus_console.engine.replay.junit import JUnit
from daebus_console.engine.replay.pace import Pace
from daebus_console.engine.replay.plan import INCLUDABLE, Choice, Plan, make_plan, missing
from daebus_console.engine.replay.replay import Outcome, Replay
from daebus_console.engine.replay.report import Report, Result, Verdict, change_data, judge
from daebus_console.engine.replay.wire import check_no_replica, count_subscribers
from daebus_console.engine.sender import Cancelled
from daebus_console.files.places import FileError, is_standard_output
from daebus_console.naming import quoted, shown
from daebus_console.render import Span, duration, json_lines, line, repeated_line

_HOLD = {
    Face.SHELL: "Ctrl-C ends it, Ctrl-Z holds it until `fg`",
    Face.PROMPT: "ctrl+c ends it; P in the full screen, or `pause` at a prompt, holds it",
}


def run_replay(command: Command, context: Context) -> int:
    """Replay one exchange, or many."""
    words = command["what"]
    address = _address(command, context)
    rules = rules_of(command)
    chosen = choose(words, command.line, context)
    if len(chosen.numbers) == 1:
        return _one(chosen, command, context, address, rules)
    if chosen.rest:
        raise chosen.rest[0].error("only one exchange at a time can be edited")
    return _Many(chosen, command, context, address, rules).run()


def _address(command: Command, context: Context) -> RedisAddress:
    """The Redis to send it to. Raises CommandError, ConfigurationError."""
    if command["redis"] is not None:
        return redis_at(command["redis"]).address
    session = context.session
    if not isinstance(session, OfflineSession):
        return session.address
    if session.target is None:
        raise CommandError("this is a capture, connected to no Redis: name one with --redis URL", len(command.line))
    return session.target


def _change(command: Command, item: Resend) -> Resend:
    return item.to(command["to"]) if command["to"] is not None else item


# One -----------------------------------------------------------------------------------------------------------


def _one(chosen: Chosen, command: Command, context: Context, address: RedisAddress, rules: Rules) -> int:
    (origin,) = chosen.each()
    try:
        item = _change(command, resend_of(origin))
    except Unsendable as error:
        raise CommandError(f"#{origin.number} cannot be sent again: {error}") from None
    edits = parse_edits(chosen.rest)
    if edits:
        item = item.with_payload(edits.apply(item.payload, ContextSources(context)))
    return replay_one(context, origin, item, address=address, rules=rules, command=command)


def replay_edited(command: Command, context: Context, item: Resend) -> int:
    """Send `item` in place of the one exchange that the command names: it was edited elsewhere."""
    (number,) = choose(command["what"], command.line, context).numbers
    return replay_one(context, context.exchange(number), item, address=_address(command, context), command=command)


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

    Raises ServiceUnavailable, Cancelled, RedisUnavailable, RequestTimeout, RequestFailed.
    """
    address = address or context.session.address
    given = command.arguments if command is not None else {}
    if given.get("dry_run"):
        payload = item.payload if item.raw is None else _shown(read_payload(item.raw, whole=True))
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
    with context.session.lock:
        calls = touched_calls(origin, context.session.journal.exchanges)
    verdict = judge(outcome, rules or Rules(), context.redact, calls)
    return _tell_one(outcome, verdict, context, bool(given.get("json")))


def _ask_before_one(item: Resend, context: Context, address: RedisAddress, yes: bool) -> None:
    counts = count_subscribers(address, [item.channel])
    count = counts[item.channel] if counts is not None else None
    if item.kind is not Kind.BROADCAST:
        if count == 0:
            check_no_replica(address)
            raise ServiceUnavailable(
                f"nobody serves {quoted(item.service)}: its channel has no subscriber; nothing was sent"
            )
        return
    who = "an unknown number of subscribers" if count is None else f"{count} subscriber{'s' * (count != 1)}"
    if not yes and not context.confirm(f"Broadcast it again on {quoted(item.channel)}, to {who}?"):
        raise Cancelled("not confirmed, so nothing was sent (--yes does not ask)")


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


# Many ----------------------------------------------------------------------------------------------------------


class _Many:
    """A replay of many, from the plan to the report."""

    def __init__(self, chosen: Chosen, command: Command, context: Context, address: RedisAddress, rules: Rules) -> None:
        self.chosen, self.command, self.context, self.address = chosen, command, context, address
        self.choice = Choice(_kinds(command), roots=command["roots"], to=command["to"])
        self.pace = Pace(command["speed"] or 1.0, command["rate"], command["asap"])
        self.report = Report(rules, context.redact if context.redact else None)
        self.left_out: set[str] = set()

    def run(self) -> int:
        plan = make_plan(self._exchanges(), self.choice)
        self.report.calls = plan.debugged
        self._tell_plan(plan)
        if self.command["dry_run"]:
            return Exit.DONE
        if not plan.total:
            raise CommandError(f"there is nothing to replay: {plan.describe()}")
        self._ask(plan, self._present(plan))
        with ExitStack() as stack:
            junit = self._junit(stack)
            links = stack.enter_context(links_for(self.context, self.address, origins=self.chosen.live))

            def add(outcome: Outcome) -> None:
                verdict = self.report.add(outcome)
                if junit is not None:
                    junit.add(outcome, verdict)

            replay = Replay(
                self.choice.of(self._exchanges()),
                self.address,
                on_outcome=add,
                pace=self.pace,
                in_flight=self.command["in_flight"],
                timeout=self.command["timeout"],
                change=lambda item: _change(self.command, item),
                links=links,
            )
            if not self.command["json"]:
                self.context.output.note(_HOLD[self.context.face])
            interrupted = drive(replay, self.context, plan.total - self._absent(plan))
            status = self._tell(plan, replay, interrupted)
            if junit is not None:
                self._complete(junit, replay, plan)
        return status

    def _exchanges(self) -> Iterator[Exchange]:
        found: Iterable[Exchange] = self.chosen.each()
        if self.chosen.live and not self.chosen.numbers:
            # What a filter finds in the session are also earlier replays of the same.
            found = (exchange for exchange in found if not exchange.aside.origin)
        if self.left_out:
            found = (exchange for exchange in found if (self.choice.to or exchange.opened.channel) not in self.left_out)
        return iter(found)

    def _absent(self, plan: Plan) -> int:
        return sum(plan.services[name] for name in self.left_out)

    def _tell_plan(self, plan: Plan) -> None:
        output = self.context.output
        recording = self.chosen.recording
        if recording is not None:
            tell_warnings(recording, self.context)
            if recording.header.redacted:
                keys = ", ".join(recording.header.redacted)
                output.note(f"{keys}: masked when it was recorded, so *** is sent in their place")
        text = plan.describe(self.pace.seconds(plan.total, plan.seconds))
        if not self.command["dry_run"]:
            output.note(text)
        elif self.command["json"]:
            output.record(plan.as_data())
        else:
            output.result(plan_lines(plan, text))
        if plan.nested and not self.choice.roots:
            output.note(
                f"{plan.nested} of the requests were made by services while they handled others, which will make them"
                " again; --roots leaves them out"
            )

    def _present(self, plan: Plan) -> dict[str, int] | None:
        """Who is subscribed, and to what. Raises ServiceUnavailable where somebody is missing."""
        counts = count_subscribers(self.address, [*plan.services, *plan.channels])
        if counts is None:
            self.context.output.note("Redis does not let us ask who is subscribed, so nobody knows who is missing")
            return None
        gone = missing(plan, counts)
        if gone:
            check_no_replica(self.address)
            told = ", ".join(f"{shown(name)} ({count})" for name, count in sorted(gone.items()))
            if len(gone) == len(plan.services) and not plan.channels:
                raise ServiceUnavailable(f"nobody serves {told}; nothing was sent")
            if not self.command["skip_missing"]:
                raise ServiceUnavailable(f"nobody serves {told}; nothing was sent. --skip-missing replays the others")
            self.context.output.note(f"nobody serves {told}: left out")
            self.left_out = set(gone)
        return counts

    def _ask(self, plan: Plan, counts: dict[str, int] | None) -> None:
        """What is asked before anything is sent. Raises Cancelled."""
        if self.command["yes"]:
            return
        context, broadcasts = self.context, plan.channels.total()
        if broadcasts:
            who = "an unknown number of" if counts is None else str(sum(counts[name] for name in plan.channels))
            where = ", ".join(map(shown, plan.channels))
            if not context.confirm(
                f"{broadcasts} broadcasts go out again, on {where}, to {who} subscribers. Send them?"
            ):
                raise Cancelled("not confirmed, so nothing was sent (--yes does not ask)")
        host = host_of(self.address.url)
        if context.confirm_remote and not is_this_machine(host):
            question = f"{plan.total} messages go to {self.address}, not on this machine. To go on, type {host}"
            if not context.confirm(question, host):
                raise Cancelled("not confirmed, so nothing was sent (--yes does not ask)")

    def _junit(self, stack: ExitStack) -> JUnit | None:
        path = self.command["junit"]
        if path is None:
            return None
        if self._junit_is_result and self.command["json"]:
            raise CommandError("--junit and --json both want standard output; name a file for one of them")
        name = self.chosen.path or self.chosen.matching.text or "session"
        try:
            inputs = inputs_of(self.chosen, self.context)
            return stack.enter_context(
                JUnit(path, f"replay of {name}", given_up=giving_up(self.context), inputs=inputs)
            )
        except FileError as error:
            raise misplaced(self.command, path, str(error)) from None

    @property
    def _junit_is_result(self) -> bool:
        """Whether standard output is for the JUnit file, so that what people read goes elsewhere."""
        return self.command["junit"] is not None and is_standard_output(self.command["junit"])

    def _complete(self, junit: JUnit, replay: Replay, plan: Plan) -> None:
        """List what was not sent as well, and put the file in its place. Raises CommandError."""
        try:
            for one in filter(self.choice.takes, self._exchanges()) if plan.unsendable else ():
                if (why := self.choice.why_not(one)) is not None:
                    junit.leave_out([one], why)
            if replay.lost is not None or replay.cancelled:
                reason = "the replay was stopped" if replay.lost is None else f"the replay ended: {replay.lost}"
                junit.leave_out(self.choice.of(self._exchanges()), f"not sent: {reason}")
            self.context.output.flush()
            junit.close()
        except FileError as error:
            raise misplaced(self.command, self.command["junit"], str(error)) from None

    def _tell(self, plan: Plan, replay: Replay, interrupted: bool) -> int:
        output = self.context.output
        if self.command["json"]:
            output.record({"plan": plan.as_data(), **self.report.as_data(), **summary(replay)})
        elif self._junit_is_result:
            for one in report_lines(self.report, replay, output.width):
                output.progress(one)
        else:
            output.result(report_lines(self.report, replay, output.width))
        left = plan.total - self._absent(plan) - self.report.counts.total()
        if replay.lost is not None:
            unknown = self.report.statuses["lost"]
            output.error(
                f"{advised(replay.lost, self.context)}\nthe replay ended there: {unknown} unknown, {left} not sent"
            )
            return Exit.NO_REDIS
        if interrupted:
            output.note(f"stopped: {left} of {plan.total} not sent")
            return Exit.INTERRUPTED
        return Exit.ERROR if self.report.differs else Exit.DONE


def _kinds(command: Command) -> frozenset[Kind]:
    kinds = {Kind.REQUEST}
    for name in (command["include"] or "").split(","):
        name = name.strip()
        if name == "both":
            kinds.update(INCLUDABLE.values())
        elif name and name not in INCLUDABLE:
            position = max(command.line.find(name), 0)
            raise CommandError(f"--include takes one-way, broadcast or both, not {name!r}", position, len(name))
        elif name:
            kinds.add(INCLUDABLE[name])
    return frozenset(kinds)
