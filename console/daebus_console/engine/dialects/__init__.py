"""The dialects: what the frames of a framework mean, a pure file each; a table is made of them.

Law of this folder: a module here holds a class named Spoken, a Dialect, and reads bytes; it knows no exchange, no
directory and no other dialect. It claims a frame only where it is certain by the marks on it, never raises, and takes
a time that is bounded by the length of the frame.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Collection, Mapping
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder

from daebus_console.engine.message.dialect import DAEBUS, PLAIN, Dialect

GROUP = "daebus_console.dialects"
"""The entry points by which other packages add dialects; each names a class like those here."""


def _found() -> dict[str, Dialect]:
    modules = (import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    spoken: list[Dialect] = [module.Spoken() for module in modules]
    # Ours comes first, for it is asked first.
    return {one.name: one for one in sorted(spoken, key=lambda one: (one.name != DAEBUS, one.name))}


DIALECTS: Mapping[str, Dialect] = _found()
"""Those that come with the console, by name."""


def _may_be_added() -> bool:
    """Whether any package that is installed may add one: where it is certain that none does, False.

    To look takes a thirtieth of the time that it takes to import what knows all about installed packages, which is a
    tenth of that of a whole command.
    """
    # Others than the usual one may find packages anywhere.
    if any(hasattr(finder, "find_distributions") for finder in sys.meta_path if finder is not PathFinder):
        return True
    for folder in dict.fromkeys(sys.path):
        try:
            names = os.listdir(folder or ".")
        except NotADirectoryError:
            # An archive.
            return True
        except OSError:
            continue
        told = (name for name in names if name.lower().endswith((".dist-info", "egg-info")))
        if any(_names_us(os.path.join(folder, name, "entry_points.txt")) for name in told):
            return True
    return False


def _names_us(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return GROUP.encode() in file.read()
    except OSError:
        return False


@cache
def installed() -> tuple[dict[str, Dialect], tuple[str, ...]]:
    """All by name, those of other packages included; and for each of these that cannot be used, why not."""
    found: dict[str, Dialect] = dict(DIALECTS)
    problems: list[str] = []
    if not _may_be_added():
        return found, ()
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        try:
            made = point.load()()
            if not isinstance(made, Dialect):
                raise TypeError("it is no Dialect")
            if not made.name or made.name == PLAIN or made.name in found or set(made.name) & set(' ,:"*'):
                raise ValueError(f"its name {made.name!r} is taken, or cannot be one")
        except Exception as error:  # noqa: BLE001 - it is a stranger's program, and the console goes on without it
            problems.append(f"the dialect {point.name} of {point.value} cannot be used: {error}")
        else:
            found[made.name] = made
    return found, tuple(problems)


def named(name: str) -> Dialect | None:
    """The dialect of that name; None where there is none, as for what is plain."""
    return DIALECTS.get(name) or installed()[0].get(name)


def chosen(names: Collection[str]) -> list[Dialect]:
    """The dialects of those names, all where there are none. Raises ValueError for a name that is none."""
    known = installed()[0]
    for name in names:
        if name not in known:
            raise ValueError(f"there is no dialect {name!r}; there are {', '.join(known)}")
    return [one for one in known.values() if not names or one.name in names]
