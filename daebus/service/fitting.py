"""Whether a function can be what it is registered as; found out when it is registered, not at each message."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import cache, partial
from typing import Any

from daebus.errors import RegistrationError
from daebus.wire import checks

from .kind import Kind, kind_of, layers

_STAND_INS = (staticmethod, type(cache(lambda: None)))
RUNS = (Kind.PLAIN, Kind.ASYNC)
"""The kinds of what is called and that is all."""
ANSWERS = tuple(Kind)
"""The kinds of what answers: generators answer in parts."""
THREADS = (Kind.PLAIN,)
"""The kinds of what has a thread of its own."""
VALUES = (Kind.PLAIN,)
"""The kinds of what is called for a value, which is wanted at once."""
_WHY_NOT = {
    Kind.GENERATOR: "which nothing would go through",
    Kind.ASYNC_GENERATOR: "which nothing would go through",
    Kind.ASYNC: "which nothing would await",
}
_WHY_NO_THREAD = (
    "which belongs on the event loop and not on a thread of its own: make it a background task, "
    "or start an asyncio task in an on_start hook"
)


def is_stand_in(function: object) -> bool:
    """Whether it is called in the place of a function, with the same arguments, and has no signature of its own."""
    return isinstance(function, _STAND_INS)


def stood_for(function: Any) -> Any:
    """What is called in its place where it is a stand-in, or a partial of one; else the function itself."""
    while True:
        called: Any = function.func if isinstance(function, partial) else function
        if not is_stand_in(called):
            return function
        inner = called.__wrapped__
        function = inner if called is function else partial(inner, *function.args, **function.keywords)


def must_be(function: Callable[..., Any], what: str, kinds: Collection[Kind] = RUNS) -> Kind:
    """The kind of a function. Raises RegistrationError, with file and line, for one that is of none of the `kinds`."""
    checks.function(function, what, RegistrationError)
    kind = kind_of(function)
    if kind not in kinds:
        # What a decorator makes of the function within is its own affair.
        kind = kind_of(function, within=False)
    if kind not in kinds:
        wanted = " or ".join(each.value for each in kinds)
        why = _WHY_NO_THREAD if kinds is THREADS and kind is Kind.ASYNC else _WHY_NOT[kind]
        raise cannot(what, function, f"is {kind.value}, {why}; it must be {wanted}")
    return kind


def must_fit(function: Callable[..., Any], what: str, *given: str, kinds: Collection[Kind] = RUNS) -> Kind:
    """The kind of a function that is to be called with the arguments `given`, which are named, in order.

    Raises RegistrationError, with file and line, for one that cannot be, or that is of none of the `kinds`. A function
    that does not tell its arguments is taken as it is.
    """
    kind = must_be(function, what, kinds)
    try:
        signature = inspect.signature(stood_for(function), follow_wrapped=False)
    except (ValueError, TypeError):
        return kind
    try:
        signature.bind(*given)
    except TypeError as error:
        arguments = f"with {', '.join(given)}" if given else "without arguments"
        raise cannot(what, function, f"cannot be called {arguments}: {error}") from None
    return kind


def cannot(what: str, function: Callable[..., Any], why: str) -> RegistrationError:
    """The error for a function that is `what`, and cannot be for the reason `why`; with file and line."""
    return RegistrationError(f"{what}{place(function)} {why}")


def place(function: Callable[..., Any]) -> str:
    """Where it is written, to be put behind its name; empty where that cannot be told."""
    written = [code for layer in layers(function) if (code := getattr(layer, "__code__", None)) is not None]
    return f" ({written[-1].co_filename}:{written[-1].co_firstlineno})" if written else ""
