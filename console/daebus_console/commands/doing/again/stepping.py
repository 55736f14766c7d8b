"""Stopping in a handler with Python's debugger: at its first line, in whatever thread or task it runs."""

from __future__ import annotations

import bdb
import inspect
import os
import pdb
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, TracebackType
from typing import Any

from daebus.command.mistake import is_of


@contextmanager
def stopping_at(function: Callable[..., Any]) -> Iterator[None]:
    """While the block runs, threads that start in it stop in the debugger at the first line of the function."""
    code = _code_of(function)
    if code is None:
        # One that is not written in Python has no lines.
        yield
        return
    debugger = pdb.Pdb(nosigint=True)

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if event != "call" or frame.f_code is not code:
            return None
        debugger.reset()
        sys.settrace(debugger.trace_dispatch)
        return debugger.trace_dispatch(frame, event, argument)

    threading.settrace(trace)
    try:
        yield
    finally:
        threading.settrace(None)


def was_left(error: BaseException | None) -> bool:
    """Whether it is that the debugger was told to quit."""
    return isinstance(error, bdb.BdbQuit)


def post_mortem(error: BaseException) -> None:
    """Look at where it was raised, below the framework."""
    if error.__traceback__ is not None:
        debugger = pdb.Pdb(nosigint=True)
        debugger.reset()
        debugger.interaction(None, users_own(error.__traceback__))


def users_own(trace: TracebackType) -> TracebackType:
    """The traceback from the first frame on that is not the framework's; all of it where there is none."""
    at: TracebackType | None = trace
    while at is not None and is_of(at.tb_frame, "daebus"):
        at = at.tb_next
    return at or trace


def place_of(error: BaseException) -> str:
    """File, line and function of where it was raised, or of what called the framework, which then did; empty where
    nobody knows."""
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [one for one in frames if not is_of(one[0], "daebus")] or frames
    if not own:
        return ""
    frame, number = own[-1]
    return f"{os.path.relpath(frame.f_code.co_filename)}:{number} in {frame.f_code.co_name}"


def _code_of(function: Callable[..., Any]) -> CodeType | None:
    called: Any = inspect.unwrap(function)
    called = getattr(called, "func", called)
    if not inspect.isroutine(called):
        called = type(called).__call__
    return getattr(getattr(called, "__func__", called), "__code__", None)
