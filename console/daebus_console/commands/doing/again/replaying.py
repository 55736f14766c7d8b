"""replay: what was seen is sent again, one exchange (see `replaying_one`) or many, and the answers are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from daebus.errors import ServiceUnavailable
from daebus.transport.address import RedisAddress
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.again.comparing import rules_of
from daebus_console.commands.doing.again.driving import drive, links_for
from daebus_console.commands.doing.again.replaying_one import address_of, changed, replay_chosen
from daebus_console.commands.doing.again.reporting import plan_lines, report_lines, summary
from daebus_console.commands.doing.shared.advising import advised
from daebus_console.commands.doing.shared.choosing import Chosen, choose, inputs_of
from daebus_console.commands.doing.shared.guard import host_of, is_this_machine, patterns_of_ours
from daebus_console.commands.doing.shared.inputs import given, giving_up, misplaced, tell_warnings
from daebus_console.commands.errors import CommandError, NotConfirmed
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.verbs import Face
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.replay.halves import Halves, Unfit
from daebus_console.engine.replay.junit import JUnit
from daebus_console.engine.replay.pace import Pace
from daebus_console.engine.replay.plan import INCLUDABLE, Choice, Plan, missing
from daebus_console.engine.replay.replay import Outcome, Replay
from daebus_console.engine.replay.report import Report
from daebus_console.engine.replay.wire import check_no_replica, count_subscribers, may_read_by_pattern
from daebus_console.files.places import FileError, is_standard_output
from daebus_console.naming import quoted, shown
from daebus_console.render import plural

_HOLD = {
    Face.SHELL: "Ctrl-C ends it, Ctrl-Z holds it until `fg`",
    Face.PROMPT: "ctrl+c ends it; P in the full screen, or `pause` at a prompt, holds it",
}


def run_replay(command: Command, context: Context) -> int:
    """Replay one exchange, or many."""
    words = command["what"]
    _check_pace(command)
    address = address_of(command, context)
    rules = rules_of(command)
    chosen = choose(words, command.line, context)
    if len(chosen.numbers) == 1:
        return replay_chosen(chosen, command, context, address, rules)
    if chosen.rest:
        raise chosen.rest[0].error("only one exchange at a time can be edited")
    return _Many(chosen, command, context, address, rules).run()


def _check_pace(command: Command) -> None:
    """Raise CommandError where several paces are named, or what is not sent is to be written about."""
    paces = given(command, "--asap", "--rate", "--speed")
    if len(paces) > 1:
        raise misplaced(command, paces[1], f"{paces[0]} and {paces[1]} do not go together: leave one of them out")
    if command["dry_run"] and command["junit"] is not None:
        raise misplaced(command, "--junit", "--junit writes what was compared, and with --dry-run nothing is sent")


class _Many:
    """A replay of many, from the plan to the report."""

    def __init__(self, chosen: Chosen, command: Command, context: Context, address: RedisAddress, rules: Rules) -> None:
        self.chosen, self.command, self.context, self.address = chosen, command, context, address
        self.choice = Choice(_kinds(command), roots=command["roots"], to=command["to"])
        self.pace = Pace(command["speed"] or 1.0, command["rate"], command["asap"])
        self.report = Report(rules, context.redact if context.redact else None)
        self.left_out: set[str] = set()

    def run(self) -> int:
        plan = self._plan()
        self.report.calls = plan.debugged
        self._tell_plan(plan)
        if self.command["dry_run"]:
            return Exit.DONE
        if not plan.total:
            raise CommandError(f"there is nothing to replay{_instead(plan)}")
        self._ask(plan, self._present(plan))
        with ExitStack() as stack:
            junit = self._junit(stack)
            links = stack.enter_context(links_for(self.context, self.address, origins=self.chosen.live))

            def add(outcome: Outcome) -> None:
                verdict = self.report.add(outcome)
                if junit is not None:
                    junit.add(outcome, verdict)

            replay = Replay(
                self.choice.with_gaps(self._exchanges()),
                self.address,
                on_outcome=add,
                pace=self.pace,
                in_flight=self.command["in_flight"],
                timeout=self.command["timeout"],
                change=lambda item: changed(self.command, item),
                links=links,
            )
            if not self.command["json"]:
                self.context.output.note(_HOLD[self.context.face])
            interrupted = drive(replay, self.context, plan.total - self._absent(plan))
            status = self._tell(plan, replay, interrupted)
            if junit is not None:
                self._complete(junit, replay, plan)
        return status

    def _plan(self) -> Plan:
        plan, recording, matching = Plan(), self.chosen.recording, self.chosen.matching
        if recording is None:
            return plan.add_all(self._exchanges(), self.choice)

        def know(exchange: Exchange) -> None:
            if matching.accepts(exchange):
                plan.know(exchange, self.choice)

        def apart() -> tuple[list[str], Plan]:
            known = plan.known
            for exchange in self._exchanges():
                plan.add(exchange, self.choice)
                if plan.for_others or plan.debugged:
                    raise Unfit
            return known, plan

        def fits(later: tuple[list[str], Plan]) -> bool:
            return plan.knows(later[0])

        with Halves(recording, apart, warm=know, fits=fits, numbers="#" in matching.text) as halves:
            plan.add_all(self._exchanges(), self.choice)
            if halves.result is not None:
                plan.merge(halves.result[1])
        return plan

    def _exchanges(self) -> Iterator[Exchange]:
        """Those that can go to somebody, and the gaps between them."""
        return (one for one in self._all() if not self._is_absent(one))

    def _all(self) -> Iterable[Exchange]:
        found = self.chosen.each() if self.chosen.with_gaps is None else self.chosen.with_gaps()
        if self.chosen.live and not self.chosen.numbers:
            # What a filter finds in the session are also earlier replays of the same.
            found = (exchange for exchange in found if not exchange.aside.origin)
        return found

    def _is_absent(self, exchange: Exchange) -> bool:
        return bool(self.left_out) and (self.choice.to or exchange.opened.channel) in self.left_out

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
        if plan.foreign & gone.keys() and may_read_by_pattern(self.address, patterns_of_ours(self.context)):
            gone = {name: count for name, count in gone.items() if name not in plan.foreign}
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
        """What is asked before anything is sent. Raises NotConfirmed."""
        if self.command["yes"]:
            return
        context, broadcasts = self.context, plan.channels.total()
        if broadcasts:
            what = plural(broadcasts, "broadcast goes out", "broadcasts go out")
            heard = None if counts is None else sum(counts[name] for name in plan.channels)
            who = "an unknown number of subscribers" if heard is None else plural(heard, "subscriber")
            where = ", ".join(map(shown, plan.channels))
            if not context.confirm(
                f"{what} again, on {where}, to {who}. {'Send it' if broadcasts == 1 else 'Send them'}?"
            ):
                raise NotConfirmed("not confirmed, so nothing was sent (--yes does not ask)")
        host = host_of(self.address.url)
        if context.confirm_remote and not is_this_machine(host):
            what = plural(plan.total, "message goes", "messages go")
            question = f"{what} to {self.address}, not on this machine. To go on, type {host}"
            if not context.confirm(question, host):
                raise NotConfirmed("not confirmed, so nothing was sent (--yes does not ask)")

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
            for one in self.choice.of(filter(self._is_absent, self._all())) if self.left_out else ():
                junit.leave_out([one], f"nobody serves {quoted(self.choice.to or one.opened.channel)}")
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


def _instead(plan: Plan) -> str:
    """With which option something would be sent, where some are left out for want of it."""
    kinds = [name for name, kind in INCLUDABLE.items() if kind is not Kind.REQUEST and plan.left_out[kind]]
    if kinds:
        those = "them" if sum(plan.left_out[INCLUDABLE[name]] for name in kinds) > 1 else "it"
        return f"; --include {kinds[0] if len(kinds) == 1 else 'both'} sends {those} as well"
    left = plan.left_out[Kind.REQUEST]
    return f"; without --roots {'it is' if left == 1 else 'they are'} sent" if left else ""


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
