"""The rules, one module each, in rooms by what they look at. A class named Found is a rule, and nothing else names it.

Law of this folder: a rule knows the exchanges it is told of and the world it may ask, no other rule, and remembers a
bounded part. Its help stands with it.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from daebus_console.engine.findings.rule import Rule


def _found() -> dict[str, type[Rule]]:
    rooms = pkgutil.walk_packages(__path__, f"{__name__}.")
    rules: list[type[Rule]] = [import_module(info.name).Found for info in rooms if not info.ispkg]
    return {rule.name: rule for rule in sorted(rules, key=lambda rule: rule.name)}


RULES: dict[str, type[Rule]] = _found()
"""Every rule by its name."""
