"""How long a wait may be."""

from __future__ import annotations

import threading


def bounded(seconds: float) -> float:
    """The seconds as locks, conditions and events take them: not below zero, and no more than they can count."""
    return min(max(0.0, seconds), threading.TIMEOUT_MAX)
