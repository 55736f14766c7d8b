"""The line REPL on a terminal: a prompt, the command carried out, the next prompt."""

from __future__ import annotations

import queue
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, cast

from prompt_toolkit import PromptSession
from prompt_toolkit.application.current import create_app_session, get_app
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import HighlightMatchingBracketProcessor
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.patch_stdout import StdoutProxy
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import is_dumb_terminal

from daebus_console.cli.ending import Ending
from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.completion.hint import hint
from daebus_console.commands.completion.known import SessionKnown
from daebus_console.commands.context import Context
from daebus_console.commands.doing.runner import run
from daebus_console.commands.doing.shared.guard import host_of, is_this_machine
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.grammar.script import commands_in, not_carried_out, with_left
from daebus_console.commands.grammar.secrets import safe_error
from daebus_console.commands.jobs import Job, TooMany
from daebus_console.files.places import StreamError
from daebus_console.repl.checking import CommandLexer, CommandValidator
from daebus_console.repl.completer import CommandCompleter
from daebus_console.repl.history import EntryHistory
from daebus_console.repl.keys import make_keys
from daebus_console.repl.output import PromptOutput
from daebus_console.repl.prompting import Prompts
from daebus_console.repl.suggest import LineSuggest
from daebus_console.repl.telling import Telling
from daebus_console.repl.toolbar import toolbar

STYLE = Style.from_dict(
    {
        "ok": "ansigreen",
        "error": "ansired",
        "warn": "ansiyellow",
        "dim": "ansibrightblack",
        "bold": "bold",
        "key": "ansicyan",
        "string": "ansigreen",
        "number": "ansimagenta",
        "accent": "ansiblue bold",
        "wrong": "ansired underline",
        "bottom-toolbar": "noreverse",
        "auto-suggestion": "ansibrightblack",
    }
)
_REFRESH = 0.5


class _Question:
    """Something that a command wants to know of the user."""

    def __init__(self, text: str, word: str) -> None:
        self.text, self.word = text, word
        self.answer: queue.SimpleQueue[bool] = queue.SimpleQueue()


class LineRepl:
    """Prompts until the user leaves. Commands run in threads, so that ctrl+c reaches whatever they wait for."""

    def __init__(self, context: Context, straight: TerminalOutput, history: EntryHistory, ending: Ending) -> None:
        self._prompts = Prompts(ending)
        self._stack = ExitStack()
        if is_dumb_terminal():
            # Nothing but text may be written there, not even what resets it.
            self._stack.enter_context(create_app_session(output=PlainTextOutput(sys.stdout)))
        proxy = self._stack.enter_context(StdoutProxy(raw=True))
        stream = cast(IO[str], proxy)
        self.output = PromptOutput(straight, TerminalOutput(stream, stream))
        self.entered: list[str] = []
        self.context = replace(context, output=self.output, confirm=self._confirm, entered=self.entered.copy)
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        known = SessionKnown(self.context)
        self.prompt: PromptSession[str] = PromptSession(
            self._message,
            history=history,
            completer=CommandCompleter(known),
            complete_in_thread=True,
            complete_while_typing=True,
            auto_suggest=LineSuggest(history, known),
            validator=CommandValidator(),
            # While one types the line at the bottom says what is wrong, and what is not wrong yet.
            validate_while_typing=False,
            lexer=CommandLexer(),
            input_processors=[HighlightMatchingBracketProcessor(chars="[](){}")],
            multiline=True,
            # What only has no room on a row is no new line.
            prompt_continuation=lambda width, _number, wrapped: ("" if wrapped else "· ").rjust(width),
            key_bindings=make_keys(known, self.output.note),
            bottom_toolbar=self._toolbar,
            refresh_interval=_REFRESH,
            search_ignore_case=True,
            enable_open_in_editor=True,
            enable_suspend=True,
            style=STYLE,
        )

    def run(self) -> int:
        """Prompt until the user leaves; returns the exit status."""
        with self._stack, Telling(self.context):
            while not self.context.leaving.is_set():
                try:
                    text = self._ask()
                except KeyboardInterrupt:
                    # The line is gone; that is all it means while somebody types.
                    continue
                except EOFError:
                    break
                self._enter(text)
            self._leave()
        return 0

    def _ask(self) -> str:
        self.output.typing = True
        try:
            return self._prompts.ask(self.prompt)
        finally:
            self.output.typing = False

    def _enter(self, text: str) -> None:
        if not text.strip():
            return
        self.entered.append(text)
        try:
            commands = commands_in(text)
        except CommandError as error:
            self.output.mistake(safe_error(error, self.context.redact))
            return
        for command, left in with_left(commands):
            failed = self._carry_out(command)
            if self.context.leaving.is_set():
                return
            if failed:
                if left:
                    self.output.note(not_carried_out(left))
                return

    def _carry_out(self, command: Command) -> int:
        """Wait for a command; ctrl+c stops it, and answers are fetched for what it asks."""

        def work(job: Job) -> int:
            try:
                return run(command, replace(self.context, cancellation=job.cancellation))
            except StreamError:
                self.context.leaving.set()
                return 0
            finally:
                self._questions.put(None)

        try:
            job = self.context.jobs.start(command.line, work, background=False, listed=False)
        except TooMany as error:
            self.output.error(str(error))
            return 2
        while True:
            try:
                question = self._questions.get()
                if question is None:
                    break
                answer = False
                try:
                    answer = self._answer(question)
                finally:
                    # Whatever ends this: who asks does not wait for ever.
                    question.answer.put(answer)
            except KeyboardInterrupt:
                job.cancellation.cancel()
        self.context.jobs.wait(job)
        self.output.settle()
        return job.status or 0

    def _confirm(self, question: str, word: str = "y") -> bool:
        """Asked by a command, on its thread."""
        asked = _Question(question, word)
        self._questions.put(asked)
        return asked.answer.get()

    def _answer(self, question: _Question) -> bool:
        ending = " [y/N] " if question.word == "y" else ": "
        self.output.typing = True
        try:
            asking: PromptSession[str] = PromptSession(style=STYLE, enable_suspend=True)
            answer = self._prompts.ask(asking, [("class:warn", question.text), ("", ending)])
        except (EOFError, KeyboardInterrupt):
            return False
        finally:
            self.output.typing = False
        return answer.strip().casefold() in ({"y", "yes"} if question.word == "y" else {question.word.casefold()})

    def _leave(self) -> None:
        jobs = self.context.jobs
        if jobs:
            self.output.note(f"stopping {len(jobs)} that {'is' if len(jobs) == 1 else 'are'} under way")
        jobs.close()
        sys.stdout.flush()

    def _message(self) -> StyleAndTextTuples:
        host = host_of(self.context.session.address.url)
        if is_this_machine(host):
            return [("class:accent", "daebus"), ("", "> ")]
        return [("class:accent", "daebus "), ("class:warn", host), ("", "> ")]

    def _toolbar(self) -> StyleAndTextTuples:
        context = self.context
        return [
            *toolbar(
                hint(self.prompt.default_buffer.text),
                context.session,
                get_app().output.get_size().columns,
                jobs=len(context.jobs),
                read_only=context.read_only,
            )
        ]
