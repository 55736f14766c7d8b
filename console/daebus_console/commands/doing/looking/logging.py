"""logs: the lines of an exchange, or of services, out of what their flight recorders have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.looking.telling import session_of
from daebus_console.commands.doing.shared.asking import ask, must_ask
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.entries import clock_time
from daebus_console.commands.verbs import Face
from daebus_console.engine.filter.lexer import nearest
from daebus_console.engine.live import glob
from daebus_console.engine.live.asking import Question
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.records.lines import ENDED, LEVELS, Line, lines_of, lines_of_told
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import why_unasked, why_untold
from daebus_console.naming import fields, shown
from daebus_console.render import Line as Spans
from daebus_console.render import Span, line

_REF = re.compile(r"#(\d{1,15})")
_STYLES = {"DEBUG": "dim", "INFO": "", "WARNING": "warn", "ERROR": "error", "CRITICAL": "error", "FAILED": "error"}
_KINDS: tuple[tuple[str, ...], ...] = (("logged",), ("heard", "ran", "refused"), ("handled",))
"""What a service is asked for, each by itself, so that what is frequent does not drive out what is rare."""


def run_logs(command: Command, context: Context) -> int:
    """Print the lines; the status is 3 where nobody tells any, 5 where some could not be asked.

    Of looking that was interrupted those are printed that were told by then.
    """
    wanted = _Wanted(command)
    if wanted.number is not None and command["in"] is None and context.face is Face.SHELL:
        told = "#N is for prompts, which remember exchanges; at the shell, name a capture: --in FILE"
        raise wanted.error(command["what"], told)
    session, interrupted = session_of(command, context)
    asks = command["in"] is None and not session.recorded and not interrupted
    if wanted.number is not None:
        exchange = _exchange(session, wanted, interrupted=interrupted)
        if exchange is None:
            return Exit.INTERRUPTED
        found, why = _of_exchange(session, exchange, context if asks else None)
        # Of a broadcast nobody knows all listeners.
        where = None if exchange.kind is Kind.BROADCAST else (exchange.target or "",)
        unasked = _unasked_of(session, where) if not found else None
        left_out = [] if found else _left_out(session, lambda name: where is None or name in where)
    else:
        found, why = _of_services(session, wanted, context if asks else None)
        unasked = _unasked(session, wanted)
        left_out = _left_out(session, wanted.means)
    passed = [one for one in found if wanted.passes(one)]
    if command["json"]:
        for one in passed:
            context.output.record(_record(one, session, context))
    else:
        for one in passed:
            context.output.result(
                lines_for(one, context.redact.text, _number_of(session), whole=wanted.number is not None)
            )
    if interrupted:
        return Exit.INTERRUPTED
    if asks and unasked is not None:
        context.output.error(unasked)
        return Exit.NO_REDIS
    if not passed:
        context.output.note(
            why or (f"none of {len(found):,} lines match" if found else "nothing was logged, and nothing ended")
        )
    for text in left_out:
        context.output.note(text)
    return Exit.NOBODY if why and not passed else Exit.DONE


class _Wanted:
    """What the command asks for. Raises CommandError."""

    def __init__(self, command: Command) -> None:
        self._line = command.line
        self.number: int | None = None
        self.service: str | None = None
        self.texts: list[str] = []
        self.least = -1
        what: str | None = command["what"]
        words = list(command["words"])
        if what is not None and what.startswith("level:"):
            words.insert(0, what)
        elif what is not None and what.startswith("#"):
            found = _REF.fullmatch(what)
            if found is None:
                raise self.error(what, "expected the number of an exchange, such as #123, or a service")
            self.number = int(found[1])
        else:
            self.service = what
        for text in words:
            if text.startswith("level:"):
                self.least = self._level(text)
            else:
                self.texts.append(text.casefold())

    def error(self, word: str, text: str, suggestion: str | None = None) -> CommandError:
        """What is wrong with that word of the command."""
        position = self._line.find(word)
        return CommandError(text, max(position, 0), len(word) if position >= 0 else 0, suggestion)

    def means(self, service: str) -> bool:
        """Whether it is about that service."""
        return self.service is None or glob.matches(self.service, service)

    def passes(self, one: Line) -> bool:
        """Whether the line is wanted."""
        if self.least >= 0 and (one.level == ENDED or one.rank < self.least):
            return False
        text = f"{one.logger} {one.text}".casefold()
        return all(part in text for part in self.texts)

    def _level(self, text: str) -> int:
        name = text[len("level:") :].casefold()
        levels = [level.casefold() for level in LEVELS]
        if name == "warn" or name in levels:
            return levels.index("warning" if name == "warn" else name)
        meant = nearest(name, levels)
        told = f"there is no level {shown(name, text=True)}; there are: {', '.join(levels)}"
        raise self.error(text, told, None if meant is None else f"level:{meant}")


def _exchange(session: Session, wanted: _Wanted, *, interrupted: bool) -> Exchange | None:
    """The one that is wanted; None where it may have come after looking was interrupted."""
    number = wanted.number or 0
    with session.lock:
        exchange, last = session.journal.exchange(number), session.journal.exchanges.last
    if exchange is None and not interrupted:
        known = f"the last one is #{last}" if number > last else "it is forgotten already"
        told = f"there is no exchange #{number}: {known if last else 'none was seen yet'}"
        raise wanted.error(f"#{number}", told)
    return exchange


def _of_exchange(session: Session, exchange: Exchange, asking: Context | None) -> tuple[list[Line], str]:
    """The lines of an exchange, and why there are none, where that is known."""
    if asking is not None:
        with session.lock:
            questions = session.telling.questions(exchange)
        ask(asking, questions)
    with session.lock:
        told = session.telling.of(exchange)
        tells = session.telling.tells(exchange.target)
        untold = why_untold(session)
    why = told.unsure or (untold if not told and untold is not None else "")
    if not told and not why and tells is False:
        why = (
            f"{shown(exchange.target or '?')} does not tell what it does: of another framework, or of an older release"
        )
    return lines_of_told(told), why


def _of_services(session: Session, wanted: _Wanted, asking: Context | None) -> tuple[list[Line], str]:
    """The lines of all services that are meant, and why there are none, where that is known."""

    meant = wanted.means
    if asking is not None:
        must_ask(asking)
        with session.lock:
            here = [one for one in session.directory.services.values() if meant(one.name) and one.gone is None]
            told = [one.name for one in here if session.telling.tells(one.name)]
        questions: list[Question] = [(name, "recent", {"kinds": list(kinds)}) for name in told for kinds in _KINDS]
        ask(asking, questions)
    with session.lock:
        found = lines_of(one for one in session.telling.records if meant(one.source.service))
        tellers = [one for one in session.telling.records.sources.values() if meant(one.service)]
        untold = why_untold(session)
    if untold is not None:
        return found, untold
    if tellers:
        return found, ""
    if session.recorded:
        return found, f"this capture holds no records of {shown(wanted.service or '')!r}"
    name = "no service is there that tells what it does" if wanted.service is None else (
        f"{shown(wanted.service)!r} does not tell what it does, or is not there"
    )  # fmt: skip
    return found, name


def _unasked_of(session: Session, services: Collection[str] | None) -> str | None:
    """Why these services, or all, may have lines that nobody could be asked for."""
    with session.lock:
        return why_unasked(session, services)


def _unasked(session: Session, wanted: _Wanted) -> str | None:
    """Why services that are meant may have more to tell."""
    with session.lock:
        if any(one.service == wanted.service for one in session.telling.records.sources.values()):
            return None
        return why_unasked(session, [name for name in session.status.unasked if wanted.means(name)])


def _left_out(session: Session, meant: Callable[[str], bool]) -> list[str]:
    """How many records those services did not pass on, a line each."""
    counts: Counter[str] = Counter()
    with session.lock:
        for one in session.telling.records.sources.values():
            if meant(one.service):
                counts[one.service] += one.lost + one.left_out
    return [
        f"{shown(name)} left {count:,} record{'s' * (count != 1)} out: more came than it passes on"
        for name, count in sorted(counts.items())
        if count
    ]


def _number_of(session: Session) -> Callable[[Line], int]:
    """The number of the exchange in whose handler a line was written; 0 where that was not seen."""

    def number(one: Line) -> int:
        exchange = session.correlator.find(one.id) if isinstance(one.id, str) else None
        return 0 if exchange is None else exchange.number

    return number


def lines_for(
    one: Line, masked: Callable[[str], str], number_of: Callable[[Line], int], *, whole: bool
) -> Iterator[Spans]:
    """A line for people; with its traceback and variables where it is to be `whole`."""
    number = number_of(one)
    style = _STYLES.get(one.level, "dim")
    first, *rest = masked(one.text).splitlines() or [""]
    yield line(
        Span(f"{clock_time(one.at)} ", "dim"),
        Span(f"{one.level:<8} ", style),
        Span(shown(one.service), "bold"),
        Span(f" {shown(one.instance, text=True)} ", "dim"),
        Span(f"#{number} " if number and not whole else "", "accent"),
        Span(f"{one.logger}: " if one.logger else "", "key"),
        Span(first, style),
    )
    for text in rest:
        yield line(" " * 22, Span(text, style))
    if whole and one.more:
        for text in masked(one.more).splitlines():
            yield line(" " * 4, Span(text, "dim"))
    for frame in (one.frames or ()) if whole else ():
        yield line(" " * 4, Span(f"in {frame.function}, {frame.file}:{frame.line or '?'}", "accent"))
        for name, value in frame.locals.items():
            yield line(" " * 8, Span(name, "key"), f" = {masked(value)}")


def _record(one: Line, session: Session, context: Context) -> dict[str, Any]:
    masked = context.redact.text
    return {
        "at": round(one.at, 6),
        **fields("service", one.service),
        "instance": one.instance,
        "level": one.level,
        "logger": one.logger or None,
        "text": masked(one.text),
        "traceback": None if one.more is None else masked(one.more),
        "id": one.id,
        "exchange": _number_of(session)(one) or None,
        "seq": one.seq,
    }
