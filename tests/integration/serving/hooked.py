"""An app with every hook, plain ones and async ones, which notes what is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from daebus import Blueprint, Daebus, Requester, RequestFailed

Sort = Callable[[Callable[..., Any]], Callable[..., Any]]


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def waiting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same as an async function of that signature."""
    count = function.__code__.co_argcount
    if count == 0:

        async def none() -> Any:
            await asyncio.sleep(0)
            return function()

        return none
    if count == 1:

        async def one(first: Any) -> Any:
            await asyncio.sleep(0)
            return function(first)

        return one

    async def two(first: Any, second: Any) -> Any:
        await asyncio.sleep(0)
        return function(first, second)

    return two


SORTS = {"plain": plain, "async": waiting}
handlers = pytest.mark.parametrize("handlers", SORTS.values(), ids=[f"{name} handlers" for name in SORTS])
hooks = pytest.mark.parametrize("hooks", SORTS.values(), ids=[f"{name} hooks" for name in SORTS])


class Shop:
    """An app and a blueprint with every hook; `calls` is what was called."""

    def __init__(self, name: str, handlers: Sort, hooks: Sort) -> None:
        self.calls: list[str] = []
        self.raises: dict[str, BaseException] = {}
        self.returns: dict[str, Any] = {}
        self.app, self.blueprint = Daebus(name), Blueprint("users")
        for home, label in ((self.app, "app"), (self.blueprint, "users")):
            home.before_request(hooks(self._hook(f"{label} before")))
            home.before_request()(hooks(self._hook(f"{label} before 2")))
            home.after_request(hooks(self._hook(f"{label} after", takes=1)))
            home.teardown_request(hooks(self._hook(f"{label} teardown", takes=1)))
            home.before_event(hooks(self._hook(f"{label} before event", takes=1)))
            home.after_event(hooks(self._hook(f"{label} after event", takes=2)))
        self.app.action("get")(handlers(self._hook("get", {"got": 1})))
        self.blueprint.action("user")(handlers(self._hook("user", {"user": 1})))
        self.app.listen(f"{name}.news")(handlers(self._hook("hear", takes=1)))
        self.blueprint.listen(f"{name}.users")(handlers(self._hook("hear users", takes=1)))
        self.app.register_blueprint(self.blueprint)

    def _hook(self, label: str, answer: Any = None, takes: int = 0) -> Callable[..., Any]:
        self.returns[label] = answer

        def call(*given: Any) -> Any:
            shown = ", ".join(repr(each) for each in given)
            self.calls.append(f"{label}({shown})" if given else label)
            if label in self.raises:
                raise self.raises[label]
            returned = self.returns[label]
            return returned(*given) if callable(returned) else returned

        return [lambda: call(), lambda one: call(one), lambda one, two: call(one, two)][takes]  # type: ignore[return-value]

    def take(self) -> list[str]:
        calls, self.calls = self.calls, []
        return calls


def failure(caller: Requester, name: str, action: str) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        caller.call(name, action, {})
    return caught.value


def counted(caller: Requester, name: str) -> dict[str, int]:
    counts: dict[str, int] = caller.call(f"daebus.control.{name}", "info")["counts"]
    return counts
