"""Functions that cannot be what they are registered as: refused at once, with the place where they are written."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import pytest

from daebus import Blueprint, Daebus, response
from daebus.errors import RegistrationError
from daebus.service.kind import Kind


async def awaited(*_given: object) -> None:
    return None


async def streamed(*_given: object) -> AsyncIterator[int]:
    yield 1


def generated(*_given: object) -> Iterator[int]:
    yield 1


class AwaitedObject:
    async def __call__(self, *_given: object) -> None:
        return None


class WrappedCall:
    @wraps(awaited)
    def __call__(self, *given: object) -> Any:
        return awaited(*given)


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


ALL = ["action", "listen", "background", "thread", "on_start", "on_stop"]
GENERATORS = {"action"}
GIVES_FIELDS = {"action", "listen"}
ASYNC = {"action", "listen", "background", "on_start", "on_stop"}
BAD: dict[Any, tuple[str, set[str]]] = {
    awaited: ("is an async function, which belongs on the event loop", ASYNC),
    streamed: ("is an async generator", GENERATORS),
    generated: ("is a generator", GENERATORS),
    partial(awaited, 1): ("is an async function", ASYNC),
    AwaitedObject(): ("is an async function", ASYNC),
    with_two: ("missing a required argument: '(first|second)'", set()),
    with_a_keyword: ("missing a required( keyword-only)? argument: 'must'", set()),
}
"""What is said, and what it may be registered as all the same."""
CASES = [
    pytest.param(function, kind, id=f"{getattr(function, '__name__', type(function).__name__)}-{kind}")
    for function, (_said, allowed) in BAD.items()
    for kind in ALL
    # An action and a listener can be given fields of the payload by their names.
    if kind not in allowed and (kind in GIVES_FIELDS, function) != (True, with_two)
]


@pytest.mark.parametrize("owner", [Daebus, Blueprint])
@pytest.mark.parametrize(("function", "kind"), CASES)
def test_it_is_refused_with_file_and_line(function: Any, kind: str, owner: Any) -> None:
    registry = owner("shop")
    why = r"takes \*_given" if kind in GIVES_FIELDS and function is with_a_keyword else BAD[function][0]
    with pytest.raises(RegistrationError, match=why) as caught:
        register(kind, registry)(function)
    line = inspect.getsourcelines(awaited)[1] if function is awaited else r"\d+"
    assert caught.match(rf"\(.*test_fitting\.py:{line}\)")
    # Nothing of it stays.
    register(kind, registry)(plain)


HOOKS = {
    "before_request": "without arguments",
    "after_request": "with the answer",
    "teardown_request": "with the exception",
    "before_event": "with the payload",
    "after_event": "with the payload, the exception",
}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_cannot_be_called_or_would_not_be_gone_through_is_refused(hook: str) -> None:
    app = Daebus("shop")
    with pytest.raises(RegistrationError, match=rf"the {hook} hook \(.*:\d+\) cannot be called {HOOKS[hook]}: "):
        getattr(app, hook)(lambda one, two, three: None)
    for function, said in ((generated, "a generator"), (streamed, "an async generator")):
        with pytest.raises(RegistrationError, match=rf"the {hook} hook .* is {said}, which nothing would go through"):
            getattr(app, hook)()(function)
    assert app.hook_functions() == []
    assert getattr(app, hook)(plain) is plain
    assert getattr(app, hook)()(awaited) is awaited


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (plain, Kind.PLAIN),
        (awaited, Kind.ASYNC),
        (streamed, Kind.ASYNC_GENERATOR),
        (generated, Kind.GENERATOR),
        (partial(partial(streamed, 1), 2), Kind.ASYNC_GENERATOR),
        (AwaitedObject(), Kind.ASYNC),
        (AwaitedObject().__call__, Kind.ASYNC),
        (wraps(generated)(lambda: generated()), Kind.GENERATOR),
        (wraps(awaited)(lambda: awaited()), Kind.ASYNC),
        (wraps(plain)(awaited), Kind.ASYNC),
        (wraps(plain)(streamed), Kind.ASYNC_GENERATOR),
        (wraps(plain)(generated), Kind.GENERATOR),
        (wraps(streamed)(awaited), Kind.ASYNC),
        (wraps(wraps(plain)(awaited))(lambda: None), Kind.ASYNC),
        (partial(wraps(awaited)(lambda: awaited())), Kind.ASYNC),
        (wraps(wraps(awaited)(partial(plain)))(lambda: None), Kind.PLAIN),
        (WrappedCall(), Kind.ASYNC),
        (dict, Kind.PLAIN),
    ],
)
def test_the_kind_is_what_a_call_comes_to(function: Any, kind: Kind) -> None:
    app = Daebus("shop")
    app.action("get")(function)
    assert app.action_handlers["get"].kind is kind
    assert app.needs_loop is (kind in (Kind.ASYNC, Kind.ASYNC_GENERATOR))


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


def test_a_class_as_the_handler_of_an_action_is_refused_since_an_object_of_it_is_no_answer() -> None:
    class Orders:
        def place(self) -> dict[str, Any]:
            return {"placed": True}

    app = Daebus("shop")
    why = r"\(.*test_fitting\.py:\d+\) is the class Orders; an object of it is no answer: register a method of one$"
    with pytest.raises(RegistrationError, match=why):
        app.action("place")(Orders)
    app.action("place")(Orders().place)
    app.action("echo")(dict)
    assert list(app.action_handlers) == ["place", "echo"]


@dataclass
class User:
    user_id: int


class Answering:
    def __init__(self) -> None:
        response.send({"user_id": 17})


class Made:
    def __new__(cls) -> Any:
        return {"user_id": 17}


class Meta(type):
    def __call__(cls) -> Any:
        return {"user_id": 17}


class Called(metaclass=Meta):
    pass


@pytest.mark.parametrize("handler", [User, Answering, Made, Called])
def test_a_class_that_answers_by_what_it_is_or_does_may_be_the_handler_of_an_action(handler: type[Any]) -> None:
    app = Daebus("shop")
    app.action("get")(handler)
    with app.test_client() as client:
        assert client.request("get", {"user_id": 17}) == {"user_id": 17}
