"""Why a service cannot be debugged, or would not do what was asked. The texts are for the user."""

from __future__ import annotations

from collections.abc import Iterable

from daebus.errors import DaebusError
from daebus_console.engine.keeping.asking import Answer
from daebus_console.naming import quoted

SWITCH = "Daebus(debugger=True), or DAEBUS_DEBUGGER=1 in its environment"


class Refused(DaebusError):
    """A service does not let itself be debugged, or not in this way."""


class GoneOn(DaebusError):
    """What was to be let go is not held any more: it has gone on, or somebody else was faster."""


def refusal(service: str, answers: Iterable[Answer]) -> Refused | None:
    """What the answers have against it; None where one instance at least has done it."""
    found = list(answers)
    if not found:
        return Refused(f"no instance of {quoted(service)} answered in time; nothing is known to have been set")
    if any(one.ok for one in found):
        return None
    code = found[0].code
    if code == "forbidden":
        return Refused(f"{quoted(service)} may not be debugged (forbidden): start it with {SWITCH}")
    if code == "unknown_action":
        return Refused(f"{quoted(service)} cannot be debugged: its version of daebus knows no such thing")
    return Refused(f"{quoted(service)} refused it: {found[0].error or code}")
