"""What may be asked for, out of the payloads of control requests. Raises BadAsk, which names the field."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from daebus.recorder.records import KINDS
from daebus.wire import checks
from daebus.wire.envelope import RequestId

from .channel import BadAsk


def whole(payload: Mapping[str, Any], field: str, least: int) -> int | None:
    """A whole number of at least so much; None where there is none."""
    value = payload.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadAsk(f"`{field}` must be a whole number of at least {least}, not {checks.shown(value)}")
    return value


def seconds(payload: Mapping[str, Any], field: str) -> float:
    """A number of seconds above 0."""
    value = payload.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise BadAsk(f"`{field}` must be a number of seconds above 0, not {checks.shown(value)}")
    return value


def kinds(payload: Mapping[str, Any]) -> Collection[str] | None:
    """Which kinds of records; None for all."""
    value = payload.get("kinds")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(kind, str) for kind in value):
        raise BadAsk(f"`kinds` must be a list of {', '.join(KINDS)}, not {checks.shown(value)}")
    unknown = next((kind for kind in value if kind not in KINDS), None)
    if unknown is not None:
        raise BadAsk(f"`kinds` has {checks.shown(unknown)}; there are: {', '.join(KINDS)}")
    return frozenset(value)


def message_id(payload: Mapping[str, Any]) -> RequestId:
    """The id of a message or a run."""
    value = payload.get("id")
    if value is not None and not isinstance(value, str | int | float):
        raise BadAsk(f"`id` must be the id of a message, not {checks.shown(value)}")
    return value
