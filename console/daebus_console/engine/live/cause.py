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
_ANEW = "the server was started anew"
_WHAT_TO_DO = (
    f"`CONFIG SET {LIMIT} 'pubsub 64mb 16mb 60'` lets more wait, --channels takes in less,"
    " and a message that is larger than the limit reaches nobody"
)


@dataclass
class Facts:
    """What a server said of itself; None where it did not, or we may not ask.

    `place` is where it listens (HOST:PORT), where it is one of several; `at` is when it was asked (monotonic seconds),
    and `up` how many seconds it had run then.
    """

    run_id: str | None = None
    disconnected: int | None = None
    evicted: int | None = None
    limit: str | None = None
    place: str | None = None
    up: int | None = None
    at: float = 0.0

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
    """What was known of the server that was read from before, and is of that which is now."""

    def __init__(self) -> None:
        self.before = Facts()
        self.now = Facts()

    def questions(self, place: str | None, at: float) -> list[tuple[tuple[str, ...], Callable[[Any], None]]]:
        """What to ask of a server just connected to, each with what takes the reply; see `Facts`."""
        self.now = Facts(place=place, at=at)
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
        facts.up = _number(told.get("uptime_in_seconds"), facts.up)

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
        user has fewer rights now. To be asked once for each connection that is read from.
        """
        before, now = self.before, self.now
        self.before = now
        other = _other_server(before, now)
        if other is not None:
            # Nobody there knows why the one before closed the connection.
            return f"not known; {other}" if closed and other != _ANEW else other
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
            "perhaps by CLIENT KILL, or a proxy in between; or a message was too large, or this console too slow,"
            f" for {now.limit_in_words}: {_WHAT_TO_DO}"
        )


def _other_server(before: Facts, now: Facts) -> str | None:
    """In which way it is not the server of before; None where it may be the same."""
    known = before.run_id is not None and now.run_id is not None
    if known and before.run_id == now.run_id:
        # By whatever name it goes now.
        return None
    if before.place is not None and now.place is not None and before.place != now.place:
        return f"another server now: {now.place}"
    if not known:
        return None
    ran_before = now.up is not None and now.up > now.at - before.at + 1
    return "another server answers at this address now" if ran_before else _ANEW


def _number(text: str | None, otherwise: int | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else otherwise


def _more(before: int | None, now: int | None) -> bool:
    return before is not None and now is not None and now > before


def _bytes(count: int) -> str:
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if count >= unit:
            return f"{count / unit:g} {name}" if count % unit == 0 else f"{count / unit:.1f} {name}"
    return f"{count} bytes"
