"""Spans and figures by OpenTelemetry's conventions for messaging. The only file that imports OpenTelemetry.

A message's context is made from nothing but the message: what a worker thread was started in belongs to none of those
that it works on later.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

from daebus.errors import class_of
from daebus.saying import said, trace_of
from daebus.version import __version__
from daebus.wire.writing import named_action

from .terms import Outcome

Attributes = dict[str, str]
_LONGEST = 8192
"""Characters of a field that are looked at: the specifications allow no more."""


class Spans:
    """Makes them, with the tracer and the meter of these providers (default: those of the process)."""

    def __init__(self, tracer_provider: Any, meter_provider: Any) -> None:
        self.tracer = trace.get_tracer("daebus", __version__, tracer_provider)
        meter = metrics.get_meter("daebus", __version__, meter_provider)
        self._sent = meter.create_counter("messaging.client.sent.messages", "{message}", "Messages that were sent.")
        self._consumed = meter.create_counter(
            "messaging.client.consumed.messages", "{message}", "Messages that were handled."
        )
        self._asked = meter.create_histogram(
            "messaging.client.operation.duration", "s", "From a request to its final answer."
        )
        self._processed = meter.create_histogram("messaging.process.duration", "s", "What handlers took to answer.")

    def calling(self, service: str, action: str, request_id: str) -> OneSpan:
        """See `daebus.telemetry`."""
        named_action(action)
        attributes = _attributes("request", "send", service, action)
        return OneSpan(self, SpanKind.CLIENT, attributes, {"messaging.message.conversation_id": request_id})

    def sending(self, channel: str, action: str | None) -> OneSpan:
        """See `daebus.telemetry`."""
        if action is not None:
            named_action(action)
        return OneSpan(self, SpanKind.PRODUCER, _attributes("send", "send", channel, action))

    def handling(self, service: str, action: str, message: Mapping[str, Any], outcome: Outcome) -> OneSpan:
        """See `daebus.telemetry`."""
        request_id = message.get("request_id")
        more = {} if request_id is None else {"messaging.message.conversation_id": str(request_id)}
        attributes = _attributes("process", "process", service, action)
        return OneSpan(self, SpanKind.CONSUMER, attributes, more, _context_of(message), outcome)

    def hearing(self, service: str, channel: str) -> OneSpan:
        """See `daebus.telemetry`. A broadcast is the program's own JSON, and carries no context."""
        attributes = _attributes("process", "process", channel)
        return OneSpan(self, SpanKind.CONSUMER, attributes, {"daebus.service": service}, Context())

    def working(self, service: str, task: str) -> OneSpan:
        """See `daebus.telemetry`. It is no message, and its attributes are ours."""
        return OneSpan(self, SpanKind.INTERNAL, {"daebus.service": service, "daebus.task": task}, {}, Context())

    def measure(self, attributes: Attributes, seconds: float) -> None:
        """Note what one has taken."""
        kind = attributes.get("messaging.operation.name")
        if kind == "process":
            self._consumed.add(1, attributes)
            self._processed.record(seconds, attributes)
        elif kind is not None:
            self._sent.add(1, attributes)
            if kind == "request":
                self._asked.record(seconds, attributes)


class OneSpan:
    """A span that is begun when it is made. `attributes` are those of the figures, too; `more` has too many values."""

    def __init__(
        self,
        spans: Spans,
        kind: SpanKind,
        attributes: Attributes,
        more: Attributes | None = None,
        within: Context | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        self._spans = spans
        self._attributes = attributes
        self._outcome = outcome
        self._within = within
        self._ended = False
        self._error: BaseException | str | None = None
        self._token: Any = None
        self._begun = time.perf_counter()
        self._span = spans.tracer.start_span(_name(attributes), within, kind, {**attributes, **(more or {})})

    @property
    def fields(self) -> Mapping[str, str]:
        """See `daebus.telemetry.Span`."""
        found: dict[str, str] = {}
        propagate.inject(found, trace.set_span_in_context(self._span))
        return found

    def failed(self, error: BaseException | str | None) -> None:
        """See `daebus.telemetry.Span`."""
        self._error = error
        if isinstance(error, BaseException):
            texts = {"exception.message": said(error), "exception.stacktrace": trace_of(error) or ""}
            self._span.record_exception(error, texts)

    def end(self, error: BaseException | str | None = None) -> None:
        """See `daebus.telemetry.Span`."""
        if self._ended:
            return
        self._ended = True
        error = error or self._error
        if error is None and self._outcome is not None and self._outcome.finished:
            error = self._outcome.failure
        attributes = self._attributes
        if error is not None:
            what = class_of(error) if isinstance(error, BaseException) else error
            code = getattr(error, "code", None)
            # What a service answered says more than that it answered with an error.
            what = code if isinstance(code, str) and code else what
            attributes = {**attributes, "error.type": what}
            self._span.set_attribute("error.type", what)
            self._span.set_status(Status(StatusCode.ERROR))
        self._spans.measure(attributes, time.perf_counter() - self._begun)
        self._span.end()

    def __enter__(self) -> OneSpan:
        self._token = context.attach(trace.set_span_in_context(self._span, self._within))
        return self

    def __exit__(self, *exception: object) -> None:
        context.detach(self._token)
        error = exception[1]
        if error is None and self._outcome is not None and self._outcome.put_off(self.end):
            return
        self.end(error if isinstance(error, BaseException) else None)


def _attributes(operation: str, kind: str, channel: str, action: str | None = None) -> Attributes:
    attributes = {
        "messaging.system": "redis",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": channel,
    }
    if action is not None:
        attributes["daebus.action"] = action
    return attributes


def _name(attributes: Attributes) -> str:
    task = attributes.get("daebus.task")
    if task is not None:
        return f"task {task}"
    name = f"{attributes['messaging.operation.name']} {attributes['messaging.destination.name']}"
    action = attributes.get("daebus.action")
    return name if action is None else f"{name} {action}"


def _context_of(message: Mapping[str, Any]) -> Context:
    """That which a message brings along, and nothing else. Without a payload its other fields are the payload."""
    if "payload" not in message:
        return Context()
    fields = {key: value for key, value in message.items() if isinstance(value, str) and len(value) <= _LONGEST}
    try:
        return propagate.extract(fields, Context())
    except Exception:  # noqa: BLE001 - whatever propagator the program has: a message is handled all the same
        return Context()
