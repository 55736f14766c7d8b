"""Whether a service may be debugged: its messages held, edited and harmed."""

from __future__ import annotations

import os
from collections.abc import Mapping

from daebus.errors import ConfigurationError
from daebus.wire import checks

VARIABLE = "DAEBUS_DEBUGGER"
_YES, _NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def checked_debugger(debugger: bool | None) -> bool | None:
    """What an app says of it, if it says anything. Raises ConfigurationError: nobody is to allow it by mistake."""
    if debugger is not None and not isinstance(debugger, bool):
        raise ConfigurationError(f"debugger must be True, False or None, not {checks.shown(debugger)}")
    return debugger


def may_be_held(said: bool | None, debug: bool, environ: Mapping[str, str] | None = None) -> bool:
    """Whether it may: as the app says, else as the environment says, else where `debug` is on."""
    if said is not None:
        return said
    text = (os.environ if environ is None else environ).get(VARIABLE, "").strip().lower()
    if text not in _YES + _NO:
        raise ConfigurationError(f"{VARIABLE} must be 1 or 0, not {checks.shown(text)}")
    # An empty one is none, as an unset variable is.
    return text in _YES if text else bool(debug)
