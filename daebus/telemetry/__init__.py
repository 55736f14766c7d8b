"""OpenTelemetry, where the program has set it up: which it is, and what stands in its place where it is not.

Law of this room: this file imports nothing of OpenTelemetry, and what does (`spans.py`) is imported only once it is
known to be wanted. It is looked for where connections are made, not for each message: without it a message costs the
look at a variable. What the spans and figures are called is in docs/decisions/telemetry.md.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daebus.errors import ConfigurationError
from daebus.wire import checks

from .terms import Outcome, Span

if TYPE_CHECKING:
    from .spans import Spans

__all__ = [
    "NOTHING",
    "Span",
    "calling",
    "handling",
    "hearing",
    "instrument",
    "look",
    "sending",
    "uninstrument",
    "working",
]

_lock = threading.Lock()
_spans: Spans | None = None
_declined = False


class _Nothing:
    """Stands for every span where there is none."""

    __slots__ = ()
    fields: Mapping[str, str] = {}

    def failed(self, error: BaseException | str | None) -> None:
        """Nothing."""

    def end(self, error: BaseException | str | None = None) -> None:
        """Nothing."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


NOTHING: Span = _Nothing()


def calling(service: str, action: str, request_id: str) -> Span:
    """A request, from before it is written until its final answer. Is not entered: whoever waits does other things."""
    return NOTHING if _spans is None else _spans.calling(service, action, request_id)


def sending(channel: str, action: str | None = None) -> Span:
    """A message that nobody answers."""
    return NOTHING if _spans is None else _spans.sending(channel, action)


def handling(service: str, action: str, message: Mapping[str, Any], outcome: Outcome) -> Span:
    """A handler that does what a message asks for; `outcome` is known when it has come to its end."""
    return NOTHING if _spans is None else _spans.handling(service, action, message, outcome)


def hearing(service: str, channel: str) -> Span:
    """The listeners of a channel that hear a broadcast."""
    return NOTHING if _spans is None else _spans.hearing(service, channel)


def working(service: str, task: str) -> Span:
    """One run of a background task."""
    return NOTHING if _spans is None else _spans.working(service, task)


def look() -> None:
    """Begin, where the program has set up a provider of spans or figures. Called where something connects."""
    if _spans is None and not _declined and "opentelemetry" in sys.modules and _is_set_up():
        instrument()


def _is_set_up() -> bool:
    """Whether there is more than what stands for a provider until there is one."""
    for kind, ask in (("trace", "get_tracer_provider"), ("metrics", "get_meter_provider")):
        # One that another thread is just importing may have nothing in it yet.
        provider = getattr(sys.modules.get(f"opentelemetry.{kind}"), ask, None)
        if provider is not None:
            name = type(provider()).__name__.lstrip("_")
            if not name.startswith(("Proxy", "NoOp")):
                return True
    return False


def instrument(tracer_provider: Any = None, meter_provider: Any = None) -> None:
    """Have spans and figures made from now on, by these providers (default: those of the process).

    Not needed where the program has set up OpenTelemetry before it first calls or serves. Raises ConfigurationError
    where OpenTelemetry's API is not installed, or one of the two is no provider.
    """
    global _spans, _declined
    for provider, what, method in (
        (tracer_provider, "tracer_provider", "get_tracer"),
        (meter_provider, "meter_provider", "get_meter"),
    ):
        if provider is not None and not hasattr(provider, method):
            raise ConfigurationError(f"{what} must have {method}, not be {checks.shown(provider)}")
    try:
        from .spans import Spans
    except ImportError:
        raise ConfigurationError("telemetry needs OpenTelemetry's API: pip install 'daebus[otel]'") from None
    with _lock:
        _declined = False
        _spans = Spans(tracer_provider, meter_provider)


def uninstrument() -> None:
    """Have none made any more, whatever the program sets up, until `instrument` is called."""
    global _spans, _declined
    with _lock:
        _declined = True
        _spans = None
