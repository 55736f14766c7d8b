"""What redis-py does for us in an event loop: it connects, where that is more than a plain TCP port."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio.connection import Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .address import RedisAddress
from .by_redis_py import CONNECT_TIMEOUT, ERRORS, pinned


async def connected(address: RedisAddress) -> tuple[asyncio.WriteTransport, asyncio.StreamWriter]:
    """The transport of a connection that has connected, with its options pinned as for every connection of ours.

    redis-py hands nothing else out on it, and no reply is outstanding. The writer is to be kept as long as that.
    """
    options = dict(parse_url(address.url))  # the address has found this URL to be usable
    connection_class: Any = options.pop("connection_class", Connection)
    connection = None
    try:
        connection = connection_class(**pinned(options, CONNECT_TIMEOUT, Retry(NoBackoff(), 0)))
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await connection.connect()
    except BaseException as error:
        if connection is not None and connection._writer is not None:
            connection._writer.transport.abort()
            connection._reader = connection._writer = None
        failed = address.failed(error) if isinstance(error, ERRORS) else None
        if failed is not None:
            raise failed from None
        raise
    writer, connection._reader, connection._writer = connection._writer, None, None
    return writer.transport, writer
