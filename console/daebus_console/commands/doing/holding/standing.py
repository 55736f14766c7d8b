"""At the shell: rules that stand until they are interrupted, and what they hold, told as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from daebus.gates import globs
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.holding.coming import Coming
from daebus_console.commands.doing.holding.debugging import await_told, confirm, telling_who_is_meant
from daebus_console.commands.doing.holding.held_rows import held_line, held_record
from daebus_console.commands.doing.shared.connected import Connected
from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.under_way import under_way
from daebus_console.commands.verbs import Face
from daebus_console.engine.holding.condition import is_number, value_in
from daebus_console.engine.holding.desk import Setting
from daebus_console.engine.holding.rule import LONGEST_HOLD, Rule, RuleError
from daebus_console.engine.holding.words import told_reach, told_rule
from daebus_console.engine.keeping.keeper import LEASE, Keeper, Wanted
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.session import Session
from daebus_console.naming import shown

_TICK = 0.2


def checked_rule(rule: Rule, command: Command) -> Rule:
    """The rule that a command says. Raises CommandError where it is none."""
    try:
        rule.checked()
    except RuleError as error:
        raise CommandError(str(error), 0, len(command.line)) from None
    return rule


def stand(
    command: Command, context: Context, keeper: Keeper, wanted: Sequence[Wanted], longest: float = LONGEST_HOLD
) -> int:
    """Place rules, after asking where that is due, and tell of each; at the shell they stand until interrupted."""
    confirm(command, context, (one.service for one in wanted), longest)
    with telling_who_is_meant(context):
        made = keeper.place(wanted)
    calls = any(one.rule.place == "call" for one in made)
    await_told(context, keeper.session, None if calls else {one.service for one in made})
    with keeper.session.lock:
        reaches = {one.number: keeper.desk.reach(one.service, one.rule.place) for one in made}
    for one in made:
        reach = f", {told}" if (told := told_reach(reaches[one.number])) else ""
        ends = f"; `unbreak {one.number}` ends it" if context.face is Face.PROMPT else ""
        shown_rule = one.rule.masked(context.redact)
        context.output.note(f"[{one.number}] {told_rule(one.service, shown_rule)}{reach}{ends}")
        doubt = _doubt(keeper.session, one.service, one.rule)
        if doubt:
            context.output.note(doubt)
        for told in _doubts_of_values(keeper.session, one.service, shown_rule):
            context.output.note(told)
        if one.rule.skip and reaches[one.number].able > 1:
            context.output.note(
                f"each instance of {shown(one.service)} counts for itself: the first that it gets go by"
            )
    return Exit.DONE if context.face is Face.PROMPT else stay(command, context, keeper, made)


def _doubt(session: Session, service: str, rule: Rule) -> str:
    """That a rule names what its service does not have, where all instances have told what they have; else empty."""
    if rule.place == "call" and rule.sender is not None and not globs.matches(rule.sender, service):
        return f"the calls that {shown(service)} makes are from {shown(service)} itself: the rule meets nothing"
    if rule.subject == "*":
        return ""
    if rule.place == "call":
        return _doubt_of_call(session, rule.subject)
    with session.lock:
        entry = session.directory.services.get(service)
        if entry is None or not entry.instances or len(entry.instances) < entry.subscribers:
            return ""
        had = entry.names("listens" if rule.place == "event" else "actions")
    if any(globs.matches(rule.subject, name) for name in had):
        return ""
    meant = nearest(rule.subject, sorted(had))
    perhaps = f" (did you mean {shown(meant, text=rule.place != 'event')}?)" if meant is not None else ""
    if rule.place == "event":
        return f"{shown(service)} does not listen to {shown(rule.subject)}{perhaps}: as yet the rule meets nothing"
    return f"{shown(service)} has no action {shown(rule.subject, text=True)}{perhaps}: as yet the rule meets nothing"


def _doubts_of_values(session: Session, service: str, rule: Rule) -> Iterator[str]:
    """That a number is compared with what was a text in the payload seen last, or a text with a number."""
    with session.lock:
        entry = session.directory.services.get(service)
        action = entry.actions.get(rule.subject) if entry is not None and rule.place == "request" else None
        data = action.last_seen if action is not None else None
    try:
        payload = wire.plain_payload_of(data) if data is not None else None
    except wire.Unreadable:
        return
    for one in rule.where:
        found, path = value_in(payload, one.names), f"payload{one.path}"
        if one.operator not in ("=", "<", ">") or isinstance(found, bool) or isinstance(one.value, bool):
            continue
        if isinstance(found, str) and isinstance(one.value, int | float):
            meant = f'{path}{one.operator}"{one.value}"'
            yield f"{path} is a text in the payload seen last, which no number fits: {meant} compares texts"
        elif isinstance(found, int | float) and isinstance(one.value, str) and is_number(one.value):
            meant = f"{path}{one.operator}{one.value}"
            yield f"{path} is a number in the payload seen last, which no text fits: {meant} compares numbers"


def _doubt_of_call(session: Session, subject: str) -> str:
    """That a call is named with its service, as the list of what is held names it, where its action alone counts."""
    with session.lock:
        had = {one.name: one.names("actions") for one in session.directory.services.values()}
    meant = next((action for name, each in had.items() for action in each if subject == f"{name}.{action}"), None)
    if meant is None or any(subject in names for names in had.values()):
        return ""
    perhaps = f"(did you mean {shown(meant, text=True)}?)"
    return f"no service has an action {shown(subject, text=True)} {perhaps}: as yet the rule meets nothing"


def stay(
    command: Command,
    context: Context,
    keeper: Keeper,
    made: Sequence[Setting] = (),
    over: Callable[[], bool] = lambda: False,
) -> int:
    """Until it is interrupted, or all those rules have gone, by their time or since they were for one message alone.

    Or until `over()`, which is called with the session locked; or until the output is closed: whoever was to read what
    is held, and let it go, has gone then.

    What our rules hold meanwhile is told once. At the end all that is ours is lifted, and lets go what it holds.
    """
    output = context.output
    output.note("Ctrl-C ends it: what is held then goes on")
    output.flush()
    coming = Coming()
    connected = Connected(output, f"what is held goes on when it is so for {LEASE:g} s, and nothing more is held then")
    ended = False
    try:
        while not ended and not context.cancellation.wait(_TICK):
            if output.closed:
                return Exit.DONE
            with keeper.session.lock:
                come = coming.take(keeper.desk)
                standing = any(one.number in keeper.desk.settings for one in made)
                ended = over() or (bool(made) and not standing and not keeper.desk.ours())
                now = keeper.now()
                status = keeper.session.status
                problem = None if status.up else status.problem or "Redis does not answer"
            connected.tell(problem)
            for text in come.texts:
                output.note(text)
            for one in come.held:
                if command.arguments.get("json"):
                    output.record(held_record(one, now, context))
                else:
                    output.progress(held_line(one, now, one.first.hold))
            if come.held:
                output.flush()
    except KeyboardInterrupt:
        pass
    finally:
        # Also where a signal ends the program: nobody waits for the end of a lease then.
        under_way(context.session).close()
    return Exit.DONE if ended else Exit.INTERRUPTED
