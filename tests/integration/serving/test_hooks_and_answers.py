"""What becomes of an exception in a hook, and of an answer that one sees: given, sent, by an error handler, later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from daebus import AlreadyAnswered, Daebus, Requester, RequestFailed, request, response
from daebus.context import entered_in
from daebus.errors import PayloadError
from daebus.wire.objects import RawJson
from tests.integration.serving.hooked import Shop, Sort, counted, failure, handlers, hooks
from tests.support.framework_services import serving
from tests.support.waiting import eventually


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


@handlers
@hooks
def test_a_hook_after_the_handler_that_answers_itself_is_told_what_to_do(
    redis_url: str, name: str, handlers: Sort, hooks: Sort
) -> None:
    shop = Shop(name, handlers, hooks)
    with serving(shop.app, redis_url, name), Requester(redis_url) as caller:
        shop.returns["app after"] = lambda _answer: response.error("no", code="sold_out")
        error = failure(caller, name, "get")
        assert (error.code, error.type) == ("handler_error", "AlreadyAnswered")
        told = "action 'get' has its answer, which its hooks see now: return the payload to send in its place, or raise"
        assert str(error) == told
        # One that has been sent is another matter, and so is one that no hook has seen yet.
        told = "action 'get' has sent its final response already; nothing more was sent"
        shop.returns["app after"] = lambda _answer: None
        shop.returns["get"] = lambda: (response.send({"n": 1}), response.send({"n": 2}))
        assert caller.call(name, "get", {}) == {"n": 1}
        # That of the request before may come after it, on another worker.
        eventually(lambda: f"app teardown({AlreadyAnswered(told)!r})" in shop.calls)


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
