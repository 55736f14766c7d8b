"""Every argument of every public call: what cannot be used is refused by an error that names the argument."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import daebus
from daebus import (
    AsyncDaebusCaller,
    Blueprint,
    Daebus,
    DaebusCaller,
    DaebusError,
    Deferred,
    RedisUnavailable,
    Requester,
    Response,
    broadcast,
)
from daebus.client.call import Call
from daebus.service.answering.answers import Answers
from daebus.service.answering.terms import Terms
from daebus.service.answering.undelivered import Undelivered
from daebus.service.answering.unsent import Unsent
from daebus.service.refusals import Refusals
from daebus.testing import LocalBus, RecordedBus, RecordedCall, Stub, TestClient, rerun, rerun_message
from daebus.wire.envelope import Request

NOWHERE = "redis://127.0.0.1:1"
"""Where nobody listens: what is not refused ends there."""
NAN = float("nan")


class Hostile:
    """Not even its repr can be had."""

    def __repr__(self) -> str:
        raise ZeroDivisionError


ODD = [b"x", ["x"], object(), Hostile(), 1j]
NAME = [*ODD, None, "", 5, True, "a\udead"]
OPTIONAL_NAME = [value for value in NAME if value is not None]
NUMBER = [*ODD, "5", NAN, 10**400, 10**5000, True]
DURATION = [*NUMBER, -1, -1e-9]
WHOLE = [*ODD, 0, -1, 1.5, "5", NAN, True, 10**5000]
FUNCTION = [*ODD, 5, "f"]
OBJECT = [*ODD, 5, "text", {"a": object()}, {"a": NAN}, {b"a": 1}, {"a": b"x"}, {"a": {1j}}, {"a": Hostile()}]
VALUE = [object(), NAN, {"a": b"x"}, {1j}, b"x", Hostile()]
HOST = [*ODD, 5, "a/b", "a b", "user:secret@host", "h?db=1", "a\udead", "a\nb", "redis://:secret@h"]
PORT = [*ODD, 0, -1, 65536, 1.5, "x", "99999", "9" * 5000, True, 10**5000]
URL = [*ODD, 5, "h", "ftp://h", "redis://h:port", "redis://:sec/ret@h", "redis://h\udead/0", "redis://h/\x00?x=\udead"]

KINDS: dict[str, tuple[list[Any], str]] = {
    "action": ([*ODD, None, "", 5, True], "action"),
    "action_name": (NAME, "action"),
    "app": ([*ODD, None, 5], "app"),
    "asker": (NAME, "asker"),
    "blueprint": ([*ODD, None, 5, "x"], "blueprint"),
    "bus": ([*ODD, 5, "x"], "bus"),
    "calls": ([object(), None, 5, ["x"], [{}]], "calls"),
    "channel": (NAME, "channel"),
    "code": (OPTIONAL_NAME, "code"),
    "data": ([None, 5, "text", ["x"], object()], "data"),
    "debugger": ([*ODD, 0, 1, "yes"], "debugger"),
    "exception": ([*ODD, None, 5, int, BaseException], "errorhandler"),
    "final": (["not_found", "", 404, -1], "final must be True or False"),
    "function": ([*FUNCTION, None], "json_default"),
    "grace": (DURATION, "grace"),
    "handler": ([None, *FUNCTION], "must be callable"),
    "hook": (FUNCTION, "hook"),
    "in_flight": ([*WHOLE, None], "in_flight"),
    "interval": ([*DURATION, 0, float("inf")], "interval"),
    "max_async": ([*WHOLE, None, 10**7], "max_async"),
    "max_message": (WHOLE, "max_message"),
    "max_queue": ([*WHOLE, None], "max_queue"),
    "max_workers": ([*WHOLE, None, 10**6], "max_workers"),
    "name": (NAME, "name"),
    "on_progress": (FUNCTION, "on_progress"),
    "parent_id": ([*ODD, "", "a\udead", NAN, {}], "parent_id"),
    "payload": (OBJECT, "payload"),
    "payloads": ([object(), None, 5, 1j, {}, {"n": 1}], "payloads"),
    "progress_percentage": (NUMBER[:-3], "progress_percentage"),
    "recorder": ([*(value for value in WHOLE if value != 0), None, False], "recorder"),
    "redis_host": (HOST, "redis_host"),
    "redis_port": (PORT, "redis_port"),
    "redis_url": (URL, "edis"),
    "request_id": (OPTIONAL_NAME, "request_id"),
    "retry": ([*ODD, 5, "x", True], "retry"),
    "service": (NAME, "service"),
    "target_service": (NAME, "service"),
    "timeout": (NUMBER, "timeout"),
    "unknown_action": ([*ODD, None, "", "maybe"], "unknown_action"),
    "url": (URL, "edis"),
    "within": ([*DURATION, 0], "within"),
}
"""What cannot be used for an argument of that name, and the word that the error has for it."""
SPECIAL: dict[tuple[str, str], tuple[list[Any], str]] = {
    ("AsyncDaebusCaller", "name"): (OPTIONAL_NAME, "name"),
    ("AsyncDaebusCaller.send_to_service", "action"): ([*ODD, "", 5, True], "action"),
    ("Daebus.start", "service"): (OPTIONAL_NAME, "service"),
    ("Daebus.start_on", "service"): (OPTIONAL_NAME, "service"),
    ("Daebus.run", "service"): (OPTIONAL_NAME, "service"),
    ("Daebus.stop_thread", "timeout"): (DURATION, "timeout"),
    ("DaebusCaller", "name"): (OPTIONAL_NAME, "name"),
    ("DaebusCaller.send_to_service", "action"): ([*ODD, "", 5, True], "action"),
    ("Retry", "attempts"): ([*WHOLE, None, 1001], "attempts"),
    ("Retry", "delay"): ([*DURATION, None, float("inf")], "delay"),
    ("Retry", "factor"): ([*NUMBER, None, 0, 0.99, -1, float("inf")], "factor"),
    ("Retry", "jitter"): ([*NUMBER, None, -0.1, 1.1], "jitter"),
    ("Retry", "attempt_timeout"): ([*DURATION, 0], "attempt_timeout"),
    ("Requester", "name"): (OPTIONAL_NAME, "name"),
    ("Requester", "url"): ([value for value in URL if isinstance(value, str)] + [5, b"x"], "url"),
    ("Response.send", "payload"): (VALUE, "payload"),
    ("Deferred.send", "payload"): (VALUE, "payload"),
    ("Response.success", "payload"): (VALUE, "payload"),
    ("RecordedCall", "action"): ([*ODD, None, "", 5, True], "action"),
    ("RecordedCall", "answer"): (VALUE, "answer"),
    ("RecordedCall", "status"): ([*ODD, None, "", "maybe"], "status"),
    ("RecordedCall", "stream"): ([b"x", "x", 5, {}, [object()], [NAN]], "stream"),
    ("rerun", "service"): (OPTIONAL_NAME, "service"),
    ("rerun", "timeout"): ([*DURATION, None], "timeout"),
    ("rerun_message", "data"): ([None, 5, "text", ["x"], object()], "data"),
    ("rerun_message", "service"): (OPTIONAL_NAME, "service"),
    ("rerun_message", "timeout"): ([*DURATION, None], "timeout"),
    ("RecordedBus", "bus"): ([*ODD, None, 5, "x"], "bus"),
    ("RecordedBus.broadcasts", "channel"): (OPTIONAL_NAME, "name"),
    ("RecordedBus.requests", "name"): (OPTIONAL_NAME, "name"),
    ("RecordedBus.responses", "name"): (OPTIONAL_NAME, "name"),
    ("RecordedBus.settle", "timeout"): (DURATION, "timeout"),
    ("RecordedBus.timeline", "most"): ([*WHOLE, None], "most"),
    ("RecordedBus.wait_for", "count"): ([*WHOLE, None], "count"),
    ("RecordedBus.wait_for", "kind"): ([*ODD, "", "reply", 5], "kind"),
    ("RecordedBus.wait_for", "timeout"): ([*DURATION, None], "timeout"),
    ("RecordedBus.wait_for", "what"): (NAME, "what to wait for"),
    ("Stub", "answers"): ([*ODD, None, 5, {"a": 5}, {5: {}}, {"a": {"b": NAN}}], "a"),
    ("TestClient", "service"): (OPTIONAL_NAME, "service"),
    ("TestClient.broadcasts", "channel"): ([], ""),
    ("TestClient.publish", "data"): ([object(), NAN, {1j}, "a\udead"], "data"),
    ("TestClient.settle", "timeout"): (DURATION, "timeout"),
}
FREE = {
    "auto_start": "a truth value",
    "debug": "a truth value",
    "error": "whatever it is, its text is sent",
    "idempotent": "a truth value",
    "now": "a truth value",
    "one_way": "a truth value",
    "shared": "a truth value",
    "sharded": "a truth value",
}
"""Arguments of which anything can be used."""
TAKEN_AS_NONE = {"redis_host", "redis_url"}
"""Where an empty one is none, as an unset variable of the environment is."""


class Subjects:
    """Every public call by its name, with arguments that will do."""

    def __init__(self) -> None:
        self.bus = LocalBus()
        self.app = Daebus("app")
        self.app.action("echo")(dict)
        self.running = Daebus("running")
        self.running.start_on(self.bus)
        self.client = TestClient(self.app, bus=LocalBus())
        self.recorded = RecordedBus(LocalBus())
        self.caller = DaebusCaller("svc", redis_url=NOWHERE)
        self.requester = Requester(bus=self.bus, timeout=0.05)
        self.aio = AsyncDaebusCaller("svc", redis_url=NOWHERE)

    def close(self) -> None:
        self.running.stop()
        self.client.close()
        self.requester.close()

    def response(self) -> Response:
        asked = Request("echo", {}, "caller:x", "r")
        answers = Answers(self.bus, "svc", "i", Undelivered("svc"), Refusals("svc"), lambda: None)
        return Response(Terms(self.bus, "svc", "i", answers, Unsent("svc")), asked)

    def deferred(self) -> Deferred:
        return Deferred(self.response(), lambda: None)

    def call(self) -> Call:
        return self.requester.start("running", "nope")

    def table(self) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
        fresh = Daebus("fresh")
        request: dict[str, Any] = {"action": "echo", "payload": {}}
        redis: dict[str, Any] = {"service": "svc", "redis_url": NOWHERE}
        callers = {"target_service": "svc"}
        return {
            "Daebus": (Daebus, {"name": "n"}),
            "Daebus.action": (fresh.action, {"action_name": "a"}),
            "Daebus.listen": (fresh.listen, {"channel": "c"}),
            "Daebus.background": (fresh.background, {"name": "b", "interval": 1}),
            "Daebus.thread": (fresh.thread, {"name": "t"}),
            "Daebus.errorhandler": (fresh.errorhandler, {"exception": KeyError}),
            "Daebus.json_default": (fresh.json_default, {"function": str}),
            "Daebus.before_request": (fresh.before_request, {}),
            "Daebus.after_request": (fresh.after_request, {}),
            "Daebus.teardown_request": (fresh.teardown_request, {}),
            "Daebus.before_event": (fresh.before_event, {}),
            "Daebus.after_event": (fresh.after_event, {}),
            "Daebus.on_start": (fresh.on_start, {}),
            "Daebus.on_stop": (fresh.on_stop, {}),
            "Daebus.register_blueprint": (fresh.register_blueprint, {"blueprint": Blueprint("b")}),
            "Daebus.start": (fresh.start, redis),
            "Daebus.start_on": (fresh.start_on, {"bus": self.bus, "service": "svc"}),
            "Daebus.run": (fresh.run, redis),
            "Daebus.stop": (self.running.stop, {}),
            "Daebus.start_thread": (self.running.start_thread, {"name": "t"}),
            "Daebus.stop_thread": (self.running.stop_thread, {"name": "t"}),
            "Daebus.test_client": (fresh.test_client, {}),
            "Blueprint": (Blueprint, {"name": "n"}),
            "Broadcast.send": (broadcast.send, {"channel": "c", "payload": {}}),
            "Broadcast.close": (broadcast.close, {}),
            "DaebusCaller": (DaebusCaller, callers),
            "DaebusCaller.send_request": (self.caller.send_request, request),
            "DaebusCaller.stream_request": (lambda **given: list(self.caller.stream_request(**given)), request),
            "DaebusCaller.map": (self.caller.map, {"action": "echo", "payloads": []}),
            "DaebusCaller.send_message": (self.caller.send_message, request),
            "DaebusCaller.send_to_service": (self.caller.send_to_service, request),
            "DaebusCaller.close": (self.caller.close, {}),
            "AsyncDaebusCaller": (AsyncDaebusCaller, callers),
            "AsyncDaebusCaller.send_request": (awaited(self.aio.send_request), request),
            "AsyncDaebusCaller.stream_request": (awaited(self.aio.stream_request), request),
            "AsyncDaebusCaller.send_message": (awaited(self.aio.send_message), request),
            "AsyncDaebusCaller.send_to_service": (awaited(self.aio.send_to_service), request),
            "AsyncDaebusCaller.map": (self.aio.map, {"action": "echo", "payloads": []}),
            "AsyncDaebusCaller.close": (awaited(self.aio.close), {}),
            "Retry": (daebus.Retry, {}),
            "Requester": (Requester, {}),
            "Requester.call": (self.requester.call, {"service": "running", **request}),
            "Requester.stream": (
                lambda **given: list(self.requester.stream(**given)),
                {"service": "running", **request},
            ),
            "Requester.start": (self.requester.start, {"service": "running", **request}),
            "Requester.send": (self.requester.send, {"service": "running", **request}),
            "Requester.publish": (self.requester.publish, {"channel": "c", "data": b"x"}),
            "Requester.close": (self.requester.close, {}),
            "Call.result": (lambda **given: self.call().result(**given), {}),
            "Response.send": (lambda **given: self.response().send(**given), {"payload": {}}),
            "Response.success": (lambda **given: self.response().success(**given), {"payload": {}}),
            "Response.progress": (lambda **given: self.response().progress(**given), {"payload": {}}),
            "Response.error": (lambda **given: self.response().error(**given), {"error": "no"}),
            "RecordedBus": (RecordedBus, {"bus": self.bus}),
            "RecordedBus.requests": (self.recorded.requests, {}),
            "RecordedBus.responses": (self.recorded.responses, {}),
            "RecordedBus.broadcasts": (self.recorded.broadcasts, {}),
            "RecordedBus.wait_for": (self.recorded.wait_for, {"what": "x"}),
            "RecordedBus.settle": (self.recorded.settle, {}),
            "RecordedBus.timeline": (self.recorded.timeline, {}),
            "RecordedBus.close": (self.recorded.close, {}),
            "RecordedCall": (RecordedCall, {"service": "svc", "action": "a", "payload": {}}),
            "rerun": (rerun, {"app": Daebus("again"), "action": "echo"}),
            "rerun_message": (rerun_message, {"app": Daebus("again"), "data": b"{}"}),
            "Stub": (Stub, {"service": "stub", "answers": {}, "bus": self.recorded}),
            "Stub.stop": (lambda: None, {}),
            "Response.defer": (lambda **given: self.response().defer(**given), {}),
            "Deferred.send": (lambda **given: self.deferred().send(**given), {"payload": {}}),
            "Deferred.progress": (lambda **given: self.deferred().progress(**given), {"payload": {}}),
            "Deferred.error": (lambda **given: self.deferred().error(**given), {"error": "no"}),
            "TestClient": (TestClient, {"app": self.app}),
            "TestClient.request": (self.client.request, request),
            "TestClient.stream": (lambda **given: list(self.client.stream(**given)), request),
            "TestClient.send": (self.client.send, request),
            "TestClient.broadcast": (self.client.broadcast, {"channel": "c", "payload": {}}),
            "TestClient.publish": (self.client.publish, {"channel": "c", "data": b"x"}),
            "TestClient.settle": (self.client.settle, {}),
            "TestClient.broadcasts": (self.client.broadcasts, {}),
            "TestClient.close": (self.client.close, {}),
        }


CLASSES = {
    kind.__name__: kind
    for kind in (
        Daebus,
        Blueprint,
        type(broadcast),
        DaebusCaller,
        AsyncDaebusCaller,
        Requester,
        daebus.Retry,
        Call,
        Response,
        RecordedBus,
        RecordedCall,
        Stub,
        Deferred,
        TestClient,
    )
}
FUNCTIONS = {function.__name__: function for function in (rerun, rerun_message)}
RECORDS = {"Outcome", "Receipt", "Request", "Reply", "RawJson"}
"""Public classes that only hold what came in, or is to go out."""
INTERNAL = {
    "Broadcast",  # made by the framework, as are:
    "Call",
    "Deferred",
    "Response",
    # Called by other parts of the framework:
    "RecordedCall.replies",
    "Requester.attend",
    "Requester.forget",
    "Requester.interrupt",
    "Requester.leave_bus",
    "Requester.leave",
    "Broadcast.leave_bus",
    "AsyncDaebusCaller.leave_bus",
    "Requester.call_ended",
    "Requester.withdraw",
    "Requester.after_fork",
    "Daebus.after_fork",
    "Daebus.finish",
    "Daebus.run_until",
    "Broadcast.after_fork",
    "AsyncDaebusCaller.after_fork",
    "Call.check",
    "Call.is_published",
    "Call.is_told",
    "Call.give",
    "Call.go_on_for",
    "Call.hold",
    "Call.now",
    "Call.over",
    "Call.ready",
    "Call.timed_out",
    "Call.replies",
    "Call.cancel",
    "Response.error_in_short",
    "Retry.pause",
    "Daebus.error_handler",
    "Blueprint.error_handler",
    "Response.abandon",
    "Response.fail",
    "Response.forget_held",
    "Response.held_up",
    "Response.keep",
    "Response.put_off",
    "Response.let_go",
    "Response.leave",
    "Response.out",
    "Response.send_kept",
    "Response.take_held",
    "Daebus.hook_functions",
    "Blueprint.hook_functions",
    "Daebus.merge",
    "Daebus.resolve_annotations",
    "Blueprint.resolve_annotations",
    "Blueprint.merge",
    "Blueprint.registered",
    # The same functions as the app's:
    "Blueprint.action",
    "Blueprint.listen",
    "Blueprint.background",
    "Blueprint.thread",
    "Blueprint.errorhandler",
    "Blueprint.before_request",
    "Blueprint.after_request",
    "Blueprint.teardown_request",
    "Blueprint.before_event",
    "Blueprint.after_event",
    "Blueprint.on_start",
    "Blueprint.on_stop",
}


def awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, run in an event loop to its end."""

    def run(**given: Any) -> Any:
        async def main() -> Any:
            made = function(**given)
            if not hasattr(made, "__aiter__"):
                return await made
            async for _ in made:
                pass
            return None

        return asyncio.run(main())

    return run


def signatures() -> dict[str, list[str]]:
    """Every public call, and its arguments."""
    found: dict[str, list[str]] = {}
    for name, kind in CLASSES.items():
        members = {name: kind} | {
            f"{name}.{member}": value
            for member, value in inspect.getmembers(kind, inspect.isfunction)
            if not member.startswith("_")
        }
        for label, function in members.items():
            if label not in INTERNAL:
                found[label] = [each for each in inspect.signature(function).parameters if each != "self"]
    for label, function in FUNCTIONS.items():
        found[label] = list(inspect.signature(function).parameters)
    return found


def cases() -> Iterator[Any]:
    for label, arguments in signatures().items():
        for argument in arguments:
            if argument not in FREE:
                yield pytest.param(label, argument, id=f"{label}-{argument}")


@pytest.fixture(scope="module")
def subjects() -> Iterator[Subjects]:
    subjects = Subjects()
    yield subjects
    subjects.close()


def test_no_public_call_is_left_out(subjects: Subjects) -> None:
    public = {name for name in daebus.__all__ if inspect.isclass(getattr(daebus, name))}
    errors = {name for name in public if issubclass(getattr(daebus, name), Exception)}
    assert public - errors - RECORDS <= set(CLASSES)
    assert set(signatures()) == set(subjects.table())


@pytest.mark.parametrize("text", [*ODD, None, 5, "", "[1]", "{", '{"a": NaN}', '{"a": "\ud800"}', "{}{}"])
def test_a_raw_json_is_a_json_object(text: Any) -> None:
    assert "text" in refused(lambda: daebus.RawJson(text), text)


def refused(call: Callable[[], Any], value: object) -> str:
    """What the error says that refuses the value."""
    try:
        call()
    except RedisUnavailable:
        pass
    except (DaebusError, TypeError, ValueError) as error:
        return str(error)
    except SystemExit:
        # `run` has logged it.
        return ""
    raise AssertionError(f"was taken: {type(value)}")


@pytest.mark.parametrize(("label", "argument"), list(cases()))
def test_what_cannot_be_used_is_refused_by_name(
    subjects: Subjects, label: str, argument: str, caplog: pytest.LogCaptureFixture
) -> None:
    call, usual = subjects.table()[label]
    values, word = SPECIAL.get((label, argument)) or KINDS[argument]
    if "redis_host" in inspect.signature(call).parameters or label.startswith(("Daebus.start", "Daebus.run")):
        usual = {key: value for key, value in usual.items() if argument in ("service",) or key != "redis_url"}
    for value in values:
        if argument in TAKEN_AS_NONE and not value:
            continue
        caplog.clear()
        said = refused(lambda value=value: call(**{**usual, argument: value}), value) or "\n".join(caplog.messages)  # type: ignore[misc]
        assert word.lower() in said.lower()
        assert "secret" not in said
        assert len(said) < 500


@pytest.mark.parametrize("register", ["action", "listen", "background", "thread"])
@pytest.mark.parametrize("handler", [None, *FUNCTION], ids=lambda value: type(value).__name__)
def test_a_handler_that_cannot_be_called_is_refused(register: str, handler: Any) -> None:
    app = Daebus("app")
    options = {"interval": 1} if register == "background" else {}
    with pytest.raises(DaebusError, match="'x' must be callable"):
        getattr(app, register)("x", **options)(handler)
    assert [*app.action_handlers, *app.listen_handlers, *app.background_tasks, *app.thread_tasks] == []


@pytest.mark.parametrize("seconds", [0, -1, float("-inf")])
def test_a_timeout_that_is_over_is_no_mistake(subjects: Subjects, seconds: float) -> None:
    with pytest.raises(daebus.RequestTimeout):
        subjects.caller.send_request("echo", timeout=seconds)


def test_grace_may_be_for_ever() -> None:
    app = Daebus("app", grace=float("inf"))
    app.start_on(LocalBus())
    app.stop(grace=float("inf"))
