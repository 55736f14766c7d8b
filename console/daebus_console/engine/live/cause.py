"""Why the server closed the tap's connection, as far as it tells: nothing of that comes over the connection itself.

What it counts is read at each connecting and compared with the time before. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LIMIT = "client-output-buffer-limit"
_QUESTIONS = (("INFO", "server"), ("INFO", "stats"), ("CONFIG", "GET", LIMIT))
_DISCONNECTED = "client_output_buffer_limit_disconnections"
"""Redis counts those it cut off by this name from 7.2 on."""
_EVICTED = "evicted_clients"
_WHAT_TO_DO = (
    f"`CONFIG SET {LIMIT} 'pubsub 64mb 16mb 60'` lets more wait, --channels takes in less,"
    " and a message that is larger than the limit reaches nobody"
)


@dataclass
class Facts:
    """What a server said of itself; None where it did not, or we may not ask."""

    run_id: str | None = None
    disconnected: int | None = None
    evicted: int | None = None
    limit: str | None = None

    @property
    def limit_in_words(self) -> str:
        """The limit for subscribers, as a person reads it."""
        try:
            hard, soft, seconds = (int(number) for number in (self.limit or "").split())
        except ValueError:
            return f"{LIMIT} pubsub (by default 32 MB, or 8 MB for 60 s)"
        for_a_while = f", or {_bytes(soft)} for {seconds} s" if soft else ""
        return f"{LIMIT} pubsub ({_bytes(hard) if hard else 'no limit at once'}{for_a_while})"


class Witness:
    """What was known of the server at the connecting before, and is now."""

    def __init__(self) -> None:
        self.before = Facts()
        self.now = Facts()

    def questions(self) -> list[tuple[tuple[str, ...], Callable[[Any], None]]]:
        """What to ask at a new connecting, each with what takes the reply; what was known until now is then before."""
        self.before, self.now = self.now, Facts()
        takers = (self._take_info, self._take_info, self._take_limit)
        return list(zip(_QUESTIONS, takers, strict=True))

    def _take_info(self, reply: Any) -> None:
        if not isinstance(reply, bytes):
            return
        told = dict(line.split(":", 1) for line in reply.decode("utf-8", "replace").splitlines() if ":" in line)
        facts = self.now
        facts.run_id = told.get("run_id", facts.run_id)
        facts.disconnected = _number(told.get(_DISCONNECTED), facts.disconnected)
        facts.evicted = _number(told.get(_EVICTED), facts.evicted)

    def _take_limit(self, reply: Any) -> None:
        if isinstance(reply, list) and len(reply) == 2 and isinstance(reply[1], bytes):
            words = reply[1].decode("utf-8", "replace").split()
            # Four words for each class of clients.
            for at in range(0, len(words) - 3, 4):
                if words[at] == "pubsub":
                    self.now.limit = " ".join(words[at + 1 : at + 4])

    def cause(self, *, closed: bool, cut: bool, refused: bool) -> str | None:
        """Why the connection before was lost; None where there is nothing to add.

        `closed` tells that the server closed it, `cut` that it did so in the middle of a message, `refused` that the
        user has fewer rights now.
        """
        before, now = self.before, self.now
        if before.run_id is not None and now.run_id is not None and before.run_id != now.run_id:
            return "the server was started anew"
        if not closed:
            return None
        if refused:
            return "this user's rights were taken away"
        if _more(before.disconnected, now.disconnected):
            return f"more was waiting for this console than {now.limit_in_words} allows: {_WHAT_TO_DO}"
        if _more(before.evicted, now.evicted):
            return "it was evicted, since all clients together took more than maxmemory-clients"
        if cut:
            return (
                "in the middle of a message, so most likely more was waiting than"
                f" {now.limit_in_words} allows: {_WHAT_TO_DO}"
            )
        if now.disconnected is not None:
            return "not for falling behind; perhaps by CLIENT KILL, or a proxy in between"
        return (
            f"perhaps by CLIENT KILL; or a message was too large, or this console too slow, for {now.limit_in_words}:"
            f" {_WHAT_TO_DO}"
        )


def _number(text: str | None, otherwise: int | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else otherwise


def _more(before: int | None, now: int | None) -> bool:
    return before is not None and now is not None and now > before


def _bytes(count: int) -> str:
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if count >= unit:
            return f"{count / unit:g} {name}" if count % unit == 0 else f"{count / unit:.1f} {name}"
    return f"{count} bytes"
