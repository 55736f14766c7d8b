"""What a step is: rules for one message each, that hold whatever comes next. Pure.

Who steps sets them at every service that can be debugged, since the next message may arrive in any of them.
"""

from __future__ import annotations

from typing import Any

from .rule import ANSWER, CALL, REQUEST, Met

STEP = "step:"
"""What the ids of the rules of a step begin with."""
INTO, OVER, OUT, RUN = STEPS = ("into", "over", "out", "run")


def step_rules(met: Met, step: str) -> list[dict[str, Any]]:
    """The rules of a step from where a message is held; none where there is nowhere to go.

    `into` is the next message that is sent for this one, else its answer; `over` its answer; `out` that of its parent.
    From an answer all go on in the parent: to the next message that is sent for it, or its answer. A part of an answer
    is on the way to it, as its request is: parts are stepped over.
    """
    id, parent = (each if isinstance(each, str) else None for each in (met.id, met.parent))
    if step == RUN:
        return []
    part = met.place == ANSWER and met.final is False
    if (met.place == ANSWER and not part) or step == OUT:
        into = [] if step == OUT else [_hold(REQUEST, "parent", parent)]
        return [*into, _hold(ANSWER, "message", parent)] if parent else []
    if not id:
        return []
    if met.place == CALL and step == INTO:
        return [_hold(REQUEST, "message", id), _hold(ANSWER, "message", id)]
    if (part or met.place == REQUEST) and step == INTO:
        return [_hold(REQUEST, "parent", id), _hold(ANSWER, "message", id)]
    return [_hold(ANSWER, "message", id)] if part or met.place in (CALL, REQUEST) else []


def _hold(place: str, key: str, id: str | None) -> dict[str, Any]:
    rule = {"id": f"{STEP}{place}:{key}:{id}"[:500], "place": place, key: id, "hold": True, "once": True}
    return {**rule, "final": True} if place == ANSWER else rule
