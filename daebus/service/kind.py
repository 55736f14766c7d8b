"""What kind of function a handler or a hook is, and so where it runs. Told here, once, when it is registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from daebus.errors import DaebusError

from .answering.receipt import Receipt


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

    Of a plain one that a decorator has made (`functools.wraps`) it is that of the function `within`: it returns what
    that returns. One that is async or a generator itself says by that what it is.
    """
    kinds = (_own_kind(layer) for layer in (layers(function) if within else (function,)))
    return next((kind for kind in kinds if kind is not Kind.PLAIN), Kind.PLAIN)


def streams(function: Callable[..., Any]) -> bool:
    """Whether it is a generator of either sort, or decorates one."""
    return any(_own_kind(layer) in (Kind.GENERATOR, Kind.ASYNC_GENERATOR) for layer in layers(function))


def _own_kind(called: Any) -> Kind:
    if not (inspect.isroutine(called) or isinstance(called, partial)):
        called = type(called).__call__
    return next((kind for is_kind, kind in _TESTS if is_kind(called)), Kind.PLAIN)


_DEEPEST = 100
"""Functions within one another that are looked at."""


def layers(function: Any) -> Iterator[Any]:
    """The function, what it decorates or calls, and so on."""
    for _ in range(_DEEPEST):
        yield function
        if isinstance(function, partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif not inspect.isroutine(function):
            function = type(function).__call__
        else:
            return


USUAL = (type(None), dict, Receipt)
"""The classes of what handlers mostly return: none of these is to be gone through or awaited."""


async def awaited(returned: Any) -> Any:
    """What an async function returns; a decorator may have made it return something else."""
    return await returned if inspect.isawaitable(returned) else returned


def must_not_wait(returned: Any) -> None:
    """Raise DaebusError where a plain function has returned something that nothing would await."""
    if inspect.iscoroutine(returned):
        returned.close()
    elif not inspect.isasyncgen(returned):
        return
    raise DaebusError(
        "a plain function returned a coroutine or an async generator, which nothing awaits: only an async def can "
        "await it; a decorator around an async function must be async, too, or use functools.wraps"
    )


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it is registered. `home` is the app or blueprint that it was registered with."""

    call: Callable[..., Any]
    kind: Kind
    home: object
