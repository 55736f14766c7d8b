"""Faults kept in a file, so that a team has its storms ready: TOML, one `[[fault]]` each. Pure.

[[fault]]
service = "payment"
action = "charge"
do = "delay"
seconds = 2.0
probability = 0.1
lasts = "5m"                        # taken away after that time
where = ["payload.amount>100"]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from daebus_console.engine import jsontext
from daebus_console.engine.hiding.redact import MASK
from daebus_console.engine.holding.condition import Condition, ConditionError, read_condition
from daebus_console.engine.holding.rule import DEEDS, PLACES, Rule, RuleError
from daebus_console.text import toml_text

_HEAD = "# Faults of daebus-console: `fault load` sets them, `off` takes them away.\n"
_TEXTS = {"action": "action", "channel": "channel", "from": "sender", "code": "code", "error": "error"}
_NUMBERS = {"seconds": "seconds", "probability": "probability"}
_COUNTS = ("times", "skip")
_FLAGS = ("once", "before_timeout")
_NAMES = {"service", "place", "do", "where", "lasts", "hold", "payload", *_TEXTS, *_NUMBERS, *_COUNTS, *_FLAGS}
MOST = 500
_PUT_IN = f"{MASK} hides a value: write the value itself"
_DURATION = re.compile(r"(\d+(?:\.\d*)?)\s*(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


class StormError(ValueError):
    """The text is no file of faults; what it says names the fault by its place in the file."""


class Fault(NamedTuple):
    """One fault of a file: on which service, the rule without an id, and after how many seconds it is taken away."""

    service: str
    rule: Rule
    lasts: float | None = None


def read_storm(text: str) -> list[Fault]:
    """The faults that a text says. Raises StormError; either all of them are good, or none counts."""
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise StormError(f"this is no TOML: {error}") from None
    except ValueError:
        raise StormError("a number in it has too many digits") from None
    faults = found.get("fault")
    if set(found) != {"fault"} or not isinstance(faults, list) or not faults:
        raise StormError("expected [[fault]] tables, at least one, and nothing else")
    if len(faults) > MOST:
        raise StormError(f"{len(faults):,} faults are too many: {MOST} at most")
    return [_fault(told, f"fault {place}") for place, told in enumerate(faults, 1)]


def _fault(told: Any, where: str) -> Fault:
    if not isinstance(told, Mapping):
        raise StormError(f"{where}: expected a table")
    odd = sorted(set(told) - _NAMES)
    if odd:
        raise StormError(f"{where}: there is no `{odd[0]}`; there are {', '.join(sorted(_NAMES))}")
    service = told.get("service")
    if not isinstance(service, str) or not service:
        raise StormError(f"{where}: `service` names the service, as a text")
    place, do = told.get("place", "request"), told.get("do")
    if do not in DEEDS or place not in PLACES:
        raise StormError(f"{where}: `do` is one of {', '.join(DEEDS)}, `place` one of {', '.join(PLACES)}")
    fields: dict[str, Any] = {"place": place, "do": do, "where": _conditions(told.get("where", []), where)}
    for names, kind, what in ((_TEXTS, str, "a text"), (_NUMBERS, int | float, "a number")):
        fields |= {ours: _typed(told, name, kind, what, where) for name, ours in names.items() if name in told}
    fields |= {name: _typed(told, name, bool, "true or false", where) for name in _FLAGS if name in told}
    counts = (name for name in _COUNTS if name in told)
    fields |= {name: _typed(told, name, int, "a whole number", where) for name in counts}
    if "payload" in told:
        fields["payload"] = _typed(told, "payload", dict, "a table", where)
        if _hides(told["payload"]):
            raise StormError(f"{where}: `payload`: {_PUT_IN}")
    if "hold" in told:
        fields["lasts"] = _duration(told["hold"], f"{where}: `hold`")
    lasts = _duration(told["lasts"], f"{where}: `lasts`") if "lasts" in told else None
    try:
        return Fault(service, Rule("", **fields).checked(), lasts)
    except RuleError as error:
        raise StormError(f"{where}: {error}") from None


def _typed(told: Mapping[str, Any], name: str, kind: Any, what: str, where: str) -> Any:
    value = told[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise StormError(f"{where}: `{name}` is {what}")
    return value


def _conditions(told: Any, where: str) -> tuple[Condition, ...]:
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise StormError(f"{where}: `where` is a list of texts, such as payload.id=17")
    try:
        found = tuple(read_condition(one) for one in told)
    except ConditionError as error:
        raise StormError(f"{where}: `where`: {error}") from None
    hiding = next((one for one in found if _hides(one.value)), None)
    if hiding is not None:
        # As it stands it would be met by others than were meant: with != or ~ by nearly all.
        raise StormError(f"{where}: `where`: {hiding}: {_PUT_IN}")
    return found


def _hides(value: Any) -> bool:
    """Whether what was redacted when it was written is still to be put in."""
    if isinstance(value, Mapping):
        return any(map(_hides, value.values()))
    return any(map(_hides, value)) if isinstance(value, list) else value == MASK


def _duration(told: Any, what: str) -> float:
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 < told < 1e9:
        return float(told)
    found = _DURATION.fullmatch(told) if isinstance(told, str) else None
    if found is None or not float(found[1]):
        raise StormError(f"{what} is a time, such as 5, 200ms or 2m")
    return float(found[1]) * _SECONDS[found[2]]


def storm_text(faults: Iterable[Fault]) -> str:
    """The text of a file with those faults; `read_storm` gives them back."""
    parts = [_HEAD]
    for service, rule, lasts in faults:
        lines = ["[[fault]]", f"service = {_written(service)}", f"do = {_written(rule.do)}"]
        if rule.place != "request":
            lines.append(f"place = {_written(rule.place)}")
        for name, ours in {**_TEXTS, **_NUMBERS}.items():
            value = getattr(rule, ours)
            if value is not None and not (name == "probability" and value == 1):
                lines.append(f"{name} = {_written(value)}")
        if rule.where:
            lines.append(f"where = [{', '.join(_written(str(one)) for one in rule.where)}]")
        lines += [f"{name} = true" for name in _FLAGS if getattr(rule, name)]
        lines += [f"{name} = {getattr(rule, name)}" for name in _COUNTS if getattr(rule, name)]
        if rule.lasts is not None:
            lines.append(f"hold = {_written(rule.lasts)}")
        if lasts is not None:
            lines.append(f"lasts = {_written(lasts)}")
        if rule.payload is not None:
            lines.append(f"payload = {_written(rule.payload)}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _written(value: Any) -> str:
    """A value as TOML has it. Raises StormError for null, which TOML does not know."""
    if value is None:
        raise StormError("a payload with null cannot be kept in a file: TOML does not know it")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, jsontext.Number):
        return repr(float(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_written(str(name))} = {_written(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    return repr(value)
