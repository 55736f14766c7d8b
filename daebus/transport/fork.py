"""What becomes of connections where the threads that used them are gone: whoever is left gets its own.

That is so in a forked child, which has the descriptors of its parent, and of its threads only the one that forked; and
in finalizers that run after the interpreter has ended its daemon threads, with whatever locks they held. So whatever
holds a connection or a lock registers here, and is told, in a child before anything else runs there: it lets go of its
copies, which ends nothing on the parent's side, and begins anew.
"""

from __future__ import annotations

import os
import sys
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something that begins anew."""

    def after_fork(self) -> None:
        """Called in a forked child, and in an interpreter that has ended its threads."""


_all: weakref.WeakSet[Forked] = weakref.WeakSet()
_ended: list[bool] = []


def begins_anew(one: Forked) -> None:
    """Have its `after_fork` called from now on, as long as it lives."""
    _all.add(one)


def mind_the_end() -> None:
    """Called before a connection or a lock is used that a thread may have had which the interpreter has ended."""
    if sys.is_finalizing() and not _ended:
        _ended.append(True)
        _begin_anew()


def _begin_anew() -> None:
    for one in list(_all):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
