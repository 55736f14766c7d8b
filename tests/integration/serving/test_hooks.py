"""What is called around handlers: in which order, with what, and what becomes of an exception in each."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any

import pytest

from daebus import Blueprint, Daebus, Requester, RequestFailed, request, response
from daebus.errors import RegistrationError
from tests.integration.serving.hooked import Shop, Sort, failure, handlers, hooks
from tests.support.framework_services import serving
from tests.support.waiting import eventually


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
