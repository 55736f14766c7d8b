"""Saying what was cut off, since the time was over in which a service had to stop: in one line, however much it is."""

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
