"""The three faces of the commands, each entered as a user enters it; what becomes of every line is noted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.validation import ValidationError

from daebus_console.cli import shell as cli
from daebus_console.cli.completion import offers
from daebus_console.cli.ending import Ending
from daebus_console.cli.output import TerminalOutput
from daebus_console.cli.typed import read
from daebus_console.commands.completion.hint import in_short
from daebus_console.commands.context import Context
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command, parse_argv
from daebus_console.commands.terms.words import as_word
from daebus_console.commands.verbs import Face
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.repl import line as line_repl
from daebus_console.repl.assist import Assist
from daebus_console.repl.checking import CommandValidator
from daebus_console.repl.completer import CommandCompleter
from daebus_console.repl.history import EntryHistory
from daebus_console.tui.acting.commanding import Commands
from tests.console.commands.support import Heard
from tests.console.commands.test_completion import Shop
from tests.console.tui.support import Driver, drive

Said = tuple[str, dict[str, Any], bool]


@dataclass
class Outcomes:
    """What became of the lines: what those say that were accepted, and why the others were not."""

    accepted: dict[str, Said] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def of(self, line: str) -> Said | str | None:
        """What the line says, or why it was refused; None where it was not even seen."""
        return self.accepted.get(line) or self.refused.get(line)


class Nowhere(DummyOutput):
    """A terminal that shows nothing, though it is a file."""

    def __init__(self, stdout: IO[str]) -> None:
        self.stdout = stdout

    def fileno(self) -> int:
        return self.stdout.fileno()


def said(command: Command) -> Said:
    """What a command says."""
    return command.name, dict(command.arguments), command.background


def at_the_shell(rows: Iterable[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch) -> Outcomes:
    """The arguments given to the program, up to where it would act."""
    outcomes = Outcomes()

    class Done(BaseException):
        """Not an error, which the program would tell of."""

    def spy(arguments: Sequence[str]) -> Command:
        try:
            outcomes.accepted[line] = said(parse_argv(arguments))
        except CommandError as error:
            outcomes.refused[line] = in_short(error)
            raise
        raise Done

    monkeypatch.setattr(cli, "parse_argv", spy)
    for line, arguments in rows:
        try:
            assert cli.run(arguments) == cli.USAGE
        except Done:
            assert line in outcomes.accepted
    return outcomes


def at_the_line(lines: Iterable[str], url: str, monkeypatch: pytest.MonkeyPatch) -> Outcomes:
    """Each line typed at the line REPL, with enter; ctrl+c then empties what enter has left there."""
    outcomes = Outcomes()
    check = CommandValidator.validate

    def spy(validator: CommandValidator, document: Document) -> None:
        try:
            check(validator, document)
        except ValidationError as error:
            outcomes.refused[document.text] = error.message
            raise

    def run(command: Command, _context: Context) -> int:
        outcomes.accepted[command.line] = said(command)
        return 0

    monkeypatch.setattr(CommandValidator, "validate", spy)
    monkeypatch.setattr(line_repl, "run", run)
    session = Session(url)
    with (
        Path("/dev/null").open("w") as nowhere,
        create_pipe_input() as keys,
        create_app_session(keys, Nowhere(nowhere)),
        Sender(session) as sender,
    ):
        context = Context(session, sender, Heard(), Face.PROMPT, live=True)
        for line in lines:
            keys.send_text(f"{line}\r\x03")
        keys.send_text("\x04")
        straight = TerminalOutput(nowhere, nowhere)
        assert line_repl.LineRepl(context, straight, EntryHistory(None, Redactor(())), Ending()).run() == 0
    return outcomes


def in_the_pane(
    lines: Iterable[str], beginnings: Iterable[str], url: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Outcomes, dict[str, list[str]]]:
    """Each line entered in the command pane of one console; and what its menu offers for the beginnings."""
    outcomes, offered = Outcomes(), {}

    def run(_commands: Commands, command: Command, _context: Context) -> int:
        outcomes.accepted[command.line] = said(command)
        return 0

    monkeypatch.setattr(Commands, "_run", run)

    async def story(console: Driver) -> None:
        app, typed = console.app, console.app.main.repl.line
        app.workspace.__dict__["assist"] = Assist(Shop, EntryHistory(None, Redactor(())))
        monkeypatch.setattr(
            app.commands.output, "mistake", lambda error: outcomes.refused.setdefault(error.line, in_short(error))
        )
        typed.focus()
        for line in lines:
            typed.put(line)
            typed.action_enter()
            await console.until(lambda line=line: outcomes.of(line.strip()) is not None)  # type: ignore[misc]  # of this turn
        for beginning in beginnings:
            typed.put(beginning)
            typed.action_complete(1) if not beginning else None
            await console.until(lambda beginning=beginning: typed._looked_up[0] == beginning)  # type: ignore[misc]  # as above
            offered[beginning] = [offer.text for offer in typed.offers]

    drive(url, story)
    return outcomes, offered


def offered_at_the_shell(beginning: str) -> list[str]:
    """What a shell's tab offers behind the program's name, in the quotes that the other faces need."""
    typed = read(beginning)
    found = [one.text for one in offers(typed.words, typed.last, Shop())]
    return [as_word(text) if " " in text and "=" not in text else text for text in found]


def offered_at_the_line(beginning: str) -> list[str]:
    """What the line REPL's menu offers."""
    found = CommandCompleter(Shop()).get_completions(Document(beginning), None)  # type: ignore[arg-type]  # not looked at
    return [completion.text for completion in found]
