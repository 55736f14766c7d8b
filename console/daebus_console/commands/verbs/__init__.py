"""The verbs: what each is for, takes, looks like and does, one file for each, in a room by what it is for.

A verb is a module of a room here, named like it (`save-history` is `save_history`), with VERB, which tells what it is,
and `run(command, context)`, which carries it out and returns the exit status. Nothing else names it: shell, prompts,
help, completion, palette and key bindings read VERBS. All are loaded wherever a word is understood or completed, so
that a module imports what the running of its verb needs where it runs.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument as Argument
from daebus_console.commands.terms.verb import Face as Face
from daebus_console.commands.terms.verb import Option as Option
from daebus_console.commands.terms.verb import Verb as Verb


def _found() -> dict[str, ModuleType]:
    """The module of each verb, by the verb's name."""
    modules = (import_module(info.name) for info in pkgutil.walk_packages(__path__, f"{__name__}."))
    return {module.VERB.name: module for module in modules if hasattr(module, "VERB")}


_MODULES = _found()

VERBS: dict[str, Verb] = {
    name: module.VERB for name, module in sorted(_MODULES.items(), key=lambda item: (item[1].VERB.place, item[0]))
}
"""Every verb by its name, in the order in which help lists them."""


def module_of(name: str) -> ModuleType:
    """The module of that verb."""
    return _MODULES[name]


SHELL_OPTIONS = (
    Option("--redis", Kind.URL, "where Redis is (default: $DAEBUS_REDIS_URL, $REDIS_URL, localhost:6379)", "URL"),
    Option("--channels", Kind.TEXT, "look only at channels that match, such as 'shop.*,user_*'", "GLOBS"),
    Option("--read-only", Kind.FLAG, "refuse every verb that publishes"),
    Option("--passive", Kind.FLAG, "publish nothing at all, not even questions to services of what they are"),
    Option(
        "--confirm-remote",
        Kind.TEXT,
        "ask before many messages go to a Redis that is not on this machine (default: on)",
        "on|off",
    ),
    Option("--redact", Kind.TEXT, "mask the values of these keys in payloads, such as password,token", "KEYS"),
    Option(
        "--dialects",
        Kind.TEXT,
        "read only these dialects beside daebus, such as nest,celery (default: all; `help dialects`)",
        "NAMES",
    ),
    Option("--version", Kind.FLAG, "print the version", short="-V"),
    Option("--help", Kind.FLAG, "print this help, or with a verb the help on it", short="-h"),
)
"""What the shell takes before or after any verb."""
