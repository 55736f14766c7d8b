"""The program `daebus`: runs the service of a module, or looks whether it could be run."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from .errors import ConfigurationError, DaebusError, RegistrationError
from .service.app import Daebus
from .transport.address import RedisAddress
from .transport.url import resolve_url
from .version import __version__

USAGE = 2
"""The exit status of a mistake of whoever called it."""
FAILED = 1
"""The exit status where what was asked for is not to be had."""


class _Mistake(Exception):
    """What is wrong with what was asked for. Its text is what is said."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments (default: those of the process) say; returns the exit status."""
    options = _parser().parse_args(arguments)
    # As with `python -m`: modules of the folder that one is in are found.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        app = _app(options.app)
        app.resolve_annotations()
        if options.verb == "check":
            print(_told(app, options.app))
            return 0
        url = _redis(options.redis)
    except (_Mistake, RegistrationError) as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return USAGE
    app.run(options.service, options.debug, redis_url=url, shared=options.shared)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="daebus", description="Runs services that talk over Redis Pub/Sub.")
    parser.add_argument("--version", action="version", version=f"daebus {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    run = verbs.add_parser("run", help="run a service until it is told to end", description="Run a service.")
    check = verbs.add_parser("check", help="say what a service has, without Redis", description=_told.__doc__)
    for verb in (run, check):
        verb.add_argument("app", metavar="MODULE[:NAME]", help="where the app is, such as shop.users:app")
    run.add_argument("--service", metavar="NAME", help="the name to serve under (default: that of the app)")
    run.add_argument("--redis", metavar="URL", help="where Redis is (default: that of the environment)")
    run.add_argument("--shared", action="store_true", help="share the work with other instances")
    run.add_argument("--debug", action="store_true", help="log each message; errors carry tracebacks")
    return parser


def _app(where: str) -> Daebus:
    """The app that is meant by `module:name`."""
    module_name, _colon, name = where.partition(":")
    module = _module(module_name, where)
    found = getattr(module, name or "app", None)
    if isinstance(found, Daebus):
        return found
    apps = [each for each, value in vars(module).items() if isinstance(value, Daebus)]
    there = f"it has {', '.join(f'{module_name}:{each}' for each in apps)}" if apps else "it has no Daebus"
    if found is None:
        raise _Mistake(f"{module_name!r} has no {name or 'app'!r}; {there}")
    raise _Mistake(f"{module_name}:{name or 'app'} is no Daebus but a {type(found).__name__}; {there}")


def _module(name: str, where: str) -> ModuleType:
    if not name or not all(part.isidentifier() for part in name.split(".")):
        raise _Mistake(f"{where!r} names no module; write it as Python imports it, such as shop.users:app")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (error.name == name or name.startswith(f"{error.name}.")):
            raise _Mistake(f"there is no module {error.name!r} here or where Python looks for them") from None
        raise _Mistake(f"{name!r} cannot be imported: {_last_line(error)}") from None
    except DaebusError as error:
        raise _Mistake(f"{name!r} cannot be imported: {error}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise whatever it likes
        raise _Mistake(f"{name!r} cannot be imported: {_last_line(error)}") from None


def _last_line(error: BaseException) -> str:
    """What went wrong, and where in the user's files."""
    where = next((f" ({f.filename}:{f.lineno})" for f in reversed(traceback.extract_tb(error.__traceback__))), "")
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}:{error.lineno})"
    return f"{traceback.format_exception_only(error)[-1].splitlines()[0]}{where}"


def _redis(url: str | None) -> str:
    try:
        return str(RedisAddress(resolve_url(url)).url)
    except ConfigurationError as error:
        raise _Mistake(str(error)) from None


def _told(app: Daebus, where: str) -> str:
    """Import a service and say what it has. Redis is not asked."""
    lines = [f"{where}: {app.name}"]
    kinds = (
        ("actions", app.action_handlers),
        ("listens to", app.listen_handlers),
        ("background tasks", app.background_tasks),
        ("threads", app.thread_tasks),
    )
    for kind, handlers in kinds:
        if handlers:
            lines.append(f"  {kind}: {', '.join(sorted(handlers))}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
