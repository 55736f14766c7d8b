"""What statistics show: a row of figures for an action, and the slowest exchanges. Pure."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from daebus_console.engine.figures.series import Series

_FRACTIONS = (0.5, 0.95, 0.99)


class Row(msgspec.Struct, frozen=True, gc=False):
    """The figures of one action, or of all together. Durations are seconds; None where nothing was measured.

    `count` are requests and one-way messages; `rate` how many a second lately.
    `handler_…` is the time in the handler, `queue_…` that before it, for want of a worker, where services tell it.
    `beyond` is 0, but for the row of all that came when so many actions had rows already: it is no action's.
    """

    service: str
    action: str
    count: int
    rate: float
    errors: int
    timeouts: int
    unknown: int
    in_flight: int
    p50: float | None
    p95: float | None
    p99: float | None
    largest: float | None
    handler_p50: float | None
    handler_p95: float | None
    queue_p50: float | None = None
    queue_p95: float | None = None
    beyond: int = 0


class Slow(NamedTuple):
    """One of the slowest exchanges: seconds, its number, when it was asked, whom and what."""

    latency: float
    number: int
    at: float
    service: str
    action: str


def row_of(service: str, action: str, series: Series, rate: float, beyond: int = 0) -> Row:
    """The figures of a series, with so many a second lately."""
    p50, p95, p99 = series.latency.quantiles(_FRACTIONS)
    handler_p50, handler_p95 = series.handler.quantiles(_FRACTIONS[:2])
    queue_p50, queue_p95 = series.queue.quantiles(_FRACTIONS[:2])
    return Row(
        service=service,
        action=action,
        count=series.count,
        rate=rate,
        errors=series.errors,
        timeouts=series.timeouts,
        unknown=series.unknown,
        in_flight=max(0, series.in_flight),
        p50=p50,
        p95=p95,
        p99=p99,
        largest=series.latency.largest if series.latency.count else None,
        handler_p50=handler_p50,
        handler_p95=handler_p95,
        queue_p50=queue_p50,
        queue_p95=queue_p95,
        beyond=beyond,
    )
