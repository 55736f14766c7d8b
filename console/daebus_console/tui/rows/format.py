"""Times, durations, sizes and counts as short text. Pure."""

from __future__ import annotations

import time
from functools import lru_cache

from daebus_console import dates
from daebus_console.render import plural as plural


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


def stamp(at: float) -> str:
    """All there is to say of a time: `2026-10-25 02:30:00.123 +02:00 CEST`."""
    return f"{dates.date(at)} {clock(at)} {dates.offset(at)} {dates.zone(at)}".rstrip()


def turned(at: float, what: str, width: int) -> str:
    """The time of a row with which the date or the offset changes (see `dates.change`), in 12 cells or in 8."""
    if what == "date":
        return f"{dates.date(at)[5:]} {_second(int(at))[:5]}" if width >= 12 else dates.date(at)[5:]
    offset = dates.offset(at)
    short = offset.removesuffix(":00")
    if width >= 12:
        return f"{_second(int(at))} {short}" if short != offset else f"{_second(int(at))[:5]} {offset}"
    return f"{_second(int(at))[:5]}{short}" if short != offset else offset


def clock(at: float) -> str:
    """Local time with milliseconds: `12:34:56.789`."""
    second = int(at)
    return f"{_second(second)}.{int((at - second) * 1000):03d}"


def duration(seconds: float) -> str:
    """A span of time in at most six cells: `340µs`, `1.2ms`, `123ms`, `1.23s`, `12.3s`, `2m03s`, `3h05m`.

    Of what took no time at all both ends came at once, which is sooner than the console can tell: `<1ms`.
    """
    if seconds <= 0:
        return "<1ms"
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f}µs"
    if seconds < 0.00995:
        return f"{seconds * 1e3:.1f}ms"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f}ms"
    if seconds < 9.995:
        return f"{seconds:.2f}s"
    if seconds < 99.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 100:
        return f"{hours}h{minutes:02d}m"
    return f"{hours // 24}d"


def size(count: int) -> str:
    """A number of bytes in at most five cells: `225B`, `1.2k`, `12k`, `1.2M`."""
    if count < 1000:
        return f"{count}B"
    value = float(count)
    for unit in "kMGTP":
        value /= 1000
        if value < 9.95:
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
    return f"{value:.0f}P"


def rate(per_second: float) -> str:
    """Events a second: `0/s`, `0.4/s`, `12/s`, `3.4k/s`."""
    if per_second < 9.95:
        return f"{per_second:.1f}/s" if per_second else "0/s"
    if per_second < 999.5:
        return f"{per_second:.0f}/s"
    return f"{size(round(per_second))}/s"


_BLOCKS = " ▏▎▍▌▋▊▉█"


def bar(share: float, width: int) -> str:
    """A horizontal bar that fills `share` (0 to 1) of `width` cells, in eighths of a cell."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_BLOCKS[rest] if rest else "")).ljust(width)[:width]
