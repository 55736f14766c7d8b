"""mock, mocks and unmock: answering in place of services that are not there."""

from __future__ import annotations

from typing import Any

from daebus.wire.envelope import error_payload
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.sending.foreign import content_in, dialect_in
from daebus_console.commands.doing.shared.connected import Connected
from daebus_console.commands.doing.shared.inputs import misplaced, recording, tell_warnings
from daebus_console.commands.doing.shared.sources import ContextSources
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.under_way import under_way
from daebus_console.commands.verbs import Face
from daebus_console.engine import jsontext
from daebus_console.engine.capture.format import CaptureError
from daebus_console.engine.message.dialect import Dialect
from daebus_console.engine.mock.answers import Answers, FixedAnswer, Given, RecordedAnswers
from daebus_console.engine.mock.mocks import Mock, Mocks, ServicePresent
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.wire import is_replica
from daebus_console.engine.sender import ReadOnly
from daebus_console.engine.session import Session
from daebus_console.naming import fields, shown
from daebus_console.render import Span, line, preview, table

_TICK = 0.2
_WIDEST = 60


def mocks_of(session: Session) -> Mocks:
    """The stand-ins on the Redis of a session, made on first use."""
    found = under_way(session)
    if found.mocks is None:
        found.mocks = Mocks(session.address)
    return found.mocks


def run_mock(command: Command, context: Context) -> int:
    """Stand in for a service: at a prompt until `unmock`, at the shell until interrupted or done."""
    if context.read_only:
        raise ReadOnly(f"`mock` publishes answers, and {context.sends_nothing}; nobody is stood in for")
    if isinstance(context.session, OfflineSession):
        raise CommandError("this is a capture: there is nobody to answer", 0, len("mock"))
    service: str = command["service"]
    dialect = None
    if command["dialect"] is not None:
        dialect = dialect_in(command)
        answers, summary = _guest_answers(command, dialect)
    else:
        if command["answer"] is not None:
            raise CommandError("--answer goes with --dialect; an answer of ours is written as items", len(command.line))
        answers, summary = _answers(command, context)
    mocks = mocks_of(context.session)
    try:
        mock = mocks.add(
            service,
            answers,
            summary,
            delay=command["delay"] or 0.0,
            times=command["times"],
            beside=command["beside"],
            dialect=dialect,
        )
    except ServicePresent as error:
        raise misplaced(command, service, str(error)) from None
    address = context.session.address
    if is_replica(address):
        context.output.note(
            f"Redis at {address} is a replica: what is asked at its master is heard there, and never gets the answers"
        )
    if context.face is Face.PROMPT:
        context.output.note(
            f"[{mock.number}] stands in for {shown(mock.service)}: {mock.summary}; `unmock {mock.number}` ends it"
        )
        return Exit.DONE
    return _stay(mock, mocks, context)


def _answers(command: Command, context: Context) -> tuple[Answers, str]:
    """What it answers, and the same in a few words. Raises CommandError."""
    action, items = command["action"], command["items"]
    given = items is not None and bool(items.items)
    path, error = command["from"], command["error"]
    if path is not None:
        if given or error is not None:
            raise CommandError("--from brings its own answers: neither items nor --error go with it", len(command.line))
        return _recorded(command, path, action, context)
    if action is None:
        raise CommandError("expected ACTION: which action to answer (or --from FILE)", len(command.line))
    if error is not None:
        if given:
            raise CommandError("--error is the whole answer: no items go with it", len(command.line))
        return FixedAnswer(action, Given(error_payload(error, "handler_error"), error=True)), f"{action} error {error}"
    payload = items.build(ContextSources(context)) if items is not None else {}
    return FixedAnswer(action, Given(payload)), f"{action} {preview(context.redact.mask(payload), _WIDEST)}"


def _guest_answers(command: Command, dialect: Dialect) -> tuple[Answers, str]:
    """The same in the dialect of another framework, where it is one answer, and always that."""
    if type(dialect).reply is Dialect.reply:
        raise CommandError(
            f"nothing can be answered in the dialect {dialect.name}: {dialect.unable}", len(command.line)
        )
    if command["from"] is not None or command["action"] is not None:
        raise CommandError(
            "in another dialect there is no action, and one answer: neither an action nor --from goes with --dialect",
            len(command.line),
        )
    text, error = command["answer"], command["error"]
    if error is not None:
        if text is not None:
            raise CommandError("--error is the whole answer: no --answer goes with it", len(command.line))
        if dialect.silence is not None:
            raise CommandError(f"{dialect.title} has no errors on its wire: {dialect.silence}", len(command.line))
        return FixedAnswer(None, Given(error_payload(error, ""), error=True)), f"{dialect.name}, error {error}"
    if text is None:
        raise CommandError("expected --answer JSON, or --error TEXT: what to answer", len(command.line))
    content_in(command, text)
    value = jsontext.loads(text)
    return FixedAnswer(None, Given(value)), f"{dialect.name}, {preview(value, _WIDEST)}"


def _recorded(command: Command, path: str, action: str | None, context: Context) -> tuple[Answers, str]:
    try:
        found = recording(path, context)
        exchanges = found.exchanges()
        if action is not None:
            exchanges = (exchange for exchange in exchanges if exchange.action == action)
        answers = RecordedAnswers(command["service"], exchanges)
    except CaptureError as error:
        raise misplaced(command, path, str(error)) from None
    tell_warnings(found, context)
    if not answers.known:
        what = f"{command['service']} {action}" if action is not None else command["service"]
        raise misplaced(command, path, f"{path} holds no answer of {what}")
    more = f" ({answers.left_out} more have no room)" if answers.left_out else ""
    return answers, f"from {path}: {answers.known} payloads of {', '.join(sorted(answers.actions or ()))}{more}"


def _stay(mock: Mock, mocks: Mocks, context: Context) -> int:
    """At the shell: until it has given all its answers, or is interrupted."""
    output = context.output
    output.note(f"standing in for {shown(mock.service)}: {mock.summary}; Ctrl-C ends it")
    output.flush()
    connected = Connected(output, "nothing is heard or answered meanwhile")
    try:
        while not mock.over:
            if context.cancellation.wait(_TICK):
                break
            connected.tell(mocks.lost(mock))
            output.progress(line(f"{_counts(mock)} answered{_unknown(mock)}"), transient=True)
    except KeyboardInterrupt:
        pass
    finally:
        mocks.close()
    output.note(f"{_counts(mock)} answered for {shown(mock.service)}{_unknown(mock)}")
    return Exit.DONE if mock.spent else Exit.INTERRUPTED


def run_mocks(command: Command, context: Context) -> int:
    """List the stand-ins."""
    found = mocks_of(context.session).all()
    if command["json"]:
        for mock in found:
            context.output.record(_data(mock))
    elif found:
        rows: list[list[str | Span]] = [
            [
                f"[{mock.number}]",
                Span(shown(mock.service), "bold"),
                mock.summary,
                _counts(mock) + _unknown(mock),
                _limits(mock),
            ]
            for mock in found
        ]
        context.output.result(table(("", "service", "answers", "answered", ""), rows))
    else:
        context.output.note("there are no stand-ins; `help mock` tells how to make one")
    return Exit.DONE


def run_unmock(command: Command, context: Context) -> int:
    """End stand-ins."""
    mocks = mocks_of(context.session)
    found, which = mocks.all(), command["which"]
    if which is not None:
        found = [mock for mock in found if which.strip("[]") == str(mock.number) or which == mock.service]
        if not found:
            raise CommandError(
                f"there is no stand-in {which}; `mocks` lists them", max(command.line.rfind(which), 0), len(which)
            )
    mocks.remove(found)
    for mock in found:
        told = f"{_counts(mock)} answered{_unknown(mock)}"
        context.output.note(f"[{mock.number}] no longer stands in for {shown(mock.service)}: {told}")
    return Exit.DONE


def _data(mock: Mock) -> dict[str, Any]:
    return {
        "number": mock.number,
        **fields("service", mock.service),
        "answers": mock.summary,
        "delay_ms": round(mock.delay * 1000, 3),
        "times": mock.times,
        "answered": {name: mock.answered[name] for name in ("exact", "nearest", "unknown")},
    }


def _counts(mock: Mock) -> str:
    """How many it answered, and how many of them as was answered to the nearest payload."""
    nearest = mock.answered["nearest"]
    return f"{mock.answered['exact'] + nearest:,}" + (f" ({nearest:,} nearest)" if nearest else "")


def _unknown(mock: Mock) -> str:
    """How many asked for what it has no answer to, behind the others."""
    return f", {mock.answered['unknown']:,} not known" if mock.answered["unknown"] else ""


def _limits(mock: Mock) -> str:
    delay = f"after {mock.delay:g} s " if mock.delay else ""
    return delay + (f"{mock.times} times" if mock.times is not None else "")
