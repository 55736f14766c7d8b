"""What is called around handlers: in which order, with what, and what becomes of an exception in each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from daebus import Blueprint, Daebus, Requester, RequestFailed, request, response
from daebus.context import entered_in
from daebus.errors import PayloadError, RegistrationError
from daebus.wire.objects import RawJson
from tests.support.framework_services import serving
from tests.support.waiting import eventually

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


@handlers
@hooks
def test_in_which_order_they_are_called(redis_url: str, name: str, handlers: Sort, hooks: Sort) -> None:
    shop = Shop(name, handlers, hooks)
    shop.returns["users after"] = lambda answer: {**answer, "users": True}
    with serving(shop.app, redis_url, name), Requester(redis_url) as caller:
        assert caller.call(name, "get", {}) == {"got": 1}
        eventually(lambda: len(shop.calls) == 5)
        assert shop.take() == ["app before", "app before 2", "get", "app after({'got': 1})", "app teardown(None)"]
        assert caller.call(name, "user", {}) == {"user": 1, "users": True}
        eventually(lambda: len(shop.calls) == 9)
        assert shop.take() == [
            "app before",
            "app before 2",
            "users before",
            "users before 2",
            "user",
            "users after({'user': 1})",
            "app after({'user': 1, 'users': True})",
            "users teardown(None)",
            "app teardown(None)",
        ]
        # A message that has no answer has none to be changed.
        shop.returns["get"] = None
        caller.send(name, "get", {})
        eventually(lambda: len(shop.calls) == 4)
        assert shop.take() == ["app before", "app before 2", "get", "app teardown(None)"]
        # Where nothing is handled, nothing is called.
        assert failure(caller, name, "nope").code == "unknown_action"
        caller.publish(f"{name}.users", b'{"n": 1}')
        eventually(lambda: len(shop.calls) == 5)
        assert shop.take() == [
            "app before event({'n': 1})",
            "users before event({'n': 1})",
            "hear users({'n': 1})",
            "users after event({'n': 1}, None)",
            "app after event({'n': 1}, None)",
        ]
        caller.publish(f"{name}.news", b'{"n": 2}')
        eventually(lambda: len(shop.calls) == 3)
        assert shop.take()[1] == "hear({'n': 2})"


@handlers
@hooks
def test_one_before_it_may_answer(redis_url: str, name: str, handlers: Sort, hooks: Sort) -> None:
    shop = Shop(name, handlers, hooks)
    with serving(shop.app, redis_url, name), Requester(redis_url) as caller:
        shop.returns["app before"] = {"early": 1}
        assert caller.call(name, "user", {}) == {"early": 1}
        eventually(lambda: len(shop.calls) == 5)
        assert shop.take() == [
            "app before",
            "users after({'early': 1})",
            "app after({'early': 1})",
            "users teardown(None)",
            "app teardown(None)",
        ]
        shop.returns["app before"] = lambda: response.error("members only", code="forbidden")
        error = failure(caller, name, "get")
        assert (str(error), error.code) == ("members only", "forbidden")
        eventually(lambda: len(shop.calls) == 3)
        assert shop.take() == [
            "app before",
            "app after({'error': 'members only', 'code': 'forbidden'})",
            "app teardown(None)",
        ]
        # What may be meant as a refusal does not let anything through.
        for odd in (False, True, "no", 0, [1]):
            shop.returns["app before"] = odd
            error = failure(caller, name, "get")
            assert (error.code, error.type) == ("handler_error", "DaebusError")
            assert f"returned {type(odd).__name__}; it must return a dict or None" in str(error)
            eventually(lambda: len(shop.calls) == 3)
            assert "get" not in shop.take()


@hooks
def test_one_after_it_may_return_what_it_was_given_whatever_that_is(redis_url: str, name: str, hooks: Sort) -> None:
    app = Daebus(name)
    app.after_request(hooks(lambda payload: payload))

    @app.action("ids")
    def ids(most: int) -> list[int]:
        return list(range(most))

    @app.action("word")
    def word() -> int:
        return response.send("tea")

    with serving(app, redis_url, name), Requester(redis_url) as caller:
        assert caller.call(name, "ids", {"most": 3}) == [0, 1, 2]
        assert caller.call(name, "word", {}) == "tea"
    longer = Daebus(name)
    longer.action("ids")(ids)
    longer.after_request(hooks(lambda payload: [*payload, 17]))
    with serving(longer, redis_url, name), Requester(redis_url) as caller:
        assert caller.call(name, "ids", {"most": 1}) == [0, 17]


def test_what_hooks_share_with_handlers_does_not_go_into_the_request(redis_url: str, name: str) -> None:
    app, user = Daebus(name), ContextVar[str]("user")

    @app.before_request
    def look_up() -> None:
        user.set("Ann")
        if "wrong" in request.payload:
            request.user = "Ann"  # type: ignore[attr-defined]

    @app.action("who")
    def who() -> dict[str, str]:
        return {"user": user.get()}

    with serving(app, redis_url, name), Requester(redis_url) as caller:
        assert caller.call(name, "who", {}) == {"user": "Ann"}
        with pytest.raises(RequestFailed, match=r"takes nothing more; .* in a contextvars\.ContextVar"):
            caller.call(name, "who", {"wrong": True})


@handlers
@hooks
def test_an_exception_in_one_is_as_one_of_the_handler(
    redis_url: str, name: str, handlers: Sort, hooks: Sort, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(name, handlers, hooks)
    with serving(shop.app, redis_url, name), Requester(redis_url) as caller:
        for label in ("app before", "get", "app after"):
            shop.raises = {label: KeyError(label)}
            error = failure(caller, name, "get")
            assert (error.code, error.type, str(error)) == ("handler_error", "KeyError", repr(label))
            eventually(lambda: shop.calls[-1:] == [f"app teardown({KeyError(label)!r})"])  # noqa: B023
            assert ("get" in shop.take()) == (label != "app before")
        # An answer that was given before it is not sent.
        shop.raises = {"app after": SystemExit(3)}
        assert failure(caller, name, "get").type == "SystemExit"
        eventually(lambda: len(shop.calls) == 5)
        shop.take()
        # One at the end comes too late for the answer, and keeps no other from being called.
        caplog.clear()
        shop.raises = {"users teardown": KeyError("late")}
        assert caller.call(name, "user", {}) == {"user": 1}
        eventually(lambda: len(shop.calls) == 9)
        assert shop.take()[-2:] == ["users teardown(None)", "app teardown(None)"]
        assert "a teardown_request hook of action 'user' raised" in caplog.text
        eventually(lambda: counted(caller, name)["errors"] == 5)


@handlers
@hooks
def test_an_exception_around_a_listener_is_logged(
    redis_url: str, name: str, handlers: Sort, hooks: Sort, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(name, handlers, hooks)
    shop.raises = {
        "hear": KeyError("hear"),
        "users before event": KeyError("before"),
        "users after event": KeyError("after"),
    }
    with serving(shop.app, redis_url, name), Requester(redis_url) as caller:
        caller.publish(f"{name}.news", b"{}")
        eventually(lambda: len(shop.calls) == 3)
        assert shop.take() == ["app before event({})", "hear({})", "app after event({}, KeyError('hear'))"]
        caller.publish(f"{name}.users", b"{}")
        eventually(lambda: len(shop.calls) == 4)
        assert shop.take() == [
            "app before event({})",
            "users before event({})",
            "users after event({}, KeyError('before'))",
            "app after event({}, KeyError('before'))",
        ]
        eventually(lambda: counted(caller, name)["errors"] == 3)
        assert counted(caller, name)["handled"] == 0
    assert f"an after_event hook of the listener of '{name}.users' raised" in caplog.text


@handlers
@hooks
def test_an_error_handler_answers_and_what_comes_after_sees_its_answer(
    redis_url: str, name: str, handlers: Sort, hooks: Sort
) -> None:
    shop = Shop(name, handlers, hooks)
    shop.app.errorhandler(LookupError)(hooks(lambda error: {"handled": str(error)}))
    shop.app.errorhandler(ValueError)(hooks(lambda _error: 1 / 0))
    with serving(shop.app, redis_url, name), Requester(redis_url) as caller:
        for label in ("app before 2", "get"):
            shop.raises = {label: LookupError("x")}
            assert caller.call(name, "get", {}) == {"handled": "x"}
            eventually(lambda: len(shop.calls) > 3)
            # What was handled is no exception any more.
            eventually(lambda: shop.calls[-2:] == ["app after({'handled': 'x'})", "app teardown(None)"])
            shop.take()
        shop.raises = {"app after": LookupError("y")}
        assert caller.call(name, "get", {}) == {"handled": "y"}
        eventually(lambda: shop.calls[-2:] == ["app after({'got': 1})", "app teardown(None)"])
        shop.raises = {"get": ValueError("first")}
        assert str(failure(caller, name, "get")) == "first"


@handlers
@hooks
def test_what_comes_after_sees_answers_that_were_sent(redis_url: str, name: str, handlers: Sort, hooks: Sort) -> None:
    shop = Shop(name, handlers, hooks)
    shop.returns["app after"] = lambda answer: {**answer, "seen": request.payload["n"]}
    with serving(shop.app, redis_url, name), Requester(redis_url) as caller:
        shop.returns["get"] = lambda: (response.progress({"part": 1}), response.send({"n": 1}))[1]
        assert list(caller.stream(name, "get", {"n": 5})) == [{"part": 1}, {"n": 1, "seen": 5}]
        # What an error is it stays.
        shop.returns["get"] = lambda: response.error("no", code="sold_out")
        with pytest.raises(RequestFailed, match="no") as caught:
            caller.call(name, "get", {"n": 6})
        assert (caught.value.code, caught.value.payload["seen"]) == ("sold_out", 6)
        # What cannot be written is the error of the handler.
        shop.returns["get"] = lambda: {"odd": object()}
        with pytest.raises(RequestFailed) as caught:
            caller.call(name, "get", {"n": 7})
        assert (caught.value.code, caught.value.type) == ("handler_error", "PayloadError")
        # Nothing more can be said after the final answer, though it is held.
        shop.returns["get"] = lambda: (response.send({"n": 1}), response.send({"n": 2}))
        assert caller.call(name, "get", {"n": 8}) == {"n": 1, "seen": 8}
        # That of the request before may come after it, on another worker.
        eventually(lambda: any(call.startswith("app teardown(AlreadyAnswered(") for call in shop.calls))


@dataclass
class Item:
    n: int


@pytest.mark.parametrize("seen", [False, True])
@handlers
def test_what_is_sent_is_what_was_given_whether_a_hook_sees_it_or_not(
    redis_url: str, name: str, handlers: Sort, seen: bool
) -> None:
    app = Daebus(name, max_message=2000)
    took: list[Any] = []
    refused: list[str] = []
    if seen:
        app.after_request(lambda answer: took.append(answer))

    def get() -> None:
        for odd in ({"x": object()}, {"x": "y" * 2000}):
            with pytest.raises(PayloadError) as caught:
                response.send(odd)
            refused.append(str(caught.value))
        answer = {"item": Item(1), "at": date(2026, 1, 31), "several": [1]}
        response.send(answer)
        answer["several"].append(2)  # type: ignore[attr-defined]
        answer["more"] = True

    app.action("get")(handlers(get))
    app.action("item")(handlers(lambda: response.send(Item(2))))
    app.action("text")(handlers(lambda: response.send(RawJson('{"n": 1.50, "n": 2.50}'))))
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        answer = {"item": {"n": 1}, "at": "2026-01-31", "several": [1]}
        assert caller.call(name, "get") == answer
        assert caller.call(name, "item") == {"n": 2}
        assert caller.call(name, "text") == {"n": 2.5}
    assert took == ([answer, {"n": 2}, {"n": 2.5}] if seen else [])
    assert "cannot be written as JSON" in refused[0]
    assert "too large" in refused[1]


@handlers
@hooks
def test_a_hook_may_change_the_answer_that_it_takes(redis_url: str, name: str, handlers: Sort, hooks: Sort) -> None:
    app = Daebus(name)
    app.after_request(hooks(lambda answer: answer.update(seen=True)))
    given: dict[str, Any] = {"n": 1}
    app.action("get")(handlers(lambda: given))
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        assert caller.call(name, "get") == {"n": 1, "seen": True}
    assert given == {"n": 1}


@handlers
@hooks
def test_none_sees_what_answers_nobody(redis_url: str, name: str, handlers: Sort, hooks: Sort) -> None:
    shop = Shop(name, handlers, hooks)
    with serving(shop.app, redis_url, name), Requester(redis_url) as caller:
        for answer in ({"got": 1}, lambda: response.send({"sent": 1}), lambda: response.error("no")):
            shop.returns["get"] = answer
            caller.send(name, "get", {})
            eventually(lambda: len(shop.calls) == 4)
            assert shop.take() == ["app before", "app before 2", "get", "app teardown(None)"]


def test_an_answer_that_is_given_later_comes_after_the_last_hook(redis_url: str, name: str) -> None:
    app = Daebus(name)
    kept: list[Any] = []
    app.teardown_request(lambda _error: kept[0].send({"later": True}))
    app.action("get")(lambda: kept.append(response.defer()))
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        assert caller.call(name, "get") == {"later": True}


def test_generators_have_hooks_too(redis_url: str, name: str) -> None:
    app = Daebus(name)
    app.before_request(lambda: {"early": 1} if request.payload.get("early") else None)
    app.after_request(lambda answer: {**answer, "after": True})

    @app.action("count")
    def count() -> Any:
        yield {"n": 0}
        yield {"n": 1}

    with serving(app, redis_url, name), Requester(redis_url) as caller:
        assert list(caller.stream(name, "count")) == [{"n": 0}, {"n": 1, "after": True}]
        assert list(caller.stream(name, "count", {"early": 1})) == [{"early": 1, "after": True}]


@pytest.mark.parametrize("field", ["code", "type", "error"])
@pytest.mark.parametrize("value", [404, None, ["a"], True, 1.5])
def test_what_a_hook_puts_into_an_error_is_its_own(redis_url: str, name: str, field: str, value: Any) -> None:
    app = Daebus(name)
    app.action("get")(lambda: response.error("no", code="gone"))
    app.after_request(lambda answer: {**answer, field: value})
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        for _ in range(2):
            assert failure(caller, name, "get").payload[field] == value
        service = app._service
        assert service is not None
        eventually(lambda: not entered_in(service))
        told = caller.call(f"daebus.control.{name}", "recent", {"kinds": ["handled"]})["records"]
        assert len(told) == 2


def test_a_plain_hook_that_blocks_slows_no_other_task_down(redis_url: str, name: str) -> None:
    app, gate = Daebus(name), threading.Event()

    @app.before_request
    def before() -> None:
        if request.payload.get("block"):
            gate.wait(20)

    @app.action("get")
    async def get() -> dict[str, Any]:
        return {}

    with serving(app, redis_url, name), Requester(redis_url, timeout=20) as caller:
        blocked = caller.start(name, "get", {"block": True})
        assert caller.call(name, "get", {}) == {}
        gate.set()
        assert blocked.result() == {}


def test_hooks_are_registered_before_it_runs(redis_url: str, name: str) -> None:
    app = Daebus(name)
    app.action("get")(dict)
    with serving(app, redis_url, name), pytest.raises(RegistrationError, match="is running"):
        app.before_request(dict)
    blueprint = Blueprint("users")
    app.register_blueprint(blueprint)
    with pytest.raises(RegistrationError, match="is registered"):
        blueprint.after_request(lambda answer: answer)


def test_a_plain_function_that_returns_a_coroutine_is_a_mistake_that_is_told(redis_url: str, name: str) -> None:
    app = Daebus(name)

    async def within() -> dict[str, Any]:
        return {}

    app.action("get")(lambda: within())
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        error = failure(caller, name, "get")
        assert error.code == "handler_error"
        assert "returned a coroutine" in str(error)


def test_context_variables_are_those_of_one_message(redis_url: str, name: str) -> None:
    # One of the program's own, which a hook sets as a web framework's middleware does.
    tenant: ContextVar[str] = ContextVar("tenant", default="none")
    seen: list[str] = []
    kept: list[str] = []
    app = Daebus(name, max_workers=1)

    @app.before_request
    def before() -> None:
        seen.append(tenant.get())
        if "tenant" in request.payload:
            tenant.set(request.payload["tenant"])

    @app.listen(f"{name}.news")
    def hear(payload: dict[str, Any]) -> None:
        seen.append(tenant.get())
        tenant.set("of the listener")

    @app.background("tick", 0.001)
    def tick() -> None:
        kept.append(tenant.get())
        tenant.set("of the run before")

    app.action("get")(lambda: {"tenant": tenant.get()})
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        assert caller.call(name, "get", {"tenant": "a"}) == {"tenant": "a"}
        caller.publish(f"{name}.news", b"{}")
        assert caller.call(name, "get") == {"tenant": "none"}
        caller.publish(f"{name}.news", b"{}")
        assert caller.call(name, "get") == {"tenant": "none"}
        eventually(lambda: len(kept) > 2)
    assert seen == ["none"] * 5
    assert set(kept) == {"none"}


@hooks
@handlers
def test_what_a_hook_sets_in_context_variables_is_seen_by_what_comes_after_it(
    redis_url: str, name: str, handlers: Sort, hooks: Sort
) -> None:
    tenant: ContextVar[str] = ContextVar("tenant", default="none")
    seen: list[tuple[str, str]] = []
    app = Daebus(name, max_workers=1)

    def see(where: str) -> None:
        seen.append((where, tenant.get()))

    def before() -> None:
        see("before")
        tenant.set(request.payload["tenant"])

    def handle() -> dict[str, Any]:
        see("handler")
        tenant.set(f"{tenant.get()} handled")
        raise KeyError("x")

    def answer(_error: Exception) -> dict[str, Any]:
        see("error")
        tenant.set("failed")
        return {}

    app.before_request(hooks(before))
    app.action("get")(handlers(handle))
    app.errorhandler(KeyError)(hooks(answer))
    app.after_request(hooks(lambda _answer: see("after")))
    app.teardown_request(hooks(lambda _error: see("teardown")))
    app.before_event(hooks(lambda _payload: tenant.set("event")))
    app.listen(f"{name}.news")(handlers(lambda _payload: see("listener")))
    app.after_event(hooks(lambda _payload, _error: see("after event")))
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        for each in ("a", "b"):
            assert caller.call(name, "get", {"tenant": each}) == {}
            eventually(lambda: seen and seen[-1][0] == "teardown")
            told = [("before", "none"), ("handler", each), ("error", f"{each} handled")]
            assert seen == [*told, ("after", "failed"), ("teardown", "failed")]
            seen.clear()
        caller.publish(f"{name}.news", b"{}")
        eventually(lambda: len(seen) == 2)
    assert seen == [("listener", "event"), ("after event", "event")]
    assert tenant.get() == "none"


@handlers
def test_what_one_listener_makes_of_its_payload_is_not_heard_by_the_next(
    redis_url: str, name: str, handlers: Sort
) -> None:
    app = Daebus(name)
    heard: list[Any] = []
    app.before_event(lambda payload: payload.pop("token"))

    def first(payload: dict[str, Any]) -> None:
        payload["items"].clear()
        payload["more"] = True

    app.listen(f"{name}.news")(handlers(first))
    app.listen(f"{name}.news")(handlers(lambda payload: heard.append(payload)))
    app.listen(f"{name}.news")(lambda payload: heard.append(payload))
    with serving(app, redis_url, name), Requester(redis_url) as caller:
        caller.publish(f"{name}.news", b'{"token": 1, "items": [1]}')
        eventually(lambda: len(heard) == 2)
    assert heard == [{"items": [1]}] * 2
