"""Whether a function can be what it is registered as; found out when it is registered, not at each message."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from daebus.errors import RegistrationError
from daebus.wire import checks

_KINDS = (
    (inspect.iscoroutinefunction, "an async function, which nothing would await"),
    (inspect.isasyncgenfunction, "an async generator, which nothing would go through"),
    (inspect.isgeneratorfunction, "a generator, which nothing would go through"),
)


def must_fit(function: Callable[..., Any], what: str, *given: str) -> None:
    """Raise RegistrationError, with file and line, for a function that cannot be run with the arguments `given`.

    `given` names what it is called with, in order. A function that does not tell its arguments is taken as it is.
    """
    checks.function(function, what, RegistrationError)
    called = function if inspect.isroutine(function) or isinstance(function, partial) else type(function).__call__
    for is_kind, kind in _KINDS:
        if is_kind(called):
            raise cannot(what, function, f"is {kind}; it must be a plain function")
    try:
        # What a decorator gives to the function within is its own affair.
        signature = inspect.signature(function, follow_wrapped=False)
    except (ValueError, TypeError):
        return
    try:
        signature.bind(*given)
    except TypeError as error:
        arguments = f"with {', '.join(given)}" if given else "without arguments"
        raise cannot(what, function, f"cannot be called {arguments}: {error}") from None


def cannot(what: str, function: Callable[..., Any], why: str) -> RegistrationError:
    """The error for a function that is `what`, and cannot be for the reason `why`; with file and line."""
    return RegistrationError(f"{what}{_place(function)} {why}")


def _place(function: Callable[..., Any]) -> str:
    """Where it is written, to be put behind its name; empty where that cannot be told."""
    while isinstance(function, partial):
        function = function.func
    code = getattr(inspect.unwrap(function), "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return "" if code is None else f" ({code.co_filename}:{code.co_firstlineno})"
