"""rerun: one handler again in this process, its calls answered from the capture, and what differs.

At a prompt it is another process that does it, so that the app is as its files are now, and prints on no screen.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, redirect_stdout
from typing import cast

from daebus.command.finding import find_app
from daebus.command.mistake import Mistake, last_line
from daebus.errors import ConfigurationError
from daebus.service.app import Daebus
from daebus.service.typed.handler import original
from daebus.testing import LocalBus, RerunResult
from daebus.transport.bus import stand_in
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.again.comparing import rules_of
from daebus_console.commands.doing.again.rerun_apart import run_apart
from daebus_console.commands.doing.again.rerun_found import find
from daebus_console.commands.doing.again.rerun_told import record_of, tell
from daebus_console.commands.doing.again.stepping import post_mortem, stopping_at, was_left
from daebus_console.commands.doing.shared import inputs
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.verbs import Face
from daebus_console.engine.rerun.case import Case, Unfit, case_of
from daebus_console.engine.rerun.comparing import Performed
from daebus_console.engine.rerun.running import NoSuchAction, check_action, run

_TIMEOUT = 60.0
_FOR_EVER = float("inf")


def run_rerun(command: Command, context: Context) -> int:
    """Run the handler; the status is 1 where something differs, and 4 where no answer came."""
    rules = rules_of(command)
    found = find(command, context)
    if context.face is Face.PROMPT:
        return run_apart(command, context, found)
    case = case_of(found.exchange, found.each())
    app = _app(command, case)
    asked = case.exchange.target
    if asked != app.name and app.name not in ("__main__", command["app"].partition(":")[0]):
        context.output.note(f"the request was for {asked!r}, and the app is {app.name!r}: it is run as {asked!r}")
    performed, result = _performed(command, case, app)
    if was_left(result.raised):
        context.output.note("the debugger was left, and the handler ended there: nothing is compared")
        return Exit.INTERRUPTED
    record = record_of(case, performed, result, rules, context.redact, command["app"])
    if command["json"]:
        context.output.record(record)
    else:
        tell(record, context.output)
    if command["pdb"] and result.raised is not None:
        post_mortem(result.raised)
    return int(record["exit"])


def _app(command: Command, case: Case) -> Daebus:
    """The app, imported while nothing that it does then can reach a Redis. Raises CommandError."""
    where: str = command["app"]
    # As with `daebus run`: modules of the folder that one is in are found.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        with stand_in(LocalBus()), redirect_stdout(sys.stderr):
            app = find_app(where)
        check_action(case, app)
    except (Mistake, NoSuchAction) as error:
        told = str(error)
        asked = case.exchange.target
        if isinstance(error, NoSuchAction) and asked != app.name:
            told += f". The request was for {asked!r}: is {where} the app of another service?"
        raise inputs.misplaced(command, where, told) from None
    return app


def _performed(command: Command, case: Case, app: Daebus) -> tuple[Performed, RerunResult]:
    """Have the handler run. What it prints goes to standard error, but where a debugger is talked to."""
    timeout = command["timeout"] or (_FOR_EVER if command["pdb"] else _TIMEOUT)
    try:
        with ExitStack() as stack:
            if command["pdb"]:
                stack.enter_context(stopping_at(original(app.action_handlers[cast(str, case.exchange.action)].call)))
            else:
                stack.enter_context(redirect_stdout(sys.stderr))
            return run(case, app, timeout)
    except Unfit as error:
        raise CommandError(f"#{case.exchange.number} cannot be run again: {error}") from None
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - a start hook of the app may raise whatever it likes
        where: str = command["app"]
        raise CommandError(f"{where} cannot start: {last_line(error, where.partition(':')[0])}") from None
