"""demo at the shell: the shop, with the full-screen console on it or without."""

from __future__ import annotations

import sys
from dataclasses import replace

from daebus.errors import ConfigurationError
from daebus_console.cli.options import Globals
from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.grammar.secrets import safe_error
from daebus_console.demo.demo import BrokerUnavailable, Demo, DemoError, DemoInterrupted, run_headless
from daebus_console.demo.story import SECONDS


def run_demo(command: Command, settings: Globals, output: TerminalOutput) -> int:
    """Run the demo until the user leaves it or, headless, until interrupted or --for is over."""
    if settings.read_only:
        output.error("the demo starts services that publish, and --read-only forbids that")
        return 2
    url = command["redis"] or settings.redis
    try:
        if command["headless"]:
            output.flush()
            return run_headless(url, seconds=command["for"], story=_story(command))
        return _with_console(command, settings, output, url)
    except CommandError as error:
        output.mistake(safe_error(error))
        return 2
    except ConfigurationError as error:
        output.error(str(error))
        return 2
    except BrokerUnavailable as error:
        output.error(str(error))
        return 5
    except DemoInterrupted:
        return 130
    except DemoError as error:
        output.error(str(error))
        return 1


def _with_console(command: Command, settings: Globals, output: TerminalOutput, url: str | None) -> int:
    if command["for"]:
        raise CommandError("--for goes with --headless; the console stays until you leave it", line=command.line)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError("the console needs a terminal; without one, use: demo --headless", line=command.line)
    # Heavy, and wanted here only.
    from daebus_console.cli.screen import show_console

    with Demo(url, announce=output.note, story=_story(command)) as demo:
        return show_console(replace(settings, redis=demo.url), story=command["story"])


def _story(command: Command) -> float | None:
    """How long a chapter of the story is; None without one."""
    return SECONDS if command["story"] else None
