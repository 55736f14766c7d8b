"""findings and known: what is wrong, listed; and what somebody knows of already."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.asking import ask_whether_heard
from daebus_console.commands.doing.shared.inputs import capture, misplaced, tell_lacks, whole
from daebus_console.commands.doing.shared.material import wait
from daebus_console.commands.doing.shared.putting_out import as_typed
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.entries import clock_time
from daebus_console.commands.verbs import Face
from daebus_console.engine.capture.format import CaptureError
from daebus_console.engine.findings.engine import A_SECOND
from daebus_console.engine.findings.finding import Finding, Severity
from daebus_console.engine.findings.known import Mark, mark_for
from daebus_console.engine.findings.rules import RULES
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.reading import MOST_BYTES, MOST_MESSAGES
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from daebus_console.engine.withheld import NOT_ASKED, why_missed, why_silent, why_unseen
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, hanging, line, times

LOOK_FOR = 20.0
"""Seconds that the shell looks where it is not said how long: twice the time after which services are asked again."""
_STYLES = {Severity.ERROR: "error", Severity.WARNING: "warn", Severity.INFO: "accent"}
_TICK = 0.05
_MOST_SHOWN = 8


def run_findings(command: Command, context: Context) -> int:
    """List what is found; returns 1 where something is as grave as `--fail-on` says, 5 where not all could be seen."""
    threshold = _severity(command)
    interrupted, missed = False, None
    if command["capture"] is not None:
        session, interrupted = read_capture(command, command["capture"], context, bounded=True)
    else:
        session = context.session
        if context.face is Face.SHELL or command["for"] is not None:
            context.session.pulls = True
            since = context.look().clock()
            interrupted = wait(context, command["for"] or LOOK_FOR)
            missed = why_missed(context.session, since)
            if not interrupted:
                ask_whether_heard(context)
    with session.lock:
        if command["capture"] is None and context.face is Face.SHELL:
            session.findings.finish()
        found = list(session.findings.book)
        skipped, left_out = session.findings.skipped, session.findings.book.left_out
        problem, unread = session.findings.problem, session.correlator.recogniser.problem
        unheard = why_silent(session) or session.tap.missing
    known = context.known.known
    unseen = why_unseen(session) or missed or unheard
    listed = [(one, known.mark_of(one)) for one in found]
    partly = interrupted and command["capture"] is not None
    _print(command, context, listed, seen=unseen is None and not partly)
    if partly:
        context.output.note(f"interrupted: only the beginning of {command['capture']} was looked through")
    _notes(context, skipped, left_out, problem, unread)
    if session.settings.passive and not session.recorded:
        context.output.note(f"{NOT_ASKED}, so that what only they tell is not found")
    if unseen is not None:
        context.output.error(unseen)
    if interrupted:
        return Exit.INTERRUPTED
    failed = threshold is not None and any(mark is None and one.severity >= threshold for one, mark in listed)
    return Exit.ERROR if failed else Exit.DONE if unseen is None else Exit.NO_REDIS


def run_known(command: Command, context: Context) -> int:
    """Mark a finding as known, take the mark away, or list what is marked."""
    identity, note = command["finding"], " ".join(command["note"])
    file = context.known
    if command["forget"] and (identity is None or note):
        wrong = "expected FINDING: which one to forget" if identity is None else "no note goes with --forget"
        raise CommandError(wrong, len(command.line))
    if identity is None:
        return _list_known(context)
    if re.fullmatch(r"[0-9a-f]{8}", identity) is None:
        position = command.line.find(identity)
        raise CommandError("expected the id of a finding, eight characters such as 5e1f0a2b", position, len(identity))
    if command["forget"]:
        if identity not in file.known.marks:
            context.output.error(file.problem or f"{identity} is not known")
            return Exit.ERROR if file.problem is None else Exit.USAGE
        file.set(identity, None)
        said = f"{identity} is shown again"
    else:
        with context.session.lock:
            finding = context.session.findings.book.find(identity)
        mark = mark_for(finding, note)
        file.set(identity, mark)
        said = _hidden(identity, mark)
    if file.problem is not None and context.face is Face.SHELL:
        # What is not kept is over with this command.
        context.output.error(file.problem)
        return Exit.USAGE
    context.output.note(said)
    if file.problem is not None:
        context.output.note(f"{file.problem}; it counts until this console ends")
    return Exit.DONE


def _hidden(identity: str, mark: Mark) -> str:
    """What came of marking it."""
    if mark.count is None:
        return f"{identity} is hidden whatever comes: it was not found here, which would tell how often it was seen"
    what = shown(mark.what, text=True)
    return f"{identity} ({what}) is hidden until it is seen more than {times(mark.count)}, or is graver"


def _severity(command: Command) -> Severity | None:
    text = command["fail_on"]
    if text is None:
        return None
    for severity in Severity:
        if severity.word == text:
            return severity
    position = command.line.rfind(text)
    raise CommandError("--fail-on is info, warning or error", max(position, 0), len(text) if position >= 0 else 0)


def read_capture(command: Command, path: str, context: Context, *, bounded: bool = False) -> tuple[Session, bool]:
    """The capture that the command names as a session, read to its end; and whether that was interrupted.

    With `bounded` it keeps no more at once than verbs do that need only what passes by.
    """
    whole(command, path)
    settings = Settings(dialects=context.session.settings.dialects)
    if bounded:
        settings = replace(settings, max_messages=MOST_MESSAGES, max_bytes=MOST_BYTES)
    try:
        session = OfflineSession(capture(path, context), settings)
    except CaptureError as error:
        raise misplaced(command, path, str(error)) from None
    interrupted = False
    session.start()
    try:
        while not session.loaded.is_set() and not interrupted:
            interrupted = context.cancellation.wait(_TICK)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        session.stop()
    if session.failed is not None:
        raise CaptureError(session.failed)
    tell_lacks(session.stored.name, session.warnings, session.correlator.losses, context)
    return session, interrupted


def _print(command: Command, context: Context, listed: list[tuple[Finding, Mark | None]], *, seen: bool) -> None:
    shown_ = [pair for pair in listed if pair[1] is None or command["all"]]
    hidden = len(listed) - len(shown_)
    if command["json"]:
        for finding, mark in shown_:
            context.output.record(record(finding, mark))
    else:
        for index, (finding, mark) in enumerate(shown_):
            context.output.result([*([line("")] if index else []), *_lines(finding, mark, context)])
        if not shown_ and seen:
            context.output.note(f"nothing was found; {len(RULES)} things were looked for: help rules")
    if hidden:
        context.output.note(f"{hidden} more {'is' if hidden == 1 else 'are'} known; --all lists them")


def _notes(context: Context, skipped: int, left_out: int, problem: str | None, unread: str | None) -> None:
    if skipped:
        context.output.note(f"{skipped:,} messages were not looked at: only the first {A_SECOND:,} of each second are")
    if left_out:
        context.output.note(f"{left_out:,} more were found than there is room for")
    if context.known.problem is not None:
        context.output.note(context.known.problem)
    if problem is not None:
        context.output.error(f"a rule could not judge what it was shown, which is a fault of this console: {problem}")
    if unread is not None:
        context.output.error(f"a dialect could not read what it was shown, which is a fault of it: {unread}")


def _lines(finding: Finding, mark: Mark | None, context: Context) -> Iterator[Line]:
    width = context.output.width
    style = _STYLES[finding.severity]
    when = clock_time(finding.first)[:8]
    if clock_time(finding.last)[:8] != when:
        when += f" to {clock_time(finding.last)[:8]}"
    yield from hanging([Span(f"{finding.severity.word:<8}", style)], Span(finding.text, "bold"), width)
    indent = " " * 8
    head = line(indent, Span(f"{times(finding.count)}, {when}  {finding.rule}  {finding.id}", "dim"))
    yield (*head, Span(f"  known: {mark.note or 'no note'}", "accent")) if mark is not None else head
    yield from hanging(line(indent, Span("because  ", "dim")), finding.because, width)
    yield from hanging(line(indent, Span("do       ", "dim")), finding.advice, width)
    numbers = ", ".join(f"#{number}" for number in finding.evidence[:_MOST_SHOWN])
    more = ", …" if len(finding.evidence) > _MOST_SHOWN else ""
    shows = Span(as_typed(finding.filter, context.face), "key")
    yield line(indent, Span("see      ", "dim"), shows, f"   {numbers}{more}" if numbers else "")


def record(finding: Finding, mark: Mark | None) -> dict[str, Any]:
    """A finding for a program."""
    return {
        "id": finding.id,
        "rule": finding.rule,
        "severity": finding.severity.word,
        **fields("service", finding.service),
        "action": finding.action,
        "count": finding.count,
        "first": finding.first,
        "last": finding.last,
        "text": finding.text,
        "because": finding.because,
        "advice": finding.advice,
        "filter": finding.filter,
        "evidence": list(finding.evidence),
        "known": None if mark is None else mark.note,
    }


def _list_known(context: Context) -> int:
    marks = context.known.known.marks
    problem = context.known.problem
    if problem is not None:
        context.output.error(problem)
    elif not marks:
        context.output.note("nothing is marked as known")
    for identity, mark in marks.items():
        # Of one that was not there nobody knows how grave it is.
        often = "whatever comes" if mark.count is None else f"{mark.severity.word}, up to {times(mark.count)}"
        what = shown(mark.what, text=True)
        context.output.result([line(Span(identity, "bold"), f"  {often}  {what}  ", Span(mark.note, "accent"))])
    return Exit.DONE if problem is None else Exit.USAGE
