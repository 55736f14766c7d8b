"""why: one cause, its evidence, the next step."""

from __future__ import annotations

import re

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.looking.finding import read_capture
from daebus_console.commands.doing.looking.listing import LOOK_FOR, complete
from daebus_console.commands.doing.shared.asking import ask
from daebus_console.commands.doing.shared.keeping import look_what_is_held
from daebus_console.commands.doing.shared.material import wait
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.under_way import under_way
from daebus_console.commands.verbs import Face
from daebus_console.engine.doors import Doors
from daebus_console.engine.live.doors import doors_of
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.session import Session
from daebus_console.engine.why.asking import why_action, why_exchange
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.sight import Sight
from daebus_console.engine.withheld import why_unasked
from daebus_console.render import Line, Span, hanging, line

_LATEST = 20_000
_REF = re.compile(r"#(\d{1,15})")


def run_why(command: Command, context: Context) -> int:
    """Find the cause and print it; returns 0 where there is one, and 1 where none is known.

    Where looking on was interrupted, nobody is asked any more, and it rests on what was seen by then.
    """
    number = _number(command)
    if command["in"] is not None:
        session, interrupted = read_capture(command, command["in"], context)
        if interrupted:
            # What is missing may stand in the rest of it.
            return Exit.INTERRUPTED
    else:
        session = context.session
        if number is not None and context.face is Face.SHELL:
            raise _at(command, "#N is for prompts, which remember exchanges; at the shell, name a capture: --in FILE")
        interrupted = _look(command, context)
        if interrupted and command["for"] is None:
            return Exit.INTERRUPTED
    doors, asked_at = Doors(), session.clock()
    if command["in"] is None and not session.recorded and not interrupted:
        doors = _ask(command, context, number)
    cause = _find(command, context, session, number, doors, asked_at)
    if command["json"]:
        context.output.record(
            {
                "cause": cause.name or None,
                "text": context.redact.text(cause.text),
                "evidence": [context.redact.text(text) for text in cause.evidence],
                "advice": cause.advice,
            }
        )
    else:
        context.output.result(_lines(cause, context))
    if interrupted:
        return Exit.INTERRUPTED
    unasked = _unasked(command, session, number)
    if unasked is not None:
        context.output.note(unasked)
    return Exit.DONE if cause.found else Exit.ERROR


def _number(command: Command) -> int | None:
    what: str = command["what"]
    if not what.startswith("#"):
        return None
    found = _REF.fullmatch(what)
    if found is None:
        raise _at(command, "expected the number of an exchange, such as #123, or a service")
    if command["action"] is not None:
        raise _at(command, "an exchange has no action to name beside it")
    return int(found[1])


def _at(command: Command, text: str) -> CommandError:
    position = command.line.find(command["what"])
    return CommandError(text, max(position, 0), len(command["what"]) if position >= 0 else 0)


def _look(command: Command, context: Context) -> bool:
    """See who is there, and for as long as is wanted what passes by; True when that was interrupted."""
    context.session.pulls = True
    session = context.look()
    session.wait_for(lambda: complete(session) or context.cancellation.cancelled, LOOK_FOR)
    if command["for"] is not None:
        return wait(context, command["for"])
    return context.cancellation.cancelled


def _ask(command: Command, context: Context, number: int | None) -> Doors:
    """Have services tell what they know of it, and Redis whom it lets in."""
    session = context.session
    with session.lock:
        exchange = session.journal.exchange(number) if number is not None else None
        questions = session.telling.questions(exchange) if exchange is not None else []
        service = command["what"] if number is None else exchange.target or "" if exchange is not None else ""
        if service:
            # A circle may lead through others.
            here = [one.name for one in session.directory.services.values() if one.gone is None and one.subscribers]
            questions += [(name, "running", {}) for name in here if session.telling.tells(name)]
            questions += [(service, "info", {})] if session.telling.tells(service) else []
    ask(context, questions)
    if service:
        look_what_is_held(context)
    return doors_of(session.address, service, _reply_to(session, service, exchange)) if service else Doors()


def _reply_to(session: Session, service: str, exchange: Exchange | None) -> str:
    """Where the answer is waited for: to that exchange, else to the latest request of the service without one."""
    if exchange is not None:
        return exchange.reply_to or ""
    with session.lock:
        exchanges = session.journal.exchanges
        latest = reversed(exchanges.between(max(1, exchanges.last - _LATEST), exchanges.last))
        unanswered = (one for one in latest if one.target == service and one.reply_to and one.answer is None)
        return next((one.reply_to or "" for one in unanswered), "")


def _unasked(command: Command, session: Session, number: int | None) -> str | None:
    """Why it is not known how the service stands that it is about, where it is so."""
    with session.lock:
        exchange = session.journal.exchange(number) if number is not None else None
        about = command["what"] if number is None else "" if exchange is None else exchange.target
        return why_unasked(session, [about or ""])


def _find(
    command: Command, context: Context, session: Session, number: int | None, doors: Doors, asked_at: float
) -> Cause:
    with session.lock:
        findings = session.findings
        told, keeper = session.telling, under_way(session).keeper
        sight = Sight(
            findings.world,
            findings.book,
            session.journal,
            session.clock(),
            told.of,
            told.standing,
            told.reports_of,
            lambda service: told.circles_of(service, asked_at),
            keeper.desk if keeper is not None else None,
            tuple(keeper.log) if keeper is not None else (),
            keeper.now() if keeper is not None else 0.0,
            doors,
            session.recorded,
            context.redact,
        )
        if number is None:
            return why_action(sight, command["what"], command["action"])
        exchange = session.journal.exchange(number)
        last = session.journal.exchanges.last
        if exchange is None:
            known = f"the last one is #{last}" if number > last else "it is forgotten already"
            raise _at(command, f"there is no exchange #{number}: {known if last else 'none was seen yet'}")
        return why_exchange(sight, exchange)


def _lines(cause: Cause, context: Context) -> list[Line]:
    masked = context.redact.text
    width = context.output.width
    lines = hanging((), Span(masked(cause.text), "bold" if cause.found else ""), width)
    for text in cause.evidence:
        lines += hanging(line("  ", Span("·", "dim"), " "), masked(text), width)
    if cause.advice:
        lines += hanging([Span("→ ", "accent")], cause.advice, width)
    return lines
