"""What several nodes say of their subscribers, put together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daebus.wire.resp import ErrorReply


def together(replies: Sequence[Any]) -> Any:
    """Numbers added up, lists of names each once, and lists of names with numbers by name; an error where one is."""
    for reply in replies:
        if isinstance(reply, ErrorReply):
            return reply
    if all(isinstance(reply, int) for reply in replies):
        return sum(replies)
    if any(isinstance(reply, list) and any(isinstance(part, int) for part in reply) for reply in replies):
        counts: dict[bytes, int] = {}
        for reply in replies:
            for name, count in zip(reply[::2], reply[1::2], strict=True):
                counts[name] = counts.get(name, 0) + int(count)
        return [part for pair in counts.items() for part in pair]
    return list(dict.fromkeys(name for reply in replies for name in reply))
