"""Spans and figures for OpenTelemetry: what belongs together, what is told of failures, that nothing is left over."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from daebus import (
    AsyncDaebusCaller,
    ConfigurationError,
    Daebus,
    DaebusCaller,
    PayloadError,
    RequestFailed,
    RequestTimeout,
    Retry,
    ServiceUnavailable,
    broadcast,
    request,
    response,
    telemetry,
)
from daebus.wire.reading import read_request
from daebus.wire.writing import write_one_way, write_request
from tests.support.framework_services import ROOT, Tap, serving
from tests.support.waiting import eventually


class Recorded:
    """What was told to OpenTelemetry."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.tracer = self.tracers.get_tracer("test")

    @property
    def spans(self) -> list[ReadableSpan]:
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def span(self, name: str) -> ReadableSpan:
        """That of the name, waited for: the one of a handler ends after its answer."""
        return eventually(lambda: [span for span in self.spans if span.name == name])[0]

    def figures(self) -> dict[str, list[Any]]:
        found: Any = self._reader.get_metrics_data()
        scopes = [scope for resource in found.resource_metrics for scope in resource.scope_metrics]
        return {one.name: list(one.data.data_points) for scope in scopes for one in scope.metrics}


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    recorded = Recorded()
    telemetry.instrument(recorded.tracers, recorded.meters)
    yield recorded
    telemetry.uninstrument()
    recorded.meters.shutdown()
    recorded.tracers.shutdown()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def parent(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def own(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


@pytest.fixture
def app(redis_url: str, name: str) -> Iterator[Daebus]:
    app = Daebus(name, max_workers=4)
    again = DaebusCaller(name, redis_url=redis_url)

    @app.action("outer")
    def outer() -> Any:
        return {"inner": again.send_request("inner", {"a": 1})}

    @app.action("inner")
    def inner() -> Any:
        return {"current": trace.get_current_span().get_span_context().span_id}

    @app.action("fail")
    def fail() -> Any:
        raise LookupError("no redis://ann:geheim@host/0")

    @app.action("refuse")
    def refuse() -> Any:
        return response.error("sold out", code="sold_out")

    @app.errorhandler(ZeroDivisionError)
    def divided(_error: ZeroDivisionError) -> Any:
        return {"handled": True}

    @app.action("divide")
    def divide() -> Any:
        return {"result": 1 / request.payload["by"]}

    @app.listen(f"{name}.news")
    def heard(payload: dict[str, Any]) -> None:
        if payload:
            raise LookupError("no news")

    with again:
        yield app


def test_what_a_request_sets_off_is_one_trace(app: Daebus, recorded: Recorded, redis_url: str, name: str) -> None:
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        with recorded.tracer.start_as_current_span("checkout") as checkout:
            answer = caller.send_request("outer", request_id="r-1")
        chain = [
            recorded.span(f"{what} {name} {action}") for action in ("outer", "inner") for what in ("request", "process")
        ]
    assert [span.kind for span in chain] == [SpanKind.CLIENT, SpanKind.CONSUMER] * 2
    assert [parent(span) for span in chain] == [checkout.get_span_context().span_id, *map(own, chain[:-1])]
    assert {span.context.trace_id for span in chain if span.context} == {checkout.get_span_context().trace_id}
    assert answer["inner"]["current"] == own(chain[3])
    about = {
        "messaging.system": "redis",
        "messaging.destination.name": name,
        "messaging.message.conversation_id": "r-1",
        "daebus.action": "outer",
    }
    for span, operation, kind in ((chain[0], "request", "send"), (chain[1], "process", "process")):
        assert attributes(span) == {**about, "messaging.operation.name": operation, "messaging.operation.type": kind}
        assert span.status.status_code is StatusCode.UNSET
    assert len(recorded.spans) == 5


def test_of_asyncio_callers_as_well(app: Daebus, recorded: Recorded, redis_url: str, name: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(name, redis_url=redis_url) as caller:
            with recorded.tracer.start_as_current_span("task"):
                await caller.send_request("inner")
                await caller.send_message("inner")
            with pytest.raises(RequestFailed):
                await caller.send_request("fail")

    with serving(app, redis_url, name):
        asyncio.run(main())
        eventually(lambda: len(recorded.spans) == 7)
    outer, asked, sent = (
        recorded.span("task"),
        recorded.span(f"request {name} inner"),
        recorded.span(f"send {name} inner"),
    )
    assert [parent(asked), parent(sent)] == [own(outer)] * 2
    assert {parent(span) for span in recorded.spans if span.name == f"process {name} inner"} == {own(asked), own(sent)}
    assert attributes(recorded.span(f"request {name} fail"))["error.type"] == "handler_error"


def test_failures_are_told(app: Daebus, recorded: Recorded, redis_url: str, name: str) -> None:
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        for action, at_caller, at_service in (
            ("fail", "handler_error", "LookupError"),
            ("refuse", "sold_out", "sold_out"),
        ):
            with pytest.raises(RequestFailed):
                caller.send_request(action)
            for what, kind in (("request", at_caller), ("process", at_service)):
                span = recorded.span(f"{what} {name} {action}")
                assert attributes(span)["error.type"] == kind
                assert span.status.status_code is StatusCode.ERROR
        (event,) = recorded.span(f"process {name} fail").events
        told = event.attributes or {}
        assert (event.name, told["exception.message"]) == ("exception", "no redis://ann:***@host/0")
        assert "geheim" not in str(told)
        assert caller.send_request("divide", {"by": 0}) == {"handled": True}
        assert recorded.span(f"process {name} divide").status.status_code is StatusCode.UNSET
        with pytest.raises(RequestFailed, match="unknown action"):
            caller.send_request("nothing")
        assert attributes(recorded.span(f"request {name} nothing"))["error.type"] == "unknown_action"
        with pytest.raises(PayloadError):
            caller.send_request("odd", {"a": object()})
        assert attributes(recorded.span(f"request {name} odd"))["error.type"] == "PayloadError"
        with pytest.raises(RequestTimeout):
            caller.send_request("late", timeout=0)
        assert attributes(recorded.span(f"request {name} late"))["error.type"] == "RequestTimeout"


def test_what_is_answered_later_lasts_until_then(recorded: Recorded, redis_url: str, name: str) -> None:
    app = Daebus(name, max_workers=1)
    handles: dict[str, Any] = {}

    @app.action("sent")
    @app.action("failed")
    @app.action("expired")
    @app.action("dropped")
    @app.action("left")
    def put_off() -> None:
        handle = response.defer(within=0.05 if request.action == "expired" else 60)
        if request.action != "dropped":
            handles[request.action] = handle

    @app.action("at once")
    def at_once() -> Any:
        response.defer().send({})

    app.action("beside")(dict)
    answers = {
        "sent": lambda handle: handle.send({"a": 1}),
        "failed": lambda handle: handle.error("no", code="declined"),
    }
    errors = {"failed": "declined", "expired": "expired", "dropped": "no_response", "left": "shutting_down"}
    with serving(app, redis_url, name, grace=0.2), DaebusCaller(name, redis_url=redis_url) as caller:
        for action in ("sent", "failed"):
            call = caller._requester.start(name, action)
            # There is one worker, which is done with the other handler when it has this answer.
            caller.send_request("beside")
            given_at = time.time_ns()
            answers[action](handles[action])
            span = recorded.span(f"process {name} {action}")
            assert span.end_time is not None
            assert span.end_time >= given_at
            call.cancel()
        for action in ("expired", "dropped", "at once", "left"):
            caller.send_message(action)
        # There is one worker: all the others have had their turn.
        eventually(lambda: "left" in handles)
    for action in (*answers, "expired", "dropped", "left", "at once"):
        assert attributes(recorded.span(f"process {name} {action}")).get("error.type") == errors.get(action)
    figures = recorded.figures()["messaging.process.duration"]
    told = {(one.attributes["daebus.action"], one.attributes.get("error.type")): one.count for one in figures}
    assert told.pop(("beside", None)) == 2
    assert told == dict.fromkeys([(action, errors.get(action)) for action in (*errors, "sent", "at once")], 1)


def test_what_comes_to_nothing_is_told_once(recorded: Recorded, redis_url: str, name: str) -> None:
    gate = threading.Event()
    app = Daebus(name)
    app.action("wait")(lambda: {"waited": gate.wait(20)})
    with DaebusCaller(name, redis_url=redis_url, retry=Retry(attempts=3, delay=0)) as caller:
        with pytest.raises(ServiceUnavailable):
            caller.send_request("wait", idempotent=True)
        with serving(app, redis_url, name):
            with pytest.raises(RequestTimeout):
                caller.send_request("wait", timeout=0.05)
            caller._requester.start(name, "wait").cancel()
            stream = caller.stream_request("wait")
            gate.set()
            assert list(stream) == [{"waited": True}]
        eventually(lambda: len(recorded.spans) == 9)
    kinds = [attributes(span).get("error.type") for span in recorded.spans if span.name.startswith("request")]
    assert kinds == ["ServiceUnavailable"] * 3 + ["RequestTimeout", "cancelled", None]
    with pytest.raises(PayloadError, match="the action must be"):
        caller.send_request(5)  # type: ignore[arg-type]


def test_broadcasts_are_not_changed_and_their_listeners_begin_anew(
    app: Daebus, recorded: Recorded, redis_url: str, name: str
) -> None:
    channel = f"{name}.news"
    with serving(app, redis_url, name), Tap(redis_url, channel) as tap:
        with recorded.tracer.start_as_current_span("outer") as outer:
            broadcast.send(channel, {})
        assert tap.next()[1] == b"{}"
        heard, sent = recorded.span(f"process {channel}"), recorded.span(f"send {channel}")
        assert (sent.kind, parent(sent)) == (SpanKind.PRODUCER, outer.get_span_context().span_id)
        assert (heard.kind, parent(heard)) == (SpanKind.CONSUMER, None)
        broadcast.send(channel, {"a": 1})
        eventually(lambda: any(attributes(span).get("error.type") == "LookupError" for span in recorded.spans))


def test_background_tasks_are_spans_of_their_own(recorded: Recorded, redis_url: str, name: str) -> None:
    app = Daebus(name)
    app.background("tidy", 0.01)(lambda: broadcast.send(f"{name}.tidied", {}))
    with serving(app, redis_url, name):
        task, sent = recorded.span("task tidy"), recorded.span(f"send {name}.tidied")
    assert parent(task) is None
    assert parent(sent) in {own(span) for span in recorded.spans if span.name == "task tidy"}
    assert attributes(task) == {"daebus.service": name, "daebus.task": "tidy"}


def test_a_worker_goes_on_with_nothing_of_before(app: Daebus, recorded: Recorded, redis_url: str, name: str) -> None:
    left: list[Any] = []
    app.action("look")(lambda: left.append(context.get_current()) or {})
    started = trace.set_span_in_context(recorded.tracer.start_span("around"))
    # As OpenTelemetry's instrumentation of threads does it: they begin with the context of where they were started.
    run = threading.Thread.run
    threading.Thread.run = lambda thread: (context.attach(started), run(thread))[1]  # type: ignore[method-assign]
    try:
        serves = serving(app, redis_url, name)
        serves.__enter__()
    finally:
        threading.Thread.run = run  # type: ignore[method-assign]
    with DaebusCaller(name, redis_url=redis_url) as caller:
        with recorded.tracer.start_as_current_span("first"):
            caller.send_request("inner")
        with Tap(redis_url, f"{name}.responses") as tap:
            caller.send_to_service({"action": "inner", "payload": {}, "request_id": "bare"})
            tap.next()
        eventually(lambda: len([span for span in recorded.spans if span.name == f"process {name} inner"]) == 2)
    serves.__exit__(None, None, None)
    handled = [span for span in recorded.spans if span.name == f"process {name} inner"]
    assert parent(handled[0]) == own(recorded.span(f"request {name} inner"))
    assert parent(handled[1]) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"traceparent": 5},
        {"traceparent": None, "tracestate": ["x"]},
        {"traceparent": "00-" + "f" * 100_000},
        {"traceparent": "\udead", "baggage": "=;=,,\x00"},
        {"traceparent": "00-00000000000000000000000000000000-0000000000000000-01"},
        {"baggage": "a=b," * 5000},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_a_context_that_is_none_breaks_nothing(
    app: Daebus, recorded: Recorded, redis_url: str, name: str, fields: dict[str, Any]
) -> None:
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        with Tap(redis_url, f"{name}.responses") as tap:
            asked = {**fields, "action": "inner", "payload": {}, "request_id": "odd"}
            caller._requester.publish(name, json.dumps(asked).encode())
            assert json.loads(tap.next()[1])["status"] == "success"
        assert parent(recorded.span(f"process {name} inner")) is None


def test_figures_are_kept(app: Daebus, recorded: Recorded, redis_url: str, name: str) -> None:
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller:
        for _ in range(3):
            caller.send_request("inner")
        with pytest.raises(RequestFailed):
            caller.send_request("fail")
        eventually(lambda: len(recorded.spans) == 8)
    figures = recorded.figures()
    assert set(figures) == {
        "messaging.client.operation.duration",
        "messaging.client.sent.messages",
        "messaging.process.duration",
        "messaging.client.consumed.messages",
    }
    for figure, count in (
        ("messaging.client.operation.duration", "count"),
        ("messaging.client.sent.messages", "value"),
    ):
        told = {(one.attributes["daebus.action"], one.attributes.get("error.type")): one for one in figures[figure]}
        assert getattr(told["inner", None], count) == 3
        assert getattr(told["fail", "handler_error"], count) == 1
        # No ids: there would be as many figures as requests.
        assert not any("conversation" in key for one in figures[figure] for key in one.attributes)


def test_without_a_provider_nothing_is_added(app: Daebus, redis_url: str, name: str) -> None:
    telemetry.uninstrument()
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url) as caller, Tap(redis_url, name) as tap:
        caller.send_request("inner")
        assert not {"traceparent", "tracestate", "baggage"} & json.loads(tap.next()[1]).keys()
    assert telemetry.calling("a", "b", "c") is telemetry.NOTHING


def test_no_field_of_the_envelope_is_another_s() -> None:
    more = {"action": "evil", "reply_to": "evil", "payload": "evil", "traceparent": "00-1"}
    asked = read_request(write_request("get", {"a": 1}, reply_to="caller:1", request_id="i", service="s", more=more))
    assert (asked.action, asked.payload, asked.reply_to) == ("get", {"a": 1}, "caller:1")  # type: ignore[union-attr]
    assert asked.raw["traceparent"] == "00-1"  # type: ignore[union-attr]
    sent = read_request(write_one_way("get", {"a": 1}, service="s", more={"action": "evil", "payload": "evil"}))
    assert (sent.action, sent.payload) == ("get", {"a": 1})  # type: ignore[union-attr]


@pytest.mark.parametrize("argument", ["tracer_provider", "meter_provider"])
def test_what_is_no_provider_is_refused(argument: str) -> None:
    with pytest.raises(ConfigurationError, match=argument):
        telemetry.instrument(**{argument: object()})


def test_without_the_api_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "daebus.telemetry.spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'daebus\[otel\]'"):
        telemetry.instrument()


def _run(code: str, redis_url: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": redis_url}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_of_the_documents_prints_what_it_says(redis_url: str) -> None:
    """Here nobody calls `instrument`: the provider is the program's own."""
    document = Path(ROOT / "docs" / "tracing.md").read_text()
    code, prints = (re.search(rf"```{kind}\n(.*?)```", document, re.DOTALL) for kind in ("python", "text"))
    assert code is not None
    assert prints is not None
    assert _run(code[1], redis_url) == prints[1]


def test_where_nothing_is_set_up_nothing_is_imported(redis_url: str, name: str) -> None:
    code = f"""
import sys
from daebus import Daebus, DaebusCaller
app = Daebus({name!r})
app.action("echo")(dict)
with app.start(), DaebusCaller({name!r}) as caller:
    caller.send_request("echo")
print("daebus.telemetry.spans" in sys.modules)
"""
    assert _run(code, redis_url) == "False\n"
