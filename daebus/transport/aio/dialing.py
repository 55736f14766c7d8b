"""How a connection for an event loop comes about: to one server, or to one of several that somebody watches over.

By plain TCP we connect ourselves; where a URL asks for more, redis-py connects and authenticates, and the transport is
ours after that. Everything here belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401 - for names of servers; see `by_redis_py`
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from daebus.errors import ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable
from daebus.transport.address import CONNECT_TIMEOUT, RedisAddress, client_label, redis_py
from daebus.transport.places.dialing import as_told, found_cluster, lookout_of, no_cluster, refused_as_sentinel
from daebus.transport.places.lookout import Lookout
from daebus.transport.places.route import Place, route_of
from daebus.transport.plain import Plain
from daebus.transport.proof import greeting, hello
from daebus.transport.reaching import reached_in_loop
from daebus.transport.threads import FewThreads
from daebus.wire.protocol import Protocol
from daebus.wire.resp import pack

from .connection import AsyncConnection

T = TypeVar("T")
_beside = FewThreads("daebus-beside", 16)


async def beside(what: Callable[..., T], *arguments: Any) -> T:
    """What a function says that may wait for servers, on a thread of its own; where there are many, in its turn.

    `asyncio.run` does not end before the threads of `asyncio.to_thread` have; these it leaves alone.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[T] = loop.create_future()

    def tell(found: T | None, failed: Exception | None) -> None:
        if told.done():
            return
        if failed is None:
            told.set_result(cast(T, found))
        else:
            told.set_exception(failed)

    def run() -> None:
        if told.done() or loop.is_closed():
            # Nobody waited until it had its turn.
            return
        found: T | None = None
        failed: Exception | None = None
        try:
            found = what(*arguments)
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            failed = error
        try:
            loop.call_soon_threadsafe(tell, found, failed)
        except RuntimeError:
            # The loop is closed, and nobody waits.
            pass
        finally:
            # The error knows this frame, and must not know itself by that.
            del found, failed

    try:
        _beside.do(run)
    except RuntimeError as error:
        raise RedisUnavailable(f"cannot ask where Redis is: {error}") from error
    return await told


async def opened(
    address: RedisAddress,
    name: str,
    on_lost: Callable[[ConnectionLost], None],
    on_message: Callable[[bytes], None] = lambda _data: None,
    kind: type[AsyncConnection] = AsyncConnection,
) -> AsyncConnection:
    """Connect, within CONNECT_TIMEOUT seconds, by a connection of that kind; Redis lists it as `name`.

    Where the address leads to several servers, to one of them. Raises RedisUnavailable, or PermissionDenied where
    Redis refuses the credentials.
    """
    lookout = lookout_of(address)
    if lookout is None:
        connection = await _opened(kind(address, _nobody, on_message), address, name, on_lost)
        if (refused := refused_as_sentinel(address, connection.greeting)) is not None:
            connection.close()
            raise refused
        if connection.greeting.mode == "cluster" and (cluster := found_cluster(address)) is not None:
            connection.guarded(cluster, cluster.seeds[0])
        return connection
    while True:
        failed, late = RedisUnavailable(f"no server of {address} is known"), 0.0
        for place, node in await beside(lookout.candidates):
            begun, given = time.monotonic(), lookout.patience
            try:
                async with asyncio.timeout(given):
                    connection = kind(node, _nobody, on_message)
                    connection = await _opened(connection, node, name, on_lost, given)
            except PermissionDenied:
                raise
            except RedisUnavailable as error:
                failed, late = as_told(error), 0.0
                continue
            except TimeoutError:
                failed, late = RedisUnavailable(f"Redis at {node} does not answer"), given
                continue
            wrong = lookout.misfit(connection.greeting)
            if wrong is None:
                lookout.took(time.monotonic() - begun)
                return connection.guarded(lookout, place)
            if route_of(address.url) is None:
                no_cluster(address)
                return connection
            connection.close()
            failed, late = RedisUnavailable(f"cannot connect to Redis at {node}: {wrong}"), 0.0
        if not (late and lookout.was_late(late)):
            raise failed


async def opened_at(
    lookout: Lookout,
    place: Place,
    address: RedisAddress,
    name: str,
    on_lost: Callable[[ConnectionLost], None],
    on_message: Callable[[bytes], None] = lambda _data: None,
    protocol: Protocol | None = None,
    slot: int | None = None,
) -> AsyncConnection:
    """The same with just that one of several servers, of which `address` is; see `Lookout.guard` for the slot."""
    given = lookout.patience
    try:
        async with asyncio.timeout(given):
            connection = AsyncConnection(address, _nobody, on_message, protocol)
            connection = await _opened(connection, address, name, on_lost, given)
    except TimeoutError:
        lookout.was_late(given)
        raise RedisUnavailable(f"Redis at {address} does not answer") from None
    return connection.guarded(lookout, place, slot)


async def _opened(
    connection: AsyncConnection,
    address: RedisAddress,
    name: str,
    on_lost: Callable[[ConnectionLost], None],
    limit: float = CONNECT_TIMEOUT,
) -> AsyncConnection:
    """That connection, with one server, which has said what it is; whoever has less time than connecting may take says
    so, and ends it then: of several addresses each has its share of that.
    """
    if (one := address.plain) is None:
        by = redis_py()
        try:
            connection.adopt(*await by.connected_in_loop(address.of_one, CONNECT_TIMEOUT, limit, beside))
        except by.ERRORS as error:
            raise (address.failed(error) or error) from None
    else:
        connection.adopt(await _connected(connection, address, one, limit))
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            if one is not None:
                await _log_in(connection, address, one)
            # Where an ACL forbids it, it goes without a name.
            named = pack(b"CLIENT", b"SETNAME", client_label(name).encode())
            told = (await connection.ask(named + hello(), 2)).replies
    except RedisRefused:
        connection.close()
        raise
    except (RedisUnavailable, TimeoutError) as error:
        connection.close()
        raise RedisUnavailable(f"cannot connect to Redis at {address}: {str(error) or 'no answer'}") from None
    except BaseException:
        connection.close()
        raise
    connection.greeting = greeting(told[1])
    connection.on_lost = on_lost
    return connection


async def _connected(
    connection: AsyncConnection, address: RedisAddress, one: Plain, limit: float
) -> asyncio.WriteTransport:
    """A transport for it by plain TCP."""
    loop, sock = asyncio.get_running_loop(), None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            sock = await reached_in_loop(one.host, one.port, limit)
            return (await loop.create_connection(lambda: connection, sock=sock))[0]
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, OSError | ValueError | RuntimeError):
            raise RedisUnavailable(f"cannot connect to Redis at {address}: {one.why(error)}") from None
        raise


async def _log_in(connection: AsyncConnection, address: RedisAddress, one: Plain) -> None:
    steps = one.log_in(str(address))
    try:
        command = next(steps)
        while True:
            command = steps.send((await connection.ask(command)).replies[0])
    except StopIteration:
        pass


def _nobody(_error: ConnectionLost) -> None:
    """Is told of the end of a connection that nobody has yet."""
