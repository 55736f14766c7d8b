"""Carries out what is entered in the command pane, through `commands`, and is the face that these speak to.

What only concerns the view is done at once; what waits for something, in a thread of its own. Output of any thread goes
into a queue that the screen empties once a frame, so a flood of it cannot freeze the screen.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.grammar.explain import pointer
from daebus_console.commands.grammar.script import commands_in, not_carried_out, with_left
from daebus_console.commands.grammar.secrets import safe_error, shown
from daebus_console.commands.verbs import Face
from daebus_console.text import cells, clean
from daebus_console.tui.rows.lines import Line, in_roles

if TYPE_CHECKING:
    from daebus_console.commands.completion.known import SessionKnown
    from daebus_console.commands.context import Context
    from daebus_console.commands.jobs import Job
    from daebus_console.engine.message.exchange import Exchange
    from daebus_console.engine.offline import OfflineSession
    from daebus_console.engine.replay.item import Resend
    from daebus_console.render import Line as Spans
    from daebus_console.tui.base import Place

T = TypeVar("T")
AT_ONCE = {"filter", "pause", "clear", "mark", "show", "help", "quit", "jobs", "cancel", "pins", "unpin"}
"""Verbs that wait for nothing."""
_MOST_QUEUED = 20_000
_MOST_A_FRAME = 200


class PaneOutput:
    """The Output that commands speak to: lines for the command pane, made fit for the screen here."""

    def __init__(self) -> None:
        self.queue: deque[Line] = deque(maxlen=_MOST_QUEUED)
        self.passing = ""
        """The latest transient line; the pane shows it in its title."""
        self.width = 100
        self.closed = False
        self._lost = 0

    def result(self, lines: Iterable[Spans]) -> None:
        """Print lines."""
        for line in lines:
            self._put(in_roles(line))

    def record(self, value: Any) -> None:
        """Print one JSON value."""
        from daebus_console.render import to_record

        self._put([(to_record(value), "plain")])

    def note(self, text: str) -> None:
        """Print something beside the result."""
        self._say(text, "dim")

    def progress(self, line: Spans, *, transient: bool = False) -> None:
        """Print something on the way; a transient line only passes through the title."""
        if transient:
            self.passing = "".join(text for text, _role in in_roles(line))
        else:
            self._put(in_roles(line))

    def error(self, text: str) -> None:
        """Print why there is no result."""
        self._say(f"✗ {text}", "error")

    def mistake(self, error: CommandError) -> None:
        """Point at what is wrong, under the command as it was echoed."""
        if error.line:
            # The echo begins with a sign and a blank; where it is long or of several lines, the spot is shown again.
            before, marked = clean(error.line[: error.position]), clean(error.line[error.position :][: error.length])
            if "\n" in error.line or cells(clean(error.line)) + 2 > self.width:
                for line in pointer(error, self.width):
                    self._put(in_roles(line))
            else:
                self._put([(" " * (cells(before) + 2) + "^" * max(1, cells(marked)), "error")])
        meant = f" (did you mean `{error.suggestion}`?)" if error.suggestion else ""
        self.error(f"{error.message}{meant}")
        if error.usage:
            self._say(f"  usage: {error.usage}", "dim")

    def flush(self) -> None:
        """The screen comes by once a frame."""
        self.passing = ""

    def take(self) -> list[Line]:
        """The next lines to show, with what was left out before them."""
        lost, self._lost = self._lost, 0
        lines: list[Line] = []
        if lost:
            lines.append([(f"{lost:,} lines are not shown here: the pane could not keep up", "warn")])
        return [*lines, *(self.queue.popleft() for _ in range(min(len(self.queue), _MOST_A_FRAME)))]

    def _put(self, line: Line) -> None:
        if len(self.queue) == _MOST_QUEUED:
            # The oldest one falls out.
            self._lost += 1
        self.queue.append(line)

    def _say(self, text: str, role: str) -> None:
        for line in text.split("\n"):
            self._put([(clean(line), role)])


class Commands:
    """The commands of one workspace."""

    def __init__(self, workspace: Place) -> None:
        self.workspace = workspace
        self.app = workspace.app
        self.output = PaneOutput()
        self.entered: list[str] = []
        """What was entered since the start."""
        self.drafts: dict[int, Resend] = {}
        """Messages that were edited and have not been sent, by the number of what they were made from."""
        self._context: Context | None = None

    @property
    def context(self) -> Context:
        """Where commands are carried out; made when the first one is."""
        if self._context is None:
            from daebus_console.commands.context import Context

            app, workspace = self.app, self.workspace
            self._context = Context(
                workspace.session,
                workspace.sender,
                self.output,
                Face.PROMPT,
                view=OwnThread(workspace),
                confirm=self._confirm,
                confirm_remote=app.confirm_remote,
                redact=app.redact,
                live=True,
                follow=workspace.main.watch_for,
                entered=self.entered.copy,
                known=app.known,
            )
        return self._context

    @property
    def known(self) -> SessionKnown:
        """What is known of the bus, for completion."""
        from daebus_console.commands.completion.known import SessionKnown

        return SessionKnown(self.context)

    def fill_in(self, line: str) -> str | None:
        """The line with the payload filled in that was last seen for its action or channel; None where none was."""
        from daebus_console.commands.completion.completer import fill_in

        return fill_in(line, self.known)

    def carry_out(self, text: str) -> None:
        """Do what the text says, at once or in a thread of its own; several commands one after the other."""
        self.output.width = max(40, self.workspace.main.command_width - 4)
        try:
            commands = commands_in(text)
        except CommandError as error:
            self.output.mistake(safe_error(error, self.workspace.app.redact))
            return
        if not commands:
            return
        self.entered.append(text)
        if len(commands) == 1 and commands[0].name in AT_ONCE:
            self._run(commands[0], self.context)
            return
        from daebus_console.commands.jobs import TooMany

        try:
            # What is left to itself becomes a job of its own.
            listed = not all(command.background for command in commands)
            line = shown(text, self.context.redact).text
            self.context.jobs.start(line, partial(self._job, commands), background=False, listed=listed)
        except TooMany as error:
            self.output.error(str(error))

    def replay_edited(self, origin: Exchange, item: Resend) -> None:
        """Send what was made of `origin` in an editor; what does not get through is kept in `drafts`."""
        from daebus_console.commands.context import Exit
        from daebus_console.commands.jobs import TooMany

        (command,) = commands_in(f"replay #{origin.number}")

        def work(job: Job) -> int:
            from daebus_console.commands.doing.again.replaying_one import replay_edited
            from daebus_console.commands.doing.runner import run_as

            context = replace(self.context, cancellation=job.cancellation)
            status = run_as(command, context, lambda command, context: replay_edited(command, context, item))
            if status in (Exit.DONE, Exit.ERROR):
                self.drafts.pop(origin.number, None)
            return status

        self.drafts[origin.number] = item
        try:
            self.context.jobs.start(command.line, work, background=False)
        except TooMany as error:
            self.output.error(str(error))

    def release_edited(self, number: int, verdict: str, payload: dict[str, Any]) -> None:
        """Let go what is held, with that payload or that answer."""
        from daebus_console.commands.jobs import TooMany
        from daebus_console.commands.terms.items import Item, Items, Json
        from daebus_console.commands.terms.words import Word

        (command,) = commands_in(f"release {number} {verdict}")
        whole = Items((Item((), Json(payload), Word("", 0, 0, "")),))
        command = replace(command, arguments={**command.arguments, "changes": whole})
        try:
            self.context.jobs.start(command.line, partial(self._job, [command]), background=False)
        except TooMany as error:
            self.output.error(str(error))

    def _run(self, command: Command, context: Context) -> int:
        from daebus_console.commands.doing.runner import run

        try:
            return run(command, context)
        except Exception as error:  # noqa: BLE001 - whatever breaks in a command must not take the console with it
            self.output.error(f"`{command.name}` failed: {type(error).__name__}: {error}")
            return 1

    def _job(self, commands: Sequence[Command], job: Job) -> int:
        context = replace(self.context, cancellation=job.cancellation)
        for command, left in with_left(commands):
            status = self._run(command, context)
            if status or job.cancellation.cancelled:
                if left:
                    self.output.note(not_carried_out(left))
                return status
        return 0

    def _confirm(self, question: str, word: str = "y") -> bool:
        """Ask in a dialog, from the thread of a command. Nobody answers any more once the screen is gone."""
        from daebus_console.tui.screens.ask import AskScreen

        answered = threading.Event()
        answers: list[str | None] = []

        def take(answer: str | None) -> None:
            answers.append(answer)
            answered.set()

        self.app.call_from_thread(self.app.push_screen, AskScreen(question, f"type {word} to go on"), take)
        while not answered.wait(0.2) and self.app.is_running:
            pass
        return bool(answers) and answers[0] == word

    @property
    def under_way(self) -> int:
        """How many commands are not done yet."""
        return len(self._context.jobs) if self._context is not None else 0

    def cancel(self) -> bool:
        """Stop the newest command that is under way; False where there is none."""
        running = self.context.jobs.running()
        if running:
            running[-1].cancellation.cancel()
        return bool(running)

    def close(self) -> None:
        """Stop every command that is under way, and wait a moment for their end."""
        if self._context is not None:
            self._context.jobs.close(2.0)

    def take_output(self) -> list[Line]:
        """What was said since the last look."""
        return self.output.take()


class OwnThread:
    """The view as commands may use it: from any thread, though widgets are touched on the application's own."""

    def __init__(self, workspace: Place) -> None:
        self._app = workspace.app
        self._main = workspace.main

    def _do(self, action: Callable[[], T]) -> T:
        if self._app.on_own_thread:
            return action()
        return self._app.call_from_thread(action)

    def set_filter(self, text: str | None) -> None:
        """Show only what passes the filter."""
        self._do(partial(self._main.set_filter, text))

    def toggle_pause(self) -> bool:
        """Hold still, or go on."""
        return self._do(self._main.toggle_pause)

    def cleared(self) -> None:
        """The journal was emptied."""
        self._do(self._main.cleared)

    def select(self, number: int) -> bool:
        """Bring an exchange into view."""
        return self._do(partial(self._main.select, number))

    def quit(self) -> None:
        """Leave."""
        self._do(self._main.quit)

    def open(self, session: OfflineSession) -> None:
        """Show a capture over what is on the screen."""
        self._do(partial(self._app.open_capture, session))

    def copy(self, text: str) -> None:
        """Put a text into the clipboard."""
        self._do(partial(self._app.copy_to_clipboard, text))
