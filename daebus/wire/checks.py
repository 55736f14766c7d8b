"""What may be given as an argument. Each raises an error that names the argument, at once and not where it is used."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from daebus.errors import ConfigurationError, DaebusError

Function = TypeVar("Function", bound=Callable[..., Any])

_SHOWN = 100


def shown(value: object) -> str:
    """A value that is refused, for the error text: short, and whatever it is."""
    try:
        text = ascii(value)
    except Exception:  # noqa: BLE001 - a whole number of many digits, or code of its own
        return f"that {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"


def is_encodable(text: str, errors: str = "strict") -> bool:
    """Whether it can be written as UTF-8: Python's text may hold halves of characters."""
    try:
        text.encode("utf-8", errors)
    except UnicodeEncodeError:
        return False
    return True


def name(value: object, what: str, error: type[DaebusError] = ConfigurationError) -> str:
    """A name: a str that is not empty and can be written as UTF-8, but for single bytes as `os.fsdecode` has them."""
    if type(value) is str and value and value.isascii():
        # Nearly all are, and each call has some.
        return value
    if not isinstance(value, str) or not value:
        raise error(f"{what} must be a non-empty str, not {shown(value)}")
    if not is_encodable(value, "surrogateescape"):
        raise error(f"{what} must be encodable as UTF-8: {shown(value)}")
    return value


def optional_name(value: object, what: str, error: type[DaebusError] = ConfigurationError) -> str | None:
    """A name, or None."""
    return None if value is None else name(value, what, error)


def number(value: object, what: str, unit: str = "", error: type[DaebusError] = ConfigurationError) -> float:
    """A number, be it infinite."""
    expected = f"{what} must be a number{unit and f' of {unit}'}"
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise error(f"{expected}, not {shown(value)}")
    try:
        return float(value)
    except OverflowError:
        raise error(f"{expected}, and not one so large: {shown(value)}") from None


def seconds(value: object, what: str, error: type[DaebusError] = ConfigurationError) -> float:
    """Seconds: any number, below zero too; infinity is for ever."""
    return number(value, what, "seconds", error)


def duration(value: object, what: str) -> float:
    """Seconds that something may take: not below zero."""
    found = seconds(value, what)
    if found < 0:
        raise ConfigurationError(f"{what} must be a number of seconds, at least 0, not {shown(value)}")
    return found


def whole(value: object, what: str, most: int, least: int = 1) -> int:
    """A whole number in that range."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        told = f"a whole number of at least {least} and at most {most}"
        raise ConfigurationError(f"{what} must be {told}, not {shown(value)}")
    return value


def function(value: Function, what: str, error: type[DaebusError] = ConfigurationError) -> Function:
    """Something that can be called."""
    if not callable(value):
        raise error(f"{what} must be callable, not {shown(value)}")
    return value


def plain_function(value: Function, what: str) -> Function:
    """Something that can be called, and whose result counts as soon as it returns."""
    function(value, what)
    layers = _layers(value)
    if any(inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in layers):
        raise ConfigurationError(f"{what} must be a plain function and not an async one, which nothing would await")
    if any(map(inspect.isgeneratorfunction, layers)):
        raise ConfigurationError(f"{what} must be a plain function and not a generator, which nothing would go through")
    return value


def awaited_function(value: Function, what: str) -> Function:
    """Something that can be called, and whose result is awaited where it can be."""
    function(value, what)
    if any(inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one) for one in _layers(value)):
        told = f"{what} must be a function, plain or async, and not a generator, which nothing would go through"
        raise ConfigurationError(told)
    return value


def _layers(value: Any) -> tuple[Any, Any]:
    """What says what kind of function it is: of an object its class does, or it says so itself, as a mock does."""
    while isinstance(value, partial):
        value = value.func
    return value, type(value).__call__
