"""Carries out commands: finds the function of the verb, and turns every error into words and an exit status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from daebus.errors import (
    ConfigurationError,
    PayloadError,
    RedisUnavailable,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
)
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.advising import advised
from daebus_console.commands.doing.shared.guard import guard
from daebus_console.commands.doing.shared.sources import settle
from daebus_console.commands.errors import FAULT, CommandError, NotConfirmed, fault
from daebus_console.commands.grammar.command import Command, doubts_of
from daebus_console.commands.grammar.secrets import safe_error, shown
from daebus_console.commands.jobs import Job, TooMany
from daebus_console.commands.verbs import Face, module_of
from daebus_console.engine.capture.format import CaptureError
from daebus_console.engine.keeping.refused import GoneOn, Refused
from daebus_console.engine.sender import Cancelled, ReadOnly
from daebus_console.files.places import FileError, StreamError

Action = Callable[[Command, Context], int]

_ENDED: dict[int, str] = {
    Exit.DONE: "done",
    Exit.TIMEOUT: "timed out",
    Exit.NOBODY: "nobody serves it",
    Exit.INTERRUPTED: "stopped",
}


def run(command: Command, context: Context) -> int:
    """Carry out a command; returns its exit status. Errors are told to the context's output, none is raised.

    Blocks until the command is done or `context.cancellation` is cancelled: a face with a screen calls it in a thread.
    What the user has left to itself is only started, and told of when it ends.
    """
    return _telling(command, context, _start if command.background else _act)


def run_as(command: Command, context: Context, action: Action) -> int:
    """Carry out `action` in place of what the command's verb does, with the same guards, words and status as `run`."""
    return _telling(command, context, lambda command, context: action(_checked(command, context), context))


def _telling(command: Command, context: Context, action: Action) -> int:
    output = context.output
    try:
        return int(action(command, context))
    except CommandError as error:
        error.line = error.line or command.line
        output.mistake(safe_error(error, context.redact))
        return Exit.USAGE
    except (ConfigurationError, PayloadError, ReadOnly, TooMany) as error:
        output.error(context.redact.text(str(error)))
        return Exit.USAGE
    except ServiceUnavailable as error:
        output.error(context.redact.text(str(error)))
        return Exit.NOBODY
    except RequestTimeout as error:
        output.error(context.redact.text(str(error)))
        return Exit.TIMEOUT
    except (RequestFailed, Refused, GoneOn) as error:
        output.error(context.redact.text(str(error)))
        return Exit.ERROR
    except RedisUnavailable as error:
        output.error(advised(error, context))
        return Exit.NO_REDIS
    except NotConfirmed as error:
        output.note(str(error))
        return Exit.USAGE
    except Cancelled as error:
        output.note(str(error))
        return Exit.INTERRUPTED
    except StreamError:
        raise
    except (CaptureError, FileError) as error:
        output.error(str(error))
        return Exit.USAGE
    except Exception as error:  # noqa: BLE001 - whatever breaks is told in words, and takes no face with it
        output.error(fault(error))
        return FAULT
    finally:
        output.flush()


def _act(command: Command, context: Context) -> int:
    command = _checked(command, context)
    return _function(command)(command, context)


def _start(command: Command, context: Context) -> int:
    """Leave it to itself, once all that may be asked about it is asked, and its payload is known."""
    settled = _checked(command, context)
    line = shown(command.line, context.redact).text.strip().removesuffix("&").rstrip()

    def work(job: Job) -> int:
        context.output.note(f"[{job.number}] is under way; `cancel {job.number}` stops it")
        status = _telling(settled, replace(context, cancellation=job.cancellation), _function(settled))
        context.output.note(f"[{job.number}] {_ENDED.get(status, 'failed')}: {line}")
        context.output.flush()
        return status

    context.jobs.start(line, work)
    return Exit.DONE


def _checked(command: Command, context: Context) -> Command:
    """The command, once nothing speaks against it; at a prompt with its payload known, before anything is asked."""
    _allow(command, context)
    settled = settle(command, context) if context.face is Face.PROMPT and not context.read_only else command
    guard(settled, context)
    for doubt in doubts_of(settled):
        context.output.note(f"warning: {doubt}")
    return settled


def _function(command: Command) -> Action:
    action: Action = module_of(command.name).run
    return action


def _allow(command: Command, context: Context) -> None:
    if context.face not in command.verb.faces:
        where = "at a prompt only" if context.face is Face.SHELL else "at the shell only"
        raise CommandError(f"`{command.name}` works {where}", 0, len(command.name))
    if command.background and context.face is Face.SHELL:
        raise CommandError("the & is for prompts; at the shell, leave it unquoted", max(len(command.line) - 1, 0), 1)
