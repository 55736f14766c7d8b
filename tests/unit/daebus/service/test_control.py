"""What a service says of its handlers."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import pytest

from daebus import Daebus
from daebus.service.control.channel import CONTROL_PREFIX
from daebus.service.control.describing import first_line
from daebus.testing import TestClient


def documented(number: int = 0) -> None:
    """Does what it does.

    And more.
    """


def bare(number: int = 0) -> None:
    del number


class Told:
    """Counts."""

    def __call__(self) -> None:
        """Count once."""

    def method(self) -> None:
        """Count on request."""


class Untold:
    """Counts in silence."""

    def __call__(self) -> None:
        pass


class Nothing:
    def __call__(self) -> None:
        pass


class Empty(dict[str, Any]):
    """Has nothing."""


@functools.lru_cache
def cached() -> None:
    """Is kept."""


@functools.wraps(documented)
def wrapping() -> None: ...


HANDLERS: dict[str, tuple[Callable[..., Any], str]] = {
    "function": (documented, "Does what it does."),
    "bare": (bare, ""),
    "lambda": (lambda: None, ""),
    "partial": (functools.partial(documented, 5), "Does what it does."),
    "partial_of_bare": (functools.partial(bare, 5), ""),
    "partial_of_partial": (functools.partial(functools.partial(documented), 5), "Does what it does."),
    "partial_of_method": (functools.partial(Told().method), "Count on request."),
    "partial_of_object": (functools.partial(Told()), "Count once."),
    "object": (Told(), "Count once."),
    "object_of_documented_class": (Untold(), "Counts in silence."),
    "object_of_bare_class": (Nothing(), ""),
    "method": (Told().method, "Count on request."),
    "class": (Empty, "Has nothing."),
    "cached": (cached, "Is kept."),
    "wrapped": (wrapping, "Does what it does."),
    "getter": (operator.itemgetter(1), ""),
    "caller": (operator.methodcaller("x"), ""),
}


@pytest.mark.parametrize("what", HANDLERS)
def test_the_docstring_is_the_handlers_own(what: str) -> None:
    handler, line = HANDLERS[what]
    assert first_line(handler) == line


def test_info_lists_them() -> None:
    app = Daebus("shop")
    # From Python 3.13 on what `operator` makes tells what it takes, which no message gives.
    told = {name: told for name, told in HANDLERS.items() if name not in ("getter", "caller")}
    for name, (handler, _line) in told.items():
        app.action(name)(handler)
    with TestClient(app) as client:
        actions = client._requester.call(f"{CONTROL_PREFIX}shop", "info")["actions"]
    assert actions == [{"name": name, "doc": line} for name, (_handler, line) in told.items()]


def test_info_tells_which_of_them_are_async() -> None:
    app = Daebus("shop")

    @app.action("plain")
    def plain() -> None:
        """Wait."""

    @app.action("awaits")
    async def awaits() -> None:
        """Wait."""

    with TestClient(app) as client:
        actions = client._requester.call(f"{CONTROL_PREFIX}shop", "info")["actions"]
    assert actions == [{"name": "plain", "doc": "Wait."}, {"name": "awaits", "doc": "Wait.", "async": True}]


@pytest.mark.parametrize("doc", [5, property(lambda _self: 1 / 0)])
def test_a_docstring_that_is_none_is_left_out(doc: Any) -> None:
    handler = type("Handler", (), {"__doc__": doc, "__call__": lambda _self: None})()
    assert first_line(handler) == ""
