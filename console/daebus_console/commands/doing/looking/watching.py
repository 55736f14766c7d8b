"""watch: a tripwire that keeps captures of what passed before and after something."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.asking import ask_whether_heard
from daebus_console.commands.doing.shared.guard import no_file
from daebus_console.commands.doing.shared.inputs import misplaced
from daebus_console.commands.doing.shared.material import tell_missed
from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.under_way import under_way
from daebus_console.commands.verbs import Face
from daebus_console.engine.filter import language as filters
from daebus_console.engine.findings.finding import Finding, Severity
from daebus_console.engine.findings.rules import RULES
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.tripwire.keeping import Keeping, Span
from daebus_console.engine.tripwire.wire import Hit, Tripwire
from daebus_console.engine.withheld import why_silent
from daebus_console.files.places import FileError, expanded, reason_of
from daebus_console.naming import fields, shown
from daebus_console.render import Span as Piece
from daebus_console.render import duration, line, plural, size, times

AT_MOST = 20
_TICK = 0.1
_END = {Face.SHELL: "Ctrl-C", Face.PROMPT: "ctrl+c"}


def run_watch(command: Command, context: Context) -> int:
    """Watch until --for is over, --at-most are kept, or it is cancelled."""
    if isinstance(context.session, OfflineSession):
        raise CommandError("this is a capture: nothing happens in it any more", 0, len("watch"))
    no_file(command)
    return _Watch(command, context).run()


class _Watch:
    def __init__(self, command: Command, context: Context) -> None:
        self.command, self.context = command, context
        self.json: bool = command["json"]
        text, which = command["filter"], command["on_finding"]
        if not text and which is None:
            raise CommandError(
                "expected a FILTER, such as status:timeout, or --on-finding: what to wait for", len(command.line)
            )
        wanted = None if which is None else _wanted(which, command, context)
        self.wire = Tripwire(context.session, filters.parse(text) if text else None, wanted)
        self.folder = _folder(command)
        self.span = Span(command["before"] or Span.before, command["after"] or Span.after)
        self.most: int = command["at_most"] or AT_MOST
        self.keeping: Keeping | None = None
        self.kept = 0
        self.failed = False

    @property
    def told(self) -> str:
        """How it stands, in a few words."""
        return f"{self.kept} kept{', one is being kept' if self.keeping is not None else ''}"

    def run(self) -> int:
        watches = under_way(self.context.session).watches
        watches.append(self)
        interrupted, since = False, 0.0
        try:
            if self.command["on_finding"] is not None:
                # Much of what is found services tell, where they are asked to.
                self.context.session.pulls = True
            since = self.context.look().clock()
            self.wire.start()
            self._say_what()
            interrupted = self._wait()
            self._say_unheard()
        except KeyboardInterrupt:
            # The usual way to end it at the shell.
            interrupted = True
        finally:
            self.wire.stop()
            watches.remove(self)
            self._finish()
        self.context.output.note(f"{self.kept} capture{'s' * (self.kept != 1)} kept in {self.folder}")
        if self.failed:
            return Exit.USAGE
        return Exit.INTERRUPTED if interrupted else tell_missed(self.context, since)

    def _say_what(self) -> None:
        what = [self.command["filter"]] if self.command["filter"] else []
        what += [f"findings ({self.command['on_finding']})"] if self.command["on_finding"] else []
        self.context.output.note(
            f"watching for {' and '.join(what)}: {self.span.before:g} s before and {self.span.after:g} s after go to"
            f" {self.folder}, {times(self.most)} at most; {_END[self.context.face]} ends it"
        )
        self.context.output.flush()

    def _say_unheard(self) -> None:
        """What was found may be less than there was."""
        if self.command["on_finding"] is None:
            return
        ask_whether_heard(self.context)
        with self.context.session.lock:
            unheard = why_silent(self.context.session)
        if unheard is not None:
            self.context.output.note(unheard)

    def _wait(self) -> bool:
        """Keep what is to be kept until it is over; True where somebody interrupted it."""
        seconds = self.command["for"]
        deadline = None if seconds is None else time.monotonic() + seconds
        while self.kept < self.most and not self.context.output.closed:
            if deadline is not None and time.monotonic() >= deadline:
                return False
            if self.context.cancellation.wait(_TICK):
                return True
            for hit in self.wire.take():
                self._hit(hit)
            self._go_on()
        return False

    def _hit(self, hit: Hit) -> None:
        if self.keeping is not None:
            self.keeping.again(hit)
            return
        with suppress(OSError):
            # Whoever tidies up takes empty folders along. Where it cannot be made, the file cannot, which is told.
            _make(self.folder)
        try:
            self.keeping = Keeping(self.context.session, self.folder, hit, self.span, self.context.redact)
        except FileError as error:
            self._fail(error)
            return
        self.context.output.note(
            f"tripped by {_about(hit, self.context)}; it is kept until {self.span.after:g} s after"
        )
        self.context.output.flush()

    def _go_on(self) -> None:
        keeping = self.keeping
        if keeping is None:
            return
        try:
            keeping.catch_up()
        except FileError as error:
            self._fail(error)
            return
        if keeping.over:
            self._finish()

    def _finish(self) -> None:
        """Put what is being kept in its place, be it as long as it should be or not."""
        keeping, self.keeping = self.keeping, None
        if keeping is None:
            return
        try:
            keeping.finish()
        except FileError as error:
            keeping.discard()
            self._fail(error)
            return
        self.kept += 1
        self._tell(keeping)

    def _fail(self, error: FileError) -> None:
        """The disk fails: it is told, and the next one is tried."""
        if self.keeping is not None:
            self.keeping.discard()
            self.keeping = None
        self.failed = True
        self.context.output.error(str(error))

    def _tell(self, keeping: Keeping) -> None:
        output, hit = self.context.output, keeping.hits[0]
        if self.json:
            output.record(self._record(keeping))
        else:
            more = f", {len(keeping.hits)} times" if len(keeping.hits) > 1 else ""
            about = f"{plural(keeping.messages, 'message')}, {size(keeping.size)}: {_about(hit, self.context)}{more}"
            output.result([line(Piece(f"kept {keeping.path}", "accent"), f"  {about}")])
        if keeping.short:
            output.note(f"of the time before, {duration(keeping.short)} are not remembered")
        output.flush()

    def _record(self, keeping: Keeping) -> dict[str, Any]:
        hit = keeping.hits[0]
        return {
            "file": keeping.path,
            "at": hit.at,
            "exchange": hit.number or None,
            **fields("service", hit.service or None),
            "action": hit.action or None,
            "what": self.context.redact.text(hit.text),
            "hits": len(keeping.hits),
            "messages": keeping.messages,
            "bytes": keeping.size,
            "missing_s": round(keeping.short, 3),
        }


def _about(hit: Hit, context: Context) -> str:
    number = f"#{hit.number} " if hit.number else ""
    name = " ".join(part for part in (shown(hit.service), shown(hit.action, text=True)) if part)
    return f"{number}{name}{' ' if name else ''}({context.redact.text(hit.text)})"


def _wanted(which: str, command: Command, context: Context) -> Callable[[Finding], bool]:
    """Which findings count. Raises CommandError."""
    known = context.known.known
    words = {severity.word: severity for severity in Severity}
    if which in words:
        least = words[which]
        return lambda finding: finding.severity >= least and known.mark_of(finding) is None
    if which in RULES:
        return lambda finding: finding.rule == which and known.mark_of(finding) is None
    meant = nearest(which, [*words, *RULES])
    raise CommandError(
        f"there is no rule {which!r}: expected info, warning, error, or one that `help rules` lists",
        max(command.line.rfind(which), 0),
        len(which),
        meant,
    )


def _make(folder: str) -> None:
    # Payloads may hold what is nobody else's business.
    os.makedirs(folder, mode=0o700, exist_ok=True)


def _folder(command: Command) -> str:
    """The folder for the captures, made where it is not there. Raises CommandError."""
    path = command["keep"]
    if path is None:
        raise CommandError("expected --keep DIR: the folder for what is kept", len(command.line))
    folder = expanded(path)
    try:
        _make(folder)
    except (OSError, ValueError) as error:
        there = isinstance(error, FileExistsError | NotADirectoryError)
        why = "it is no folder" if there else reason_of(error)
        raise misplaced(command, path, f"cannot keep anything in {folder}: {why}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise misplaced(command, path, f"cannot keep anything in {folder}: Permission denied")
    return folder
