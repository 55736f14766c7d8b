"""What was let go, in its order: so that it can be done again. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daebus_console.engine.holding.report import Hold

MOST = 1_000


@dataclass(frozen=True)
class Done:
    """One message that was let go: what was held, what it carried, and the fields of the release."""

    hold: Hold
    payload: Any
    how: Mapping[str, Any]


Log = deque[Done]


def new_log() -> Log:
    """An empty one, which forgets the oldest when it is full."""
    return deque(maxlen=MOST)
