"""Where threads and tasks are just now, as lines of text, and which of these are the program's own. Reads no source."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from types import FrameType
from typing import Any

from daebus.context import Context

MOST = 20
"""Frames that are told of each, the innermost ones."""
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_STEPS = ("async_generator_asend", "async_generator_athrow", "anext_awaitable")
"""What stands between a task and the async generator that it goes through; they name it to nobody but the collector."""

Place = tuple[str, int | None, str]
"""File, line, function."""


def places_in(context: Context, threads: Mapping[int, FrameType]) -> list[Place] | None:
    """Where the handler of a context is, the innermost frame first; None where it is nowhere any more.

    `threads` is what `sys._current_frames` returned; called within `looking_at_threads`. What is outside of the
    program's own functions is left out.
    """
    task = context.task
    if task is None:
        frame = threads.get(context.thread)
        return None if frame is None else _within([_place(each) for each in _outwards(frame)])
    if task.done():
        return None
    coroutine = task.get_coro()
    if getattr(coroutine, "cr_running", False) and context.thread in threads:
        return _within([_place(each) for each in _outwards(threads[context.thread])])
    return _within([_place(each) for each in _inwards(coroutine)][::-1])


def own(places: list[Place]) -> Place | None:
    """The innermost one that is the program's own; if there is none, of a package; if there is none, of anything."""
    for theirs in (_is_own, _is_no_library):
        found = next((place for place in places if theirs(place)), None)
        if found is not None:
            return found
    return places[0] if places else None


def line_of(place: Place) -> str:
    """`file:line function`."""
    return f"{place[0]}:{place[1] or 0} {place[2]}"


@cache
def _folders(*names: str) -> tuple[str, ...]:
    """Of this Python, by the names of `sysconfig`, which takes its time."""
    import sysconfig

    paths = sysconfig.get_paths()
    return tuple(paths[name] + os.sep for name in names)


def _place(frame: FrameType) -> Place:
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _inwards(awaited: Any) -> Iterator[FrameType]:
    """The frames of a coroutine that is suspended: its own first, then that of what it awaits, and so on."""
    for _step in range(sys.getrecursionlimit()):
        if awaited is None:
            return
        for prefix, inner in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
            frame = getattr(awaited, f"{prefix}_frame", None)
            if frame is not None:
                yield frame
                awaited = getattr(awaited, inner)
                break
        else:
            awaited = _behind(awaited)


def _behind(step: Any) -> Any:
    if type(step).__name__ not in _STEPS:
        return None
    candidates = [each for each in gc.get_referents(step) if hasattr(each, "ag_frame") or hasattr(each, "cr_frame")]
    steps = [each for each in gc.get_referents(step) if type(each).__name__ in _STEPS]
    return next(iter(candidates + steps), None)


def _within(places: list[Place]) -> list[Place]:
    """Without the frames around the program's own, which are the framework's, and no more than MOST."""
    end = len(places)
    while end and not _is_own(places[end - 1]):
        end -= 1
    return places[: end or len(places)][:MOST]


def _is_no_library(place: Place) -> bool:
    return not place[0].startswith((_OURS, "<frozen ")) and not (
        place[0].startswith(_folders("stdlib", "platstdlib")) and not _is_of_a_package(place)
    )


def _is_own(place: Place) -> bool:
    return _is_no_library(place) and not _is_of_a_package(place)


def _is_of_a_package(place: Place) -> bool:
    return place[0].startswith(_folders("purelib", "platlib"))
