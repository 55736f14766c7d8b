"""Looking at, and getting into the way of, a publisher's connection."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from daebus.transport.publisher import Publisher
from daebus.transport.sockets.connection import Connection
from daebus.transport.sockets.writing import Hold


def connection_of(publisher: object) -> Connection:
    """The connection that it has."""
    assert isinstance(publisher, Publisher)
    assert publisher._connection is not None
    return publisher._connection


@contextmanager
def another_writes(connection: Connection) -> Iterator[None]:
    """Another thread is in the middle of writing; at the end of the block it writes what has been left to it."""
    writer = Hold()
    writer.since, writer.thread = math.inf, -1
    assert connection._writing.setdefault(None, writer) is writer
    try:
        yield
    finally:
        del connection._writing[None]
        connection.flush()


def all_written(connection: Connection) -> bool:
    """Whether nothing waits to be written."""
    return not connection.unsent and not connection._writing


def is_freed(connection: Connection) -> bool:
    """Whether its socket is closed on this side."""
    return connection._stream._socket.fileno() == -1
