"""Functions that cannot be what they are registered as: refused at once, with the place where they are written."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial, wraps
from typing import Any

import pytest

from daebus import Blueprint, Daebus
from daebus.errors import RegistrationError


async def awaited(*_given: object) -> None:
    return None


async def streamed(*_given: object) -> AsyncIterator[int]:
    yield 1


def generated(*_given: object) -> Iterator[int]:
    yield 1


class AwaitedObject:
    async def __call__(self, *_given: object) -> None:
        return None


def with_two(first: object, second: object) -> None:
    """Takes one more than anything is called with."""


def with_a_keyword(*_given: object, must: int) -> None:
    """Needs what nobody gives."""


def plain(*_given: object) -> None:
    """Takes whatever comes."""


def register(kind: str, registry: Any) -> Callable[[Any], Any]:
    ways: dict[str, Callable[[], Callable[[Any], Any]]] = {
        "action": lambda: registry.action("get"),
        "listen": lambda: registry.listen("news"),
        "background": lambda: registry.background("tidy", 60),
        "thread": lambda: registry.thread("watch"),
        "on_start": lambda: registry.on_start(),
        "on_stop": lambda: registry.on_stop(),
    }
    return ways[kind]()


KINDS = ["action", "listen", "background", "thread", "on_start", "on_stop"]
BAD = {
    awaited: "is an async function",
    streamed: "is an async generator",
    generated: "is a generator",
    partial(awaited, 1): "is an async function",
    AwaitedObject(): "is an async function",
    with_two: "missing a required argument: '(first|second)'",
    with_a_keyword: "missing a required( keyword-only)? argument: 'must'",
}
CASES = [(kind, function) for kind in KINDS for function in BAD if (kind, function) != ("action", with_two)]
"""An action can be given fields of the payload by their names."""


@pytest.mark.parametrize("owner", [Daebus, Blueprint])
@pytest.mark.parametrize(("kind", "function"), CASES)
def test_it_is_refused_with_file_and_line(function: Any, kind: str, owner: Any) -> None:
    registry = owner("shop")
    why = r"takes \*_given" if (kind, function) == ("action", with_a_keyword) else BAD[function]
    with pytest.raises(RegistrationError, match=why) as caught:
        register(kind, registry)(function)
    line = inspect.getsourcelines(awaited)[1] if function is awaited else r"\d+"
    assert caught.match(rf"\(.*test_fitting\.py:{line}\)")
    # Nothing of it stays.
    register(kind, registry)(plain)


def test_what_an_action_cannot_be_called_with_is_said() -> None:
    with pytest.raises(RegistrationError, match=r"background task 'tidy' .* cannot be called without arguments: miss"):
        Daebus("shop").background("tidy", 1)(lambda user_id: user_id)
    with pytest.raises(RegistrationError, match=r"listener of 'news' .* cannot be called with the payload: too many"):
        Daebus("shop").listen("news")(lambda: None)
    with pytest.raises(RegistrationError, match=r"thread 'watch' .* cannot be called with running: too many"):
        Daebus("shop").thread("watch")(lambda: None)


class Shop:
    def get(self) -> dict[str, int]:
        return {"a": 1}

    def __call__(self) -> dict[str, int]:
        return {"b": 2}

    @classmethod
    def make(cls, value: int = 3) -> dict[str, int]:
        return {"c": value}


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        (Shop().get, {"a": 1}),
        (Shop(), {"b": 2}),
        (Shop.make, {"c": 3}),
        (partial(Shop.make, 4), {"c": 4}),
        (lambda value=5: {"d": value}, {"d": 5}),
        (dict, {}),
    ],
)
def test_whatever_can_be_called_so_is_taken(function: Any, answer: Any) -> None:
    app = Daebus("shop")
    app.action("get")(function)
    with app.test_client() as client:
        assert client.request("get") == answer


@pytest.mark.parametrize("inner", [with_two, awaited, generated])
def test_what_a_decorator_does_with_the_function_within_is_its_own_affair(inner: Any) -> None:
    @wraps(inner)
    def decorated() -> dict[str, str]:
        return {"inner": inner.__name__}

    app = Daebus("shop")
    app.action("get")(decorated)
    with app.test_client() as client:
        assert client.request("get") == {"inner": inner.__name__}
