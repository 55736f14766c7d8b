"""ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daebus.errors import ServiceUnavailable
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.sending.sending import progress_line
from daebus_console.commands.doing.shared.guard import patterns_of_ours
from daebus_console.commands.errors import CommandError, nearest
from daebus_console.commands.grammar.command import Command
from daebus_console.engine import dialects, jsontext
from daebus_console.engine.foreign import Heard, NotAsked, Question
from daebus_console.engine.message.dialect import DAEBUS, Dialect
from daebus_console.naming import quoted, shown
from daebus_console.render import duration, json_lines


def run_ask(command: Command, context: Context) -> int:
    """Ask, show what comes on the way as progress, and give what the final answer carries as the result."""
    dialect = dialect_in(command)
    timeout = command["timeout"] or context.sender.timeout
    try:
        content = content_in(command, command["content"] or "{}")
        question = Question(context.sender, dialect, command["channel"], content, timeout)
    except NotAsked as error:
        raise CommandError(str(error), len(command.line)) from None
    withdraw = context.cancellation.on_cancel(question.cancel)
    try:
        delivery = question.send()
        if delivery.subscribers == 0:
            name = quoted(question.channel)
            if delivery.receivers <= patterns_of_ours(context):
                raise ServiceUnavailable(f"nobody serves {name}: it has no subscriber")
            context.output.note(f"nobody is subscribed to just {name} (subscribers of patterns are not counted)")
        for answer in question.answers():
            if answer.final:
                return _finish(command, context, question, answer)
            context.output.progress(progress_line(context.redact.mask(_value(answer))))
    except KeyboardInterrupt:
        # Ctrl-C at the shell.
        raise question.given_up() from None
    finally:
        withdraw()
        question.close()
    raise AssertionError("a question ends with a final answer or an error")


def dialect_in(command: Command) -> Dialect:
    """The dialect that is named, in which something can be asked. Raises CommandError."""
    name = command["dialect"]
    known = dialects.installed()[0]
    if name == DAEBUS:
        raise _at(command, name, "services of Daebus are asked with `request SERVICE ACTION`")
    if name not in known:
        able = [one for one, dialect in known.items() if type(dialect).ask is not Dialect.ask]
        text = f"there is no dialect {name!r}; what can be asked and answered is {' and '.join(able)}"
        raise _at(command, name, text, able)
    return known[name]


def _at(command: Command, name: str, text: str, known: Iterable[str] = ()) -> CommandError:
    """An error that points at the name of the dialect."""
    place = command.line.find(name, max(len(command.name), command.line.find("--dialect")))
    length = len(name) if place >= 0 else 0
    return CommandError(
        text, place if place >= 0 else len(command.line), length, suggestion=nearest(name, known) if known else None
    )


def content_in(command: Command, text: str) -> bytes:
    """What a message carries, which has to be JSON. Raises CommandError."""
    try:
        jsontext.loads_strict(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"the content is no JSON: {error}", len(command.line)) from None
    return text.encode("utf-8")


def _value(answer: Heard) -> Any:
    if answer.content is None:
        return None
    text = answer.content.decode("utf-8", "backslashreplace")
    try:
        return jsontext.loads(text)
    except (ValueError, RecursionError):
        return text


def _finish(command: Command, context: Context, question: Question, answer: Heard) -> int:
    value = _value(answer)
    context.variables["last"] = value
    masked = context.redact.mask(value)
    if command["json"]:
        context.output.record(masked)
    else:
        context.output.result(json_lines(masked))
    if answer.error:
        code = f" ({answer.code})" if answer.code is not None else ""
        context.output.error(f"{shown(question.channel)} answered with an error{code}")
        return Exit.ERROR
    context.output.note(f"{shown(question.channel)} answered in {duration(answer.latency)}")
    return Exit.DONE
