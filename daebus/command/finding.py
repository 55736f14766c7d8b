"""From `module:name` to the app that is meant, and what that has."""

from __future__ import annotations

import importlib
import sys
from types import FunctionType, ModuleType

from daebus.errors import DaebusError, RegistrationError
from daebus.service.app import Daebus
from daebus.service.importing import importing

from .mistake import Mistake, last_line, where_in


def find_app(where: str) -> Daebus:
    """The app that is meant by `module:name` (default: `app`). Raises Mistake where it is not to be had."""
    module_name, _colon, name = where.partition(":")
    module = _module(module_name, where)
    found = getattr(module, name or "app", None)
    if isinstance(found, Daebus):
        try:
            found.resolve_annotations()
        except RegistrationError as error:
            raise Mistake(str(error)) from None
        return found
    apps = [each for each, value in vars(module).items() if isinstance(value, Daebus)]
    there = f"it has {', '.join(f'{module_name}:{each}' for each in apps)}" if apps else "it has no Daebus"
    factory = _factory(module, name)
    if factory is not None:
        raise Mistake(
            f"{module_name}:{factory} is a function and no app; write app = {factory}() in a module of its own, say,"
            f" and name that app; {there}"
        )
    if found is None:
        raise Mistake(f"{module_name!r} has no {name or 'app'!r}; {there}")
    raise Mistake(f"{module_name}:{name or 'app'} is no Daebus but a {type(found).__name__}; {there}")


def _factory(module: ModuleType, name: str) -> str | None:
    """The name of the function that is named in the place of an app, with or without parentheses."""
    called = name.partition("(")[0]
    return called if isinstance(getattr(module, called, None), FunctionType) else None


def check_name(where: str) -> None:
    """Raise Mistake for what names no module, however the files look."""
    name = where.partition(":")[0]
    if "://" in where:
        raise Mistake(f"{where!r} names no module; `daebus run` takes the URL of Redis with --redis")
    if not name or not all(part.isidentifier() for part in name.split(".")):
        written = name.removesuffix("/__init__.py").removesuffix(".py")
        module = ".".join(part for part in written.split("/") if part != ".")
        meant = module if all(part.isidentifier() for part in module.split(".")) else "shop.users"
        app = where.partition(":")[2] or "app"
        raise Mistake(f"{where!r} names no module; write it as Python imports it, such as {meant}:{app}")


def _module(name: str, where: str) -> ModuleType:
    check_name(where)
    try:
        with importing():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (error.name == name or name.startswith(f"{error.name}.")):
            meant = f"; for the file {name}, write {where.replace('.py', '', 1)}" if name.endswith(".py") else ""
            parent, _dot, last = name.rpartition(".")
            if isinstance(getattr(sys.modules.get(parent), last, None), Daebus):
                meant = f"; for {last!r} in the module {parent!r}, write {parent}:{last}"
            raise Mistake(f"there is no module {error.name!r} here or where Python looks for them{meant}") from None
        raise Mistake(f"{name!r} cannot be imported: {last_line(error, name)}") from None
    except DaebusError as error:
        raise Mistake(f"{name!r} cannot be imported: {error}{where_in(error, name)}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise whatever it likes
        raise Mistake(f"{name!r} cannot be imported: {last_line(error, name)}") from None


def told(app: Daebus, where: str) -> str:
    """What an app has, line by line. Redis is not asked."""
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
