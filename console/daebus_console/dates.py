"""Local dates and offsets of times: when a list is to say them, and how; and durations in sentences. Pure but for the
zone of the machine.
"""

from __future__ import annotations

import time
from functools import lru_cache


@lru_cache(maxsize=4096)
def _local(minute: int) -> tuple[str, str, str]:
    """The date, the offset and the zone's name; no zone changes but at whole minutes."""
    local = time.localtime(minute * 60)
    sign = "-" if local.tm_gmtoff < 0 else "+"
    minutes = abs(local.tm_gmtoff) // 60
    return time.strftime("%Y-%m-%d", local), f"{sign}{minutes // 60:02d}:{minutes % 60:02d}", local.tm_zone


def date(at: float) -> str:
    """`2026-10-25`."""
    return _local(int(at // 60))[0]


def offset(at: float) -> str:
    """The offset from UTC: `+02:00`."""
    return _local(int(at // 60))[1]


def zone(at: float) -> str:
    """What the zone is called, where that says more than its offset: `CEST`, else the empty text."""
    name = _local(int(at // 60))[2]
    return name if name.isascii() and name.isalpha() else ""


def seconds(value: float) -> str:
    """So many seconds in three figures, for a sentence: `193 µs`, `12.3 ms`, `4.5 s`, `1,200 s`."""
    if value >= 999.5:
        return f"{value:,.0f} s"
    if 0 < value < 0.0009995:
        return f"{value * 1e6:.3g} µs"
    return f"{value:.3g} s" if value >= 0.9995 else f"{value * 1000:.3g} ms"


def change(before: float, at: float) -> str:
    """What a list must say between two times: `date`, `offset` or nothing."""
    if before // 60 == at // 60:
        return ""
    one, other = _local(int(before // 60)), _local(int(at // 60))
    return "" if one[:2] == other[:2] else "date" if one[0] != other[0] else "offset"


def clock(at: float) -> str:
    """The time of day, to the second: `14:03:59`."""
    return time.strftime("%H:%M:%S", time.localtime(at))
