"""Carries out commands: finds the function for the verb, and turns every error into words and an exit status.

The function of verb `x` is `run_x(command, context) -> int` in the module that `_WHERE` names.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from daebus.errors import (
    ConfigurationError,
    PayloadError,
    RedisUnavailable,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
)
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar import Command
from daebus_console.commands.verbs import Face
from daebus_console.engine.sender import Cancelled, ReadOnly

Action = Callable[[Command, Context], int]

_WHERE = {
    "services": "listing",
    "tail": "tailing",
    "request": "sending",
    "send": "sending",
    "broadcast": "sending",
    "show": "showing",
    "stats": "measuring",
    "record": "recording",
    "bench": "benching",
    "filter": "viewing",
    "pause": "viewing",
    "clear": "viewing",
    "mark": "viewing",
    "help": "viewing",
    "quit": "viewing",
}


def run(command: Command, context: Context) -> int:
    """Carry out a command; returns its exit status. Errors are told to the context's output, none is raised.

    Blocks until the command is done or `context.cancellation` is cancelled: a face with a screen calls it in a thread.
    """
    output = context.output
    try:
        _allow(command, context)
        module = import_module(f"daebus_console.commands.{_WHERE[command.name]}")
        action: Action = getattr(module, f"run_{command.name}")
        return int(action(command, context))
    except CommandError as error:
        error.line = error.line or command.line
        output.mistake(error)
        return Exit.USAGE
    except (ConfigurationError, PayloadError, ReadOnly) as error:
        output.error(str(error))
        return Exit.USAGE
    except ServiceUnavailable as error:
        output.error(str(error))
        return Exit.NOBODY
    except RequestTimeout as error:
        output.error(str(error))
        return Exit.TIMEOUT
    except RequestFailed as error:
        output.error(str(error))
        return Exit.ERROR
    except RedisUnavailable as error:
        output.error(f"{error}{_advice(error, context)}")
        return Exit.NO_REDIS
    except Cancelled as error:
        output.note(str(error))
        return Exit.INTERRUPTED
    finally:
        output.flush()


def _allow(command: Command, context: Context) -> None:
    if context.face not in command.verb.faces:
        where = "at a prompt only" if context.face is Face.SHELL else "at the shell only"
        raise CommandError(f"`{command.name}` works {where}", 0, len(command.name))
    if command.background and context.face is Face.SHELL:
        raise CommandError("the & is for prompts; at the shell, leave it unquoted", max(len(command.line) - 1, 0), 1)
    if command.verb.publishes and context.read_only:
        raise ReadOnly(f"`{command.name}` publishes, and this console is read-only (--read-only); nothing was sent")


def _advice(error: RedisUnavailable, context: Context) -> str:
    if context.face is Face.SHELL and str(error).startswith("cannot connect"):
        return "\n(is it running there? --redis URL or DAEBUS_REDIS_URL name another)"
    return ""
