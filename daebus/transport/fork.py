"""What becomes of connections where the threads that used them are gone: whoever is left gets its own.

That is so in a forked child, which has the descriptors of its parent, and of its threads only the one that forked; and
in finalizers that run after the interpreter has ended its daemon threads, with whatever locks they held. So whatever
holds a connection or a lock registers here, and is told, in a child before anything else runs there: it lets go of its
copies, which ends nothing on the parent's side, and begins anew.
"""

from __future__ import annotations

import os
import sys
import traceback
import weakref
from contextlib import suppress
from typing import Any, NoReturn, Protocol


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


def let_go(transport: Any) -> None:
    """In a forked child: close its copy of the socket of a transport of asyncio; the parent's own is left alone."""
    # An event loop hands out a view that cannot be closed.
    view = transport.get_extra_info("socket")
    own = getattr(view, "_sock", None)
    if own is not None:
        own.close()
    elif not transport.is_closing():
        # Another loop than asyncio's, uvloop say, may yet close what has this number: so nothing else is to get it.
        with suppress(OSError):
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, view.fileno(), inheritable=False)
            os.close(null)


def end_child(error: BaseException | None) -> NoReturn:
    """End a child that a handler has forked, at the end of that handler: the parent answers, and goes on.

    Its exit status is as that of a program which ends so, or by that error. As after every fork without an exec, what
    is registered for the exit of the parent is not called.
    """
    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if status and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    elif error is not None:
        traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status & 0xFF)


def _begin_anew() -> None:
    failed: BaseException | None = None
    for one in list(_all):
        try:
            one.after_fork()
        except BaseException as error:  # noqa: BLE001 - none of the others is to use what is the parent's
            failed = error
    if failed is not None:
        raise failed


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
