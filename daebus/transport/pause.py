"""Whether a Redis that owes a reply lives and only holds back what it is sent (CLIENT PAUSE WRITE, a failover).

On the connection in question everything waits behind the message that is held, so that another one is asked.
"""

from __future__ import annotations

import threading
import time
import uuid

from daebus.errors import RedisUnavailable
from daebus.wire.names import REPLIES
from daebus.wire.resp import pack

from .address import CONNECT_TIMEOUT, RedisAddress
from .sockets.connection import Connection
from .sockets.waiter import Changes
from .threads import begin

HELD_AFTER = 0.5
"""Seconds after which a Redis that lives, and has not answered to a PUBLISH, is held to hold it."""
ANSWERS_WITHIN = 2.5
"""Seconds in which a Redis that lives answers on another connection, and in which it catches up on this one."""
_LOOK_EVERY = 0.01
_LOOK_AFTER = 1.0
"""Seconds after which whoever waits for it looks whether it is being found out at all: an interrupt may have come where
the thread for it was to begin."""


def trial() -> tuple[bytes, bytes]:
    """Two commands: where Redis holds messages, it answers the first and not the second.

    The second publishes nothing, be it held or not: it stands in a transaction that is never executed. A user without
    the right to that has the right to reply channels, and nobody listens on this one.
    """
    return pack(b"MULTI"), pack(b"PUBLISH", f"{REPLIES}{uuid.uuid4().hex}".encode(), b"{}")


def holds_back(address: RedisAddress, name: str) -> bool | None:
    """Whether a Redis holds back what is published, asked over a new connection; None where it does not answer."""
    deadline = time.monotonic() + min(ANSWERS_WITHIN, CONNECT_TIMEOUT)
    begin_trial, publish = trial()
    try:
        link = address.link(name, deadline)
    except RedisUnavailable:
        return None
    try:
        link.ask(begin_trial, deadline)
        link.send(publish, deadline)
        return not link.wait(HELD_AFTER)
    except RedisUnavailable:
        return None
    finally:
        # What is held of a client that has gone is not executed.
        link.close()


class Doubts:
    """Finding out, on a thread of its own, whether the other side of a connection lives that should have moved on.

    Meanwhile the connection is `doubted`; one that does not live fails. Whatever ends that thread, or keeps it from
    beginning, no connection stays doubted.
    """

    def __init__(self, address: RedisAddress, name: str) -> None:
        self._address = address
        self._name = name
        self._found = Changes()
        self._finder: threading.Thread | None = None

    def begin(self, connection: Connection, reason: str) -> None:
        """Doubt a connection, unless that is done already. `reason` is why, for the error."""
        connection.believed_at = time.monotonic()
        if connection.doubted and self._is_at_it():
            return
        thread = threading.Thread(
            target=self._find_out, args=(connection, reason), name="daebus-finding-out", daemon=True
        )
        self._finder = thread
        connection.doubted = True
        try:
            begin(thread)
        except RuntimeError:
            connection.doubted = False
            connection.fail(reason)

    def wait(self, connection: Connection, until: float) -> bool:
        """Wait until it is known whether it lives; False where it is not by then (a time of `time.monotonic()`)."""
        while connection.doubted and (left := until - time.monotonic()) > 0:
            self._found.wait_for(lambda: not connection.doubted, min(left, _LOOK_AFTER))
            if not self._is_at_it():
                connection.doubted = False
        return not connection.doubted

    def _is_at_it(self) -> bool:
        finder = self._finder
        return finder is not None and finder.is_alive()

    def _find_out(self, connection: Connection, reason: str) -> None:
        begun = time.monotonic()
        try:
            held = holds_back(connection.node or self._address, self._name)
            if held or (held is not None and self._moves_on(connection, begun)):
                connection.believed_at = time.monotonic()
            else:
                connection.fail(reason)
        finally:
            connection.doubted = False
            self._found.tell()

    def _moves_on(self, connection: Connection, begun: float) -> bool:
        """Whether it has moved since, or does soon: a Redis that lives may have a lot to catch up on."""
        until = time.monotonic() + ANSWERS_WITHIN
        while connection.error is None and time.monotonic() < until:
            connection.look()
            if max(connection.heard_at, connection.moved_at) > begun:
                return True
            time.sleep(_LOOK_EVERY)
        return False
