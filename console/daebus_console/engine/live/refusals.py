"""What the server refuses of that which discovery asks, and which services could not be asked therefore. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from daebus.wire.resp import ErrorReply
from daebus_console.engine.live.rights import Refusal, is_missing_right, missing_rules

REFUSED_FOR = 4.0
"""Seconds after which a command that a right is missing for is tried again: each refusal is a line in the ACL LOG."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, each on one line: the `problem` is why nothing can be listed, `lacks` what else is refused.

    `unasked` are the services that could not be asked what they are, which is one of the two. `unlisted` is why there
    may be more than is listed, since a node of a cluster does not tell.
    """

    problem: str | None = None
    lacks: str | None = None
    unasked: frozenset[str] = frozenset()
    unlisted: str | None = None


class Refusals:
    """Those of `user`; `listing` is the command without which nothing can be listed. Times are monotonic seconds."""

    def __init__(self, user: str, listing: str) -> None:
        self._user, self._listing = user, listing
        self._found: dict[str, Refusal] = {}
        self._until: dict[str, tuple[float, ErrorReply]] = {}
        self.unasked: set[str] = set()
        self._asked: set[str] = set()
        """Services whose last question was not refused."""

    def again(self) -> None:
        """All may be tried again: the connection is another one."""
        self._until.clear()

    def kept(self, command: str, now: float) -> ErrorReply | None:
        """What was refused a moment ago, and is not to be tried again yet."""
        until, reply = self._until.get(command, (0.0, None))
        return reply if now < until else None

    def note(self, command: str, reply: Any, now: float, names: tuple[str, ...], so: str) -> None:
        """What the server replied to a command; see `Refusal`."""
        if isinstance(reply, ErrorReply):
            self._found[command] = Refusal(str(reply), command, names, so)
            if is_missing_right(str(reply)):
                self._until[command] = now + REFUSED_FOR, reply
        else:
            self._found.pop(command, None)
            self._until.pop(command, None)

    def asked(self, service: str, reply: Any) -> None:
        """What the server replied to a question to a service."""
        refused = isinstance(reply, ErrorReply)
        (self.unasked if refused else self._asked).add(service)
        (self._asked if refused else self.unasked).discard(service)

    def may_ask(self, service: str) -> bool:
        """Whether it was asked before, though another was refused a moment ago; else it counts as refused, too."""
        if service not in self._asked:
            self.unasked.add(service)
        return service in self._asked

    def forget_but(self, services: Iterable[str]) -> None:
        """Only these are there."""
        if self.unasked or self._asked:
            here = set(services)
            self.unasked &= here
            self._asked &= here

    def has(self, command: str) -> bool:
        """Whether a command is refused."""
        return command in self._found

    @property
    def trouble(self) -> Trouble:
        """What goes wrong now."""
        if not self._found:
            return Trouble()
        told = missing_rules(list(self._found.values()), self._user)
        unasked = frozenset(self.unasked)
        if self.has(self._listing):
            return Trouble(f"cannot list channels: {told}", None, unasked)
        return Trouble(None, told, unasked)
