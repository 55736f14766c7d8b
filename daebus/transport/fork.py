"""What becomes of connections in a forked child: it gets its own, and its parent's go on.

A child has the descriptors of its parent, and of its threads only the one that forked. So whatever holds a connection
or a lock registers here, and is told in the child, before anything else runs there: it lets go of its copies, which
ends nothing on the parent's side, and begins anew.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something that begins anew in a forked child."""

    def after_fork(self) -> None:
        """Called in the child."""


_all: weakref.WeakSet[Forked] = weakref.WeakSet()


def begins_anew(one: Forked) -> None:
    """Have its `after_fork` called in each child that is forked from now on, as long as it lives."""
    _all.add(one)


def _after_fork() -> None:
    for one in list(_all):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
