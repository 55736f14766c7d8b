"""What is read at one node of a cluster where each channel belongs to the owner of its slot; see `Subscriptions`. Pure.

Each channel is subscribed to together with its companion, which tells whoever counts that somebody only watches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import hiredis

from daebus.transport.shards.owner import NEEDS
from daebus.wire.sharded import ELSEWHERE
from daebus_console import naming
from daebus_console.engine.live.rights import is_missing_right
from daebus_console.engine.live.shards.found import companion, is_ours
from daebus_console.engine.live.subscriptions import Refused, Subscriptions, Taker

SSUBSCRIBE, SUNSUBSCRIBE = "SSUBSCRIBE", "SUNSUBSCRIBE"
_KINDS = {b"ssubscribe": SSUBSCRIBE, b"sunsubscribe": SUNSUBSCRIBE}


class ShardSubscriptions(Subscriptions):
    """`confirmed(channel)` is called for each that is read from now on, or that the server forbids, and `left(channel,
    reason)` for each that is read no longer, since it is another node that has it."""

    subscribing, unsubscribing = SSUBSCRIBE, SUNSUBSCRIBE

    def __init__(
        self, user: str, *, confirmed: Callable[[str], None], left: Callable[[str, str], None]
    ) -> None:  # fmt: skip
        super().__init__((), user)
        self._confirmed, self._left = confirmed, left
        self.paired = False
        """Whether a channel was granted along with its companion."""

    def begin(self, questions: Iterable[tuple[Sequence[str], Taker]] = ()) -> bytes:
        """See `Subscriptions`; all channels are asked for at once."""
        self.paired = False
        return super().begin(questions) + self.orders(float("-inf"))

    def _order(self, command: str, channel: str) -> bytes:
        with_it = [] if is_ours(channel) else [companion(channel)]
        packed = self.ask(command, channel, *with_it)
        self._asked[-1] = (command, channel, None)
        return packed

    def take(self, reply: Any, at: float, now: float) -> None:
        """See `Subscriptions`: of the two confirmations of a command the last one counts.

        A server also ends subscriptions that nobody asked it to end, when their slot moves.
        """
        kind = _KINDS.get(reply[0]) if reply.__class__ is list and len(reply) == 3 else None
        if kind is None:
            if not self._is_elsewhere(reply):
                super().take(reply, at, now)
            return
        name = naming.from_bytes(reply[1])
        asked, channel, _then = self._asked[0] if self._asked else ("", "", None)
        if kind != asked or name not in (channel, companion(channel)):
            if kind == SUNSUBSCRIBE and self.named.pop(name, None) is not None and name in self._wanted:
                self._left(name, f"the slot of {naming.quoted(name)} moves to another node")
            return
        if name == (channel if is_ours(channel) else companion(channel)):
            self.paired = self.paired or (kind == SSUBSCRIBE and name != channel)
            super().take(reply, at, now)
            if kind == SSUBSCRIBE:
                self._confirmed(channel)

    def _is_elsewhere(self, reply: Any) -> bool:
        """Whether a reply says that a channel is to be asked for at another node; then that has been passed on."""
        if not isinstance(reply, hiredis.ReplyError) or not self._asked:
            return False
        command, channel, _then = self._asked[0]
        text = str(reply)
        if command not in (SSUBSCRIBE, SUNSUBSCRIBE) or text.partition(" ")[0] not in ELSEWHERE:
            return False
        self._asked.popleft()
        if command == SSUBSCRIBE and channel in self._wanted:
            self._left(channel, text)
        return True

    def _refused(self, channel: str, refusal: str, now: float) -> None:
        if "unknown command" in refusal.lower():
            raise Refused(f"{refusal}: {NEEDS}")
        super()._refused(channel, refusal, now)
        if is_missing_right(refusal):
            self._confirmed(channel)
