"""The rules, one module each: a class named Found there is a rule, and nothing else names it.

Law of this folder: a rule knows the exchanges it is told of and the world it may ask, no other rule, and remembers a
bounded part. Its help stands with it.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from daebus_console.engine.findings.rule import Rule


def _found() -> dict[str, type[Rule]]:
    modules = (import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    rules: list[type[Rule]] = [module.Found for module in modules]
    return {rule.name: rule for rule in sorted(rules, key=lambda rule: rule.name)}


RULES: dict[str, type[Rule]] = _found()
"""Every rule by its name."""
