"""Typed handlers under decorators of the program: taken or refused as undecorated, whatever the decorator is."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daebus import Daebus
from daebus.errors import RegistrationError

from .support import ask, wrong

Decorator = Callable[[Callable[..., Any]], Any]


class Item(msgspec.Struct):
    n: int


def passing(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


class Object:
    """A decorator that is a class."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


DECORATORS: dict[str, Decorator] = {
    "none": lambda function: function,
    "passing": passing,
    "twice": lambda function: passing(passing(function)),
    "object": Object,
    "partial": lambda function: functools.partial(passing(function)),
    "of a partial": lambda function: passing(functools.partial(function)),
}


def plain(limit: int = None, name: str = "tea") -> dict[str, Any]:  # type: ignore[assignment]  # noqa: RUF013
    return {"limit": limit, "name": name}


def partly(name: str = "tea", limit=10) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    return {"limit": limit, "name": name}


def keyword(*, limit: int, name: str = "tea") -> dict[str, Any]:
    return {"limit": limit, "name": name}


def rest(name: str = "tea", **more: int) -> dict[str, Any]:
    return {"name": name, **more}


def all_of_it(**fields: Any) -> dict[str, Any]:
    return {"name": "tea", **fields}


async def awaited(limit: int, name: str = "tea") -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"limit": limit, "name": name}


class Users:
    @passing
    def get(self, limit: int, name: str = "tea") -> dict[str, Any]:
        return {"limit": limit, "name": name}


PLAINLY = [partly, keyword, rest, all_of_it, awaited, Users().get]


@pytest.mark.parametrize("decorator", DECORATORS)
@pytest.mark.parametrize("function", PLAINLY, ids=lambda function: str(function.__name__))
def test_it_is_given_what_it_takes(function: Callable[..., Any], decorator: str) -> None:
    assert ask(DECORATORS[decorator](function), {"limit": 3}) == {"limit": 3, "name": "tea"}


@pytest.mark.parametrize("decorator", DECORATORS)
@pytest.mark.parametrize("function", [keyword, awaited])
def test_what_does_not_fit_is_told(function: Callable[..., Any], decorator: str) -> None:
    assert wrong(DECORATORS[decorator](function), {"limit": "3"}) == {"limit": "must be a whole number, not text"}


def dated(kind: str, n: int = 3) -> dict[str, Any]:
    return {"kind": kind, "n": n}


class Calls:
    """An object that is called."""

    @passing
    def __call__(self, n: int) -> dict[str, Any]:
        return {"kind": "a", "n": n}

    @passing
    def method(self, n: int) -> dict[str, Any]:
        return self(n)


BY_PARTIAL: dict[str, Callable[..., Any]] = {
    "by position": functools.partial(passing(dated), "a"),
    "by name": functools.partial(passing(dated), kind="a"),
    "of a decorator twice": functools.partial(passing(passing(dated)), "a"),
    "decorated": passing(functools.partial(passing(dated), "a")),
    "of an object": functools.partial(Object(dated), "a"),
    "cached": functools.partial(functools.cache(dated), "a"),
    "cached and decorated": functools.cache(functools.partial(functools.cache(passing(dated)), "a")),
    "a call": Calls(),
    "of a call": functools.partial(Calls()),
    "of a method": functools.partial(Calls().method),
    "of the method of a class": functools.partial(Calls.method, Calls()),
}


@pytest.mark.parametrize("handler", BY_PARTIAL.values(), ids=BY_PARTIAL)
def test_a_partial_or_an_object_is_seen_through_to_what_is_decorated(handler: Callable[..., Any]) -> None:
    assert ask(handler, {"n": 7}) == {"kind": "a", "n": 7}
    assert wrong(handler, {"n": "7"}) == {"n": "must be a whole number, not text"}


class Database:
    """Has no form in JSON."""


def stored(n: int, database: Database) -> dict[str, Any]:
    return {"n": n, "own": isinstance(database, Database)}


def unannotated(n: int, database) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    return stored(n, database)


def with_the_rest(n: int, *, database: Database, **rest: Any) -> dict[str, Any]:
    return {**stored(n, database), **rest}


GIVING: dict[str, Callable[..., Any]] = {
    "annotated": functools.partial(stored, database=Database()),
    "unannotated": functools.partial(unannotated, database=Database()),
    "with the rest": functools.partial(with_the_rest, database=Database()),
    "of a decorator": functools.partial(passing(stored), database=Database()),
    "decorated": passing(functools.partial(stored, database=Database())),
    "twice": functools.partial(functools.partial(stored), database=Database()),
}


@pytest.mark.parametrize("handler", GIVING.values(), ids=GIVING)
def test_what_a_partial_gives_is_no_field_and_nobody_else_can_give_it(handler: Callable[..., Any]) -> None:
    assert ask(handler, {"n": 3}) == {"n": 3, "own": True}
    assert wrong(handler, {"n": 3, "database": "another"}) == {"database": "is not known; known: n"}


def test_what_takes_the_place_of_a_partial_has_fields_of_its_own() -> None:
    given = functools.partial(dated, n=5)

    @functools.wraps(given)
    def instead(kind: str, n: int = 4) -> dict[str, Any]:
        return given(kind, n=n)

    @functools.wraps(given)
    def the_rest(kind: str, **more: int) -> dict[str, Any]:
        return given(kind, **more)

    for handler, usual in ((instead, 4), (the_rest, 5)):
        assert ask(handler, {"kind": "a"}) == {"kind": "a", "n": usual}
        assert ask(handler, {"kind": "a", "n": 7}) == {"kind": "a", "n": 7}
    assert ask(functools.partial(instead, n=6), {"kind": "a"}) == {"kind": "a", "n": 6}


def test_what_a_partial_leaves_to_be_given_is_told_where_it_is_missing() -> None:
    assert wrong(functools.partial(passing(dated)), {}) == {"kind": "is missing"}


async def awaited_model(n: int) -> Item:
    return Item(n)


async def awaited_list() -> list[Item]:
    return [Item(1)]


def generated(n: int) -> Iterator[Item]:
    yield Item(0)
    yield Item(n)


async def streamed(n: int) -> AsyncIterator[Item]:
    yield Item(0)
    yield Item(n)


@pytest.mark.parametrize("decorator", DECORATORS)
@pytest.mark.parametrize(
    ("function", "answer"),
    [(awaited_model, {"n": 3}), (awaited_list, [{"n": 1}]), (generated, {"n": 3}), (streamed, {"n": 3})],
)
def test_what_it_returns_is_awaited_or_gone_through(function: Callable[..., Any], answer: Any, decorator: str) -> None:
    assert ask(DECORATORS[decorator](function), {"n": 3}) == answer


@pytest.mark.parametrize("decorator", DECORATORS)
@pytest.mark.parametrize("function", [generated, streamed])
def test_each_part_is_held_to_what_it_is_said_to_be(function: Callable[..., Any], decorator: str) -> None:
    app = Daebus("typed")
    app.action("do")(DECORATORS[decorator](function))
    with app.test_client() as client:
        assert list(client.stream("do", {"n": 3})) == [{"n": 0}, {"n": 3}]


def test_what_a_decorator_returns_itself_is_the_answer_of_whatever_it_decorates() -> None:
    def instead(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return {"kept": kwargs}

        return inner

    def as_task(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return asyncio.ensure_future(function(*args, **kwargs))

        return inner

    for function in (awaited, generated, streamed):
        assert ask(instead(function), {next(iter(inspect.signature(function).parameters)): 3})["kept"]
    assert ask(as_task(awaited_model), {"n": 3}) == {"n": 3}


def test_an_async_decorator_of_a_generator_answers_in_parts() -> None:
    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def inner(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return inner

    for function in (generated, streamed):
        assert ask(timed(function), {"n": 3}) == {"n": 3}


def path(p: Path) -> None: ...
def nope(n: Nope) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def returns_path(n: int) -> Path: ...  # type: ignore[empty-body]
def default(n: int = "x") -> None: ...  # type: ignore[assignment]
def by_position(n: int, /) -> None: ...
def several(n: int, *more: int) -> None: ...


@pytest.mark.parametrize("decorator", DECORATORS)
@pytest.mark.parametrize(
    ("function", "why"),
    [
        (path, "p: Path has no form in JSON; write str"),
        (nope, "has an annotation that is not known: .*'Nope'"),
        (returns_path, "what it returns: Path has no form in JSON"),
        (plain, "the default of 'limit' is not what it is annotated with"),
        (default, "the default of 'n' is not what it is annotated with"),
        (by_position, "takes 'n' by its position only"),
        (several, "takes \\*more, and fields of a payload have no order"),
    ],
)
def test_what_cannot_be_is_refused_with_file_and_line(function: Callable[..., Any], why: str, decorator: str) -> None:
    with pytest.raises(RegistrationError, match=rf"'do' \(.*test_decorated.py:\d+\) .*{why}"):
        ask(DECORATORS[decorator](function), {})


def test_what_a_decorator_gives_is_left_out_of_its_signature() -> None:
    def with_path(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return function(*args, p=Path("here"), **kwargs)

        signature = inspect.signature(function)
        left = [each for each in signature.parameters.values() if each.name != "p"]
        inner.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return inner

    @with_path
    def handler(p: Path, n: int) -> dict[str, Any]:
        return {"p": p, "n": n}

    @with_path
    def alone(p: Path) -> dict[str, Any]:
        return {"p": p}

    assert ask(handler, {"n": 3}) == {"p": "here", "n": 3}
    assert ask(passing(handler), {"n": 3}) == {"p": "here", "n": 3}
    assert ask(alone, {}) == {"p": "here"}


def test_classes_of_where_it_is_registered_are_found_through_the_decorator_of_another_module() -> None:
    class Local(msgspec.Struct):
        a: int

    # As a decorator of another module has it: with other globals.
    module: dict[str, Any] = {}
    exec(
        "import functools\n"
        "def elsewhere(function):\n"
        "    @functools.wraps(function)\n"
        "    def inner(*args, **kwargs):\n"
        "        return function(*args, **kwargs)\n"
        "    return inner\n",
        module,
    )

    app = Daebus("typed")

    @app.action("do")
    @module["elsewhere"]
    def handler(local: Local) -> dict[str, Any]:
        return {"a": local.a}

    with app.test_client() as client:
        assert client.request("do", {"a": 3}) == {"a": 3}


def test_what_is_told_of_it_is_what_is_told_undecorated() -> None:
    from daebus.service.typed.handler import bound, described

    for function in (keyword, rest, awaited_model, generated, streamed):
        plainly = described(bound(function, "it", None))
        assert plainly
        for decorator in DECORATORS.values():
            assert described(bound(decorator(function), "it", None)) == plainly
