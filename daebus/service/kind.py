"""What kind of function a handler or a hook is, and so where it runs. Told here, once, when it is registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any


class Kind(Enum):
    """The value is what it is called in an error text."""

    PLAIN = "a plain function"
    GENERATOR = "a generator"
    ASYNC = "an async function"
    ASYNC_GENERATOR = "an async generator"

    @property
    def on_loop(self) -> bool:
        """Whether it runs on the event loop of the service; else it runs on a thread."""
        return self in _ON_LOOP


_ON_LOOP = (Kind.ASYNC, Kind.ASYNC_GENERATOR)
_TESTS = (
    (inspect.iscoroutinefunction, Kind.ASYNC),
    (inspect.isasyncgenfunction, Kind.ASYNC_GENERATOR),
    (inspect.isgeneratorfunction, Kind.GENERATOR),
)


def kind_of(function: Callable[..., Any], *, within: bool = True) -> Kind:
    """The kind of a function, of a `functools.partial`, or of an object that can be called.

    Of one that a decorator has made (`functools.wraps`) it is that of the function `within`.
    """
    called: Any = inspect.unwrap(function) if within else function
    if not (inspect.isroutine(called) or isinstance(called, partial)):
        called = type(called).__call__
    return next((kind for is_kind, kind in _TESTS if is_kind(called)), Kind.PLAIN)


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it is registered. `home` is the app or blueprint that it was registered with."""

    call: Callable[..., Any]
    kind: Kind
    home: object
