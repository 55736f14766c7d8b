"""Ports on loopback for servers of tests, which neither another worker takes nor an outgoing connection."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Iterator

LOWEST, HIGHEST = 12_000, 22_000
"""Below what systems give to outgoing connections (from 32768 on, with Linux), where a port may be taken while its
server is down, or even be connected to itself; and so is that for the bus of a cluster, which is 10000 above."""


def _offered() -> Iterator[int]:
    """Each port of this process in turn, from anywhere on. The workers of one run have different ones."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = max(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), worker + 1)
    mine = range(LOWEST + worker, HIGHEST, workers)
    at = random.SystemRandom().randrange(len(mine))
    while True:
        at = (at + 1) % len(mine)
        yield mine[at]


_PORTS = _offered()
_LOCK = threading.Lock()
"""Servers of one test are started side by side, and a generator takes one thread at a time."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now, and that was not given out in this process for long."""
    for _attempt in range(HIGHEST - LOWEST):
        with _LOCK:
            port = next(_PORTS)
        with socket.socket() as probe:
            # As servers do: a connection that ended lately is no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError("there is no free port")
