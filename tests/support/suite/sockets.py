"""Sockets that nobody has closed: told with the test that made them, and where.

One that is found in the test that made it fails that test, as every warning does. Most are found by a later collection,
in the midst of another test, which has nothing to do with it: then the suite tells of it, and that test goes on.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

_FRAMES = 12


class Sockets:
    """Knows where each socket of this process was made. `tell` is told of those that another test has left."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._test = ""
        self._made: dict[int, tuple[str, str]] = {}
        self._init = socket.socket.__init__
        self._hook = sys.unraisablehook

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._test = item.nodeid

    def begin(self) -> None:
        """From now on."""
        init, self._hook = self._init, sys.unraisablehook

        def made(sock: socket.socket, *arguments: Any, **options: Any) -> None:
            init(sock, *arguments, **options)
            self._made[id(sock)] = (self._test, _stack())

        socket.socket.__init__ = made  # type: ignore[method-assign]
        sys.unraisablehook = self._unraisable

    def end(self) -> None:
        """No more."""
        socket.socket.__init__ = self._init  # type: ignore[method-assign]
        sys.unraisablehook = self._hook

    def _unraisable(self, what: Any) -> None:
        if isinstance(what.exc_value, ResourceWarning) and isinstance(what.object, socket.socket):
            test, stack = self._made.get(id(what.object), ("", ""))
            if test and test != self._test:
                self._tell(f"{test} has left a socket open, made by {stack}: {what.exc_value}")
                return
        self._hook(what)


def _stack() -> str:
    """The thread and the lines that led here, the innermost first."""
    frame, found = sys._getframe(2), [threading.current_thread().name]
    while frame is not None and len(found) < _FRAMES:
        found.append(f"{frame.f_code.co_filename.rpartition('site-packages')[2][-60:]}:{frame.f_lineno}")
        if frame.f_back is None:
            break
        frame = frame.f_back
    return " < ".join(found)
