"""What can be asked of the program `daebus`, and who does it."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from io import TextIOWrapper
from typing import Any, NoReturn

from daebus.errors import ConfigurationError
from daebus.logs import FORMATS, configure, stay_on
from daebus.masking import without_passwords
from daebus.service.app import Daebus
from daebus.service.signals import StopSignals
from daebus.transport.address import RedisAddress
from daebus.transport.places.route import is_sharded
from daebus.transport.url import named_by, resolve_url
from daebus.version import __version__

from .finding import check_name, find_app, told
from .handover import HandoverBus
from .mistake import Mistake
from .project import make_project
from .supervised import Supervised

log = logging.getLogger("daebus")

INTERRUPTED = 130
"""The exit status of what Ctrl-C has ended."""
USAGE = 2
"""The exit status of a mistake of whoever called it."""
WORKERS = "DAEBUS_MAX_WORKERS"
"""The variable that says how many workers there are to be, where no other is named."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments (default: those of the process) say; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _options(given)
    # As with `python -m`: modules of the folder that one is in are found.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        if options.verb == "new":
            return _print(make_project(options.name))
        if options.verb == "check":
            return _print(told(find_app(options.app), options.app))
        return _run(options, given)
    except Mistake as mistake:
        return _wrong(str(mistake))
    except KeyboardInterrupt:
        # While the module is imported, say: a service that runs ends by itself.
        return INTERRUPTED


def _options(given: Sequence[str]) -> argparse.Namespace:
    """What is asked for. Ends the process where that is no command, with how it is used."""
    parser, verbs = _parser()
    options, unknown = parser.parse_known_args(given)
    if unknown:
        verb = verbs[options.verb]
        there = [word for each in verb.format_usage().split() if (word := each.strip("[]()")).startswith("-")]
        near = get_close_matches(unknown[0].partition("=")[0], there, 1, 0.7)
        meant = f"; did you mean {near[0]}?" if near else ""
        verb.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
    return options


def _print(text: str) -> int:
    """Print a result; returns the exit status. What the terminal has no sign for is written as an escape."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)
        return 0
    except OSError as error:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            # What could not be written would be tried again, and told of, when the interpreter ends.
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # Whoever reads has what it wanted.
            return 0
        return _wrong(f"cannot write to standard output: {error.strerror}")


def _wrong(text: str) -> int:
    """Say what is wrong, where there is somewhere to say it; returns the exit status."""
    if sys.stderr is not None:
        print(f"error: {without_passwords(text)}", file=sys.stderr)
    return USAGE


class _Parser(argparse.ArgumentParser):
    """What an option is short for is not guessed: --workers is none of ours. Of an argument at a wrong place, which may
    be the URL of Redis, no password is said.
    """

    def __init__(self, **told: Any) -> None:
        super().__init__(allow_abbrev=False, **told)

    def error(self, message: str) -> NoReturn:
        """See `ArgumentParser`."""
        super().error(without_passwords(message))


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """It, and that of each verb."""
    parser = _Parser(prog="daebus", description="Runs services that talk over Redis Pub/Sub.")
    parser.add_argument("--version", action="version", version=f"daebus {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    run = verbs.add_parser("run", help="run a service until it is told to end", description="Run a service.")
    check = verbs.add_parser(
        "check",
        help="say what a service has, without Redis",
        description="Import a service and say what it has. Redis is not asked.",
    )
    for verb in (run, check):
        verb.add_argument("app", metavar="MODULE[:NAME]", help="where the app is, such as shop.users:app")
    _add_run(run)
    new = verbs.add_parser("new", help="begin a service", description="Make a folder with a service and its test.")
    new.add_argument("name", metavar="NAME", help="the name of the service, of its module and of its folder")
    return parser, verbs.choices


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("--service", metavar="NAME", help="the name to serve under (default: that of the app)")
    run.add_argument("--redis", metavar="URL", help="where Redis is (default: that of the environment)")
    run.add_argument("--shared", action="store_true", help="share the work with other instances")
    run.add_argument("--debug", action="store_true", help="log each message; errors carry tracebacks")
    run.add_argument("--debugger", action="store_true", help="let debuggers hold and edit its messages")
    run.add_argument("--log-format", choices=sorted(FORMATS), help="how lines of the log look (default: text)")
    workers = run.add_mutually_exclusive_group()
    workers.add_argument("--max-workers", metavar="N", help="handlers that run at once (default: that of the app)")
    workers.add_argument(
        "--workers-from-env",
        metavar="VARIABLE",
        nargs="?",
        const=WORKERS,
        help=f"the same, from a variable of the environment (default: {WORKERS})",
    )
    run.add_argument("--reload", action="store_true", help="run new code whenever a Python file changes")
    run.add_argument(
        "--reload-dir", metavar="DIR", action="append", default=[], help="where it is looked for changes (default: .)"
    )
    run.add_argument("--supervised", type=int, help=argparse.SUPPRESS)


def _run(options: argparse.Namespace, given: Sequence[str]) -> int:
    check_name(options.app)
    for name, value in (("--service", options.service), ("--redis", options.redis)):
        if value is not None and not value.strip():
            # From a variable that is not set, mostly: what stands in its place is not what was meant.
            raise Mistake(f"{name} is given, and is empty: name one, or leave {name} out")
    url = _redis(options.redis)
    workers = _workers(options, os.environ)
    if options.log_format is not None:
        # Before the module sets up logging of its own: what is asked for here counts.
        configure(options.log_format)
    if options.supervised is not None:
        configure()
        find = partial(_found, options, workers)
        return Supervised(options.supervised).run(url, find, partial(_serve, options))
    if options.reload_dir and not options.reload:
        raise Mistake("--reload-dir says where --reload looks for changes; give that as well")
    if options.reload and is_sharded(url):
        # One mark among the messages tells where the old code ends and the new begins. Here each slot would need one of
        # its own, and the old code would have to end when it has come to all of them.
        raise Mistake(
            "--reload and sharded Pub/Sub do not go together, since messages come over several connections that have no"
            " point in common where the old code could hand over: leave --reload or sharded=true out"
        )
    if options.reload:
        configure()
        from .supervisor import run

        return run(options.app, given, options.reload_dir)
    app = _found(options, workers)
    app.run(options.service, options.debug, redis_url=url, shared=options.shared, debugger=options.debugger or None)
    return 0


def _found(options: argparse.Namespace, workers: int | None) -> Daebus:
    """The app, with as many workers as were asked for."""
    app = find_app(options.app)
    if workers is not None:
        try:
            app.options = replace(app.options, max_workers=workers)
        except ConfigurationError as error:
            raise Mistake(str(error)) from None
    elif options.workers_from_env is not None:
        # As it is when the service runs, which does not set it up before the module has.
        configure()
        stay_on()
        log.info("%s is not set: %d workers, as the app has it", options.workers_from_env, app.options.max_workers)
    return app


def _serve(options: argparse.Namespace, app: Daebus, bus: HandoverBus, signals: StopSignals) -> None:
    start = partial(app.start_on, bus, options.service, options.debug, options.shared, options.debugger or None)
    app.run_until(signals, start, options.service)


def _workers(options: argparse.Namespace, environment: Mapping[str, str]) -> int | None:
    """How many workers were asked for, if that was said."""
    what, text = "--max-workers", options.max_workers
    if options.workers_from_env is not None:
        what = options.workers_from_env
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", what):
            hint = "write MODULE before --workers-from-env, or --workers-from-env=VARIABLE"
            raise Mistake(f"{what!r} is no name of a variable; {hint}")
        text = environment.get(what, "").strip() or None
    if text is None:
        return None
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise Mistake(f"{what} must be a whole number of at least 1, not {text[:50]!a}")
    return int(text)


def _redis(url: str | None) -> str:
    try:
        return str(RedisAddress(resolve_url(url)).url)
    except ConfigurationError as error:
        raise Mistake(f"{error}{named_by(url)}") from None
