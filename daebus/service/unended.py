"""Saying what had to end or had no turn, since a service stopped: in one line each, however much it is."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

log = logging.getLogger("daebus")

MOST = 10
"""Kinds of what is named, at most."""


def say_unended(name: str, about: Mapping[str, str], unended: Iterable[str]) -> None:
    """Log what had not ended when the service had to stop, by what each is called in texts; nothing where all had."""
    counted = Counter(unended)
    if not counted:
        return
    named = [what if count == 1 else f"{what} ({count} times)" for what, count in counted.most_common(MOST)]
    if len(counted) > MOST:
        named.append(f"and {len(counted) - MOST} more")
    log.warning("%s: had to stop before these had ended: %s", name, ", ".join(named), extra=about)


def say_dropped(name: str, about: Mapping[str, str], count: int) -> None:
    """Log how many messages were left that need no answer; nothing where that is none."""
    if count:
        line = "%s: stopped before %d %s that nobody waits for had their turn"
        log.warning(line, name, count, "message" if count == 1 else "messages", extra=about)
