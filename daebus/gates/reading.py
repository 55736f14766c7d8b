"""Rules and releases out of JSON that anybody may have sent. Pure; raises BadRule, which names what is wrong."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from daebus.errors import DaebusError, PayloadError
from daebus.wire import checks
from daebus.wire.writing import encode

from .rule import ANSWER, DEEDS, DELAY, EVENT, FAIL, FAILED, HOLD, PLACES, REPLY, Deed, Rule
from .where import OPS, Condition

LONGEST_HOLD = 300.0
"""Seconds."""
MOST_RULES = 100
TEXT = 500
"""Characters of a name, a pattern or an id."""
_MOST_CONDITIONS = 50
_MOST_STEPS = 50
_VALUE = 10_000
"""Bytes of the value of a condition."""
_RULES = 200 * 1024
"""Bytes of all rules of an owner: an answer that tells them is to hold them."""
_PAYLOAD = 16 * 1024 * 1024
_COUNT = 1_000_000_000
_USUAL_TIMEOUT = 5.0
"""Seconds that callers of 0.0.31 wait where nothing else is said, and they do not say what is."""
_MATCHING = ("action", "channel", "service", "from", "parent", "message", "where")
_FIELDS = frozenset(
    ("id", "place", *_MATCHING, "final", "once", "times", "skip", "probability", "for", "before_timeout")
)
_ALL_DEEDS = tuple(dict.fromkeys(deed for place in PLACES for deed in sorted(DEEDS[place])))


class BadRule(DaebusError, ValueError):
    """It cannot be a rule; the text says why."""


def read_rules(given: object) -> list[Rule]:
    """A list of rules."""
    if not isinstance(given, list):
        raise BadRule(f"`rules` must be a list, not {checks.shown(given)}")
    if len(given) > MOST_RULES:
        raise BadRule(f"`rules` has {len(given)} rules; at most {MOST_RULES} are kept")
    read_size(given, "rules", _RULES)
    rules = [read_rule(each, number) for number, each in enumerate(given)]
    ids = [rule.id for rule in rules]
    twice = next((id for number, id in enumerate(ids) if id in ids[:number]), None)
    if twice is not None:
        raise BadRule(f"two rules have the id {checks.shown(twice)}")
    return rules


def read_rule(given: object, number: int = 0) -> Rule:
    """A rule. One without an `id` has its number in its list as one."""
    if not isinstance(given, dict):
        raise BadRule(f"a rule must be an object, not {checks.shown(given)}")
    id = _text(given, "id") or str(number + 1)
    try:
        return _rule(id, given)
    except BadRule as error:
        raise BadRule(f"rule {checks.shown(id)}: {error}") from None


def _rule(id: str, given: dict[str, Any]) -> Rule:
    place = given.get("place")
    if not isinstance(place, str) or place not in PLACES:
        raise BadRule(f"`place` must be one of {', '.join(PLACES)}, not {checks.shown(place)}")
    unknown = next((key for key in given if key not in _FIELDS and key not in _ALL_DEEDS), None)
    if unknown is not None:
        known = ", ".join(sorted(_FIELDS.union(_ALL_DEEDS)))
        raise BadRule(f"unknown field {checks.shown(unknown)}; there are: {known}")
    name = "channel" if place == EVENT else "action"
    other = "action" if place == EVENT else "channel"
    if other in given:
        raise BadRule(f"`{other}` says nothing at the place {place!r}; give `{name}`")
    if place == EVENT and given.get("from") is not None:
        raise BadRule(f"`from` says nothing at the place {place!r}: a broadcast does not say who sent it")
    return Rule(
        id,
        place,
        _deed(given, place),
        name=_text(given, name),
        sender=_text(given, "from"),
        to=_text(given, "service"),
        parent=_text(given, "parent"),
        message=_text(given, "message"),
        final=_final(given, place),
        where=_conditions(given.get("where")),
        times=_times(given),
        skip=_skip(given.get("skip")),
        probability=_number(given, "probability", 1.0, 0.0, 1.0),
        before_timeout=_before_timeout(given.get("before_timeout")),
        source=given,
    )


def _deed(given: dict[str, Any], place: str) -> Deed:
    kinds = [kind for kind in _ALL_DEEDS if given.get(kind) is not None and given[kind] is not False]
    able = ", ".join(kind for kind in _ALL_DEEDS if kind in DEEDS[place])
    if len(kinds) != 1:
        had = " and ".join(kinds) or "nothing"
        raise BadRule(f"a rule does one thing, this one {had}; at the place {place!r} it is one of: {able}")
    kind, value = kinds[0], given[kinds[0]]
    if kind not in DEEDS[place]:
        raise BadRule(f"`{kind}` cannot be done at the place {place!r}; there it is one of: {able}")
    if kind == HOLD:
        return Deed(kind, _number(given, "for", LONGEST_HOLD, 0.0, LONGEST_HOLD))
    if "for" in given:
        raise BadRule("`for` says how long a message is held, and goes with `hold`")
    if kind == DELAY:
        return Deed(kind, _number(given, kind, 0.0, 0.0, LONGEST_HOLD))
    if kind == REPLY:
        return Deed(kind, payload=read_payload(value, "answer"))
    if kind == FAIL:
        code, error = read_failure(value)
        return Deed(kind, code=code, error=error)
    return Deed(kind)


def read_failure(value: object) -> tuple[str | None, str]:
    """The `code` and the text of an error: out of an object with `code` and `error`, or a text; true is any error."""
    if value is True or value is None:
        value = {}
    if isinstance(value, str):
        value = {"error": value}
    if not isinstance(value, dict):
        raise BadRule(f"`fail` must have a `code` and an `error`, not be {checks.shown(value)}")
    unknown = next((key for key in value if key not in ("code", "error")), None)
    if unknown is not None:
        raise BadRule(f"`fail` has the unknown field {checks.shown(unknown)}; there are `code` and `error`")
    error = value.get("error", FAILED)
    if not isinstance(error, str) or len(error) > _VALUE:
        raise BadRule(f"`error` must be a text of at most {_VALUE} characters, not {checks.shown(error)}")
    return _text(value, "code"), error


def read_payload(value: object, what: str) -> dict[str, Any]:
    """A payload: an object that can be written, and is not too large."""
    if not isinstance(value, dict):
        raise BadRule(f"`{what}` must be a payload (an object), not {checks.shown(value)}")
    read_size(value, what, _PAYLOAD)
    return value


def read_size(value: object, what: str, most: int) -> None:
    """Raise BadRule for what cannot be written, or takes more bytes."""
    try:
        size = len(encode(value, what))
    except PayloadError as error:
        raise BadRule(f"`{what}`: {error}") from None
    if size > most:
        raise BadRule(f"`{what}` is too large: {size:,} bytes, and at most {most:,} are taken")


def _conditions(given: object) -> list[Condition]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > _MOST_CONDITIONS:
        raise BadRule(
            f"`where` must be a list of at most {_MOST_CONDITIONS} [path, op, value], not {checks.shown(given)}"
        )
    return [_condition(each) for each in given]


def _condition(given: object) -> Condition:
    if not isinstance(given, list) or len(given) not in (2, 3) or (len(given) == 2 and given[1] != "exists"):
        raise BadRule(f"`where` has {checks.shown(given)}, which is no [path, op, value]")
    path, op, value = given[0], given[1], given[2] if len(given) == 3 else True
    steps = path.split(".") if isinstance(path, str) and path else path
    if (
        not isinstance(steps, list)
        or not 0 < len(steps) <= _MOST_STEPS
        or not all(isinstance(step, str) and len(step) <= TEXT for step in steps)
    ):
        raise BadRule(f"`where`: a path is names with dots between them, or a list of names, not {checks.shown(path)}")
    if not isinstance(op, str) or op not in OPS:
        raise BadRule(f"`where`: {checks.shown(op)} is none of {', '.join(OPS)}")
    if op == "~" and not (isinstance(value, str) and len(value) <= TEXT):
        raise BadRule(f"`where`: a pattern must be a text of at most {TEXT} characters, not {checks.shown(value)}")
    if op in ("<", ">") and (isinstance(value, bool) or not isinstance(value, str | int | float)):
        raise BadRule(f"`where`: {op} needs a number or a text, not {checks.shown(value)}")
    if op == "exists" and not isinstance(value, bool):
        raise BadRule(f"`where`: exists is true or false, not {checks.shown(value)}")
    read_size(value, "where", _VALUE)
    return Condition(tuple(steps), op, value)


def _before_timeout(value: object) -> float | None:
    if value is None or value is False:
        return None
    if value is True:
        return _USUAL_TIMEOUT
    return _between(value, "before_timeout", 0.0, math.inf)


def _final(given: Mapping[str, Any], place: str) -> bool | None:
    if given.get("final") is None:
        return None
    if place != ANSWER:
        raise BadRule(f"`final` tells answers from parts of one, and says nothing at the place {place!r}")
    return _flag(given, "final")


def _times(given: Mapping[str, Any]) -> int | None:
    value = given.get("times")
    if _flag(given, "once"):
        if value is not None:
            raise BadRule("`once` is `times` 1: give one of them")
        return 1
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _COUNT):
        raise BadRule(f"`times` must be a whole number of at least 1, not {checks.shown(value)}")
    return value


def _skip(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _COUNT:
        raise BadRule(f"`skip` must be a whole number of at least 0, not {checks.shown(value)}")
    return value


def _flag(given: Mapping[str, Any], field: str) -> bool:
    value = given.get(field, False)
    if not isinstance(value, bool):
        raise BadRule(f"`{field}` must be true or false, not {checks.shown(value)}")
    return value


def _number(given: Mapping[str, Any], field: str, usual: float, least: float, most: float) -> float:
    value = given.get(field)
    return usual if value is None else _between(value, field, least, most)


def _between(value: object, field: str, least: float, most: float) -> float:
    wanted = f"from {least:g} to {most:g}" if most < math.inf else f"of at least {least:g}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRule(f"`{field}` must be a number {wanted}, not {checks.shown(value)}")
    return float(min(value, 1e9))


def _text(given: Mapping[str, Any], field: str) -> str | None:
    value = given.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or not value or len(value) > TEXT:
        raise BadRule(f"`{field}` must be a text of at most {TEXT} characters, not {checks.shown(value)}")
    return value


def read_choice(value: object, field: str, among: Collection[str]) -> str:
    """One of several words."""
    if not isinstance(value, str) or value not in among:
        raise BadRule(f"`{field}` must be one of {', '.join(among)}, not {checks.shown(value)}")
    return value
