"""Whether a Redis that owes a reply lives and only holds back what it is sent (CLIENT PAUSE WRITE, a failover).

On the connection in question everything waits behind the message that is held, so that another one is asked.
"""

from __future__ import annotations

import time
import uuid

from .connection import CONNECT_TIMEOUT, RedisAddress
from .errors import RedisUnavailable
from .resp import pack

HELD_AFTER = 0.5
"""Seconds after which a Redis that lives, and has not answered to a PUBLISH, is held to hold it."""


def trial() -> tuple[bytes, bytes]:
    """Two commands: where Redis holds messages, it answers the first and not the second.

    The second publishes nothing, be it held or not: it stands in a transaction that is never executed. A user without
    the right to that has the right to reply channels, and nobody listens on this one.
    """
    return pack(b"MULTI"), pack(b"PUBLISH", f"caller:{uuid.uuid4().hex}".encode(), b"{}")


def holds_back(address: RedisAddress, name: str, within: float) -> bool | None:
    """Whether a Redis holds back what is published, asked over a new connection; None where it does not answer.

    `within` are the seconds in which it has to answer at all.
    """
    deadline = time.monotonic() + min(within, CONNECT_TIMEOUT)
    begin, publish = trial()
    try:
        link = address.connect(name, deadline)
    except RedisUnavailable:
        return None
    try:
        link.ask(begin, deadline)
        link.send(publish, deadline)
        return not link.wait(HELD_AFTER)
    except RedisUnavailable:
        return None
    finally:
        # What is held of a client that has gone is not executed.
        link.dispose()
