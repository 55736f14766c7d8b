"""A connection whose other side behaves as no Redis would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.aio.dialing import opened
from daebus.transport.commands import IN_ONE_PIECE
from daebus.wire.resp import ErrorReply, pack

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _with_server(
    behave: Behaviour, use: Callable[[RedisAddress], Awaitable[None]], greets: bytes | None = b"+OK\r\n-ERR unknown\r\n"
) -> None:
    """`greets` is what the server says to whoever connects, of names and of what it is."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if greets is not None:
                await reader.readuntil(b"HELLO\r\n")
                writer.write(greets)
            await behave(reader, writer)
        finally:
            writer.close()
            ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        await use(RedisAddress(f"redis://127.0.0.1:{port}/0"))
        await ended.wait()
    finally:
        server.close()
        await server.wait_closed()


async def _end_of(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "lost the connection to Redis at redis://127.0.0.1"),
        (b"+PONG\r\n+PONG\r\n", "nobody asked for"),
        (b"*0\r\n*0\r\n", "lost the connection"),
        (b"$5\r\nab", "closed the connection"),
    ],
)
def test_what_is_no_answer_ends_the_connection(said: bytes, reason: str) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(said)
        if said.endswith(b"ab"):
            await writer.drain()
        else:
            await _end_of(reader)

    async def use(address: RedisAddress) -> None:
        lost: asyncio.Future[ConnectionLost] = asyncio.get_running_loop().create_future()
        link = await opened(address, "test", lost.set_result, lambda data: None)
        answer = asyncio.ensure_future(link.ask(pack(b"PING")))
        assert reason in str(await lost)
        await asyncio.wait([answer])
        if answer.exception() is not None:
            assert isinstance(answer.exception(), ConnectionLost)
        await link.closed
        assert not link.busy
        with pytest.raises(ConnectionLost, match="lost the connection"):
            await link.ask(pack(b"PING"))

    asyncio.run(_with_server(behave, use))


def test_replies_in_pieces_and_several_at_once_go_to_who_asked() -> None:
    replies = b":7\r\n" + b"-NOPERM no\r\n" + b"$-1\r\n"

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"THIRD\r\n")
        for at in range(len(replies)):
            writer.write(replies[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        await _end_of(reader)

    async def use(address: RedisAddress) -> None:
        losses: list[Any] = []
        link = await opened(address, "test", losses.append)
        asking = [asyncio.ensure_future(link.ask(pack(word))) for word in (b"FIRST", b"SECOND", b"THIRD")]
        first, second, third = [(await one).replies[0] for one in asking]
        assert first == 7
        assert isinstance(second, ErrorReply)
        assert second.code == "NOPERM"
        assert third is None
        link.close()
        await link.closed
        assert losses == []

    asyncio.run(_with_server(behave, use))


def test_whoever_waits_when_it_is_closed_is_told() -> None:
    async def use(address: RedisAddress) -> None:
        losses: list[Any] = []
        link = await opened(address, "test", losses.append)
        answer, cancelled = (asyncio.ensure_future(link.ask(pack(b"PING"))) for _ in range(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        link.close()
        with pytest.raises(ConnectionLost, match="it was closed"):
            await answer
        await link.closed
        assert losses == []

    asyncio.run(_with_server(lambda reader, writer: _end_of(reader), use))


def test_a_server_that_says_nothing_to_a_login_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus.transport.aio.dialing.CONNECT_TIMEOUT", 0.3)

    async def use(address: RedisAddress) -> None:
        with pytest.raises(RedisUnavailable, match="cannot connect") as caught:
            await opened(RedisAddress(address.url.replace("//", "//ann:s3cr3t@")), "test", lambda error: None)
        assert "s3cr3t" not in str(caught.value)

    asyncio.run(_with_server(lambda reader, writer: _end_of(reader), use, greets=None))


def test_a_server_that_says_nothing_of_itself_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus.transport.aio.dialing.CONNECT_TIMEOUT", 0.3)

    async def use(address: RedisAddress) -> None:
        losses: list[Any] = []
        with pytest.raises(RedisUnavailable, match="no answer"):
            await opened(address, "test", losses.append)
        assert losses == [], "nobody had it"

    asyncio.run(_with_server(lambda reader, writer: _end_of(reader), use, greets=None))


class _Counting:
    """A transport that keeps in mind what is written to it."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.written: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))
        self._transport.write(data)


def test_what_many_send_in_one_step_goes_out_together_and_what_one_sends_at_once() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"ALONE\r\n")
        writer.write(b":0\r\n")
        await reader.readuntil(b"\r\n19\r\n")
        writer.write(b"".join(b":%d\r\n" % number for number in range(20)))
        await _end_of(reader)

    async def use(address: RedisAddress) -> None:
        link = await opened(address, "test", lambda error: None)
        counting = _Counting(link._transport)
        link._transport = counting  # type: ignore[assignment]
        alone = asyncio.ensure_future(link.ask(pack(b"ALONE")))
        await asyncio.sleep(0)
        assert len(counting.written) == 1
        assert (await alone).replies == [0]
        asking = [asyncio.ensure_future(link.ask(pack(b"%d" % number))) for number in range(20)]
        assert [(await one).replies for one in asking] == [[number] for number in range(20)]
        assert b"".join(counting.written[1:]) == b"".join(pack(b"%d" % number) for number in range(20))
        # Two are on their way before it is known that there are more.
        assert len(counting.written[1:]) == 2 + -(-18 // IN_ONE_PIECE)
        link.close()
        await link.closed

    asyncio.run(_with_server(behave, use))


@pytest.mark.parametrize("closes", [True, False])
def test_of_what_waits_to_go_out_together_it_is_known_that_it_was_not_sent(closes: bool) -> None:
    async def use(address: RedisAddress) -> None:
        link = await opened(address, "test", lambda error: None)
        counting = _Counting(link._transport)
        link._transport = counting  # type: ignore[assignment]
        asking = [asyncio.ensure_future(link.ask(pack(b"%d" % number))) for number in range(5)]
        asyncio.get_running_loop().call_soon(link.close if closes else lambda: link.end("broken"))
        errors = await asyncio.gather(*asking, return_exceptions=True)
        # Who closes has what was given before written; who finds it broken has not.
        lost = 5 if closes else 2
        assert [isinstance(error, ConnectionLost) for error in errors] == [True] * lost + [False] * (5 - lost)
        assert all("did nothing with it" in str(error) for error in errors[lost:])
        assert b"".join(counting.written) == b"".join(pack(b"%d" % number) for number in range(lost))
        await link.closed

    asyncio.run(_with_server(lambda reader, writer: _end_of(reader), use))


def test_of_what_stops_halfway_it_is_known_whatever_was_given_after_it() -> None:
    given = asyncio.Event()

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # It reads nothing of it.
        await given.wait()
        writer.transport.abort()

    async def use(address: RedisAddress) -> None:
        link = await opened(address, "test", lambda error: None)
        large = asyncio.ensure_future(link.ask(pack(b"x" * 30_000_000)))
        await asyncio.sleep(0.01)
        small = [asyncio.ensure_future(link.ask(pack(b"PING"))) for _ in range(3)]
        await asyncio.sleep(0)
        given.set()
        errors = await asyncio.gather(large, *small, return_exceptions=True)
        assert all("before it had all of the message" in str(error) for error in errors), errors
        assert not any(isinstance(error, ConnectionLost) for error in errors)
        await link.closed

    asyncio.run(_with_server(behave, use))


def test_what_is_given_while_the_socket_is_full_goes_out_when_it_takes_something() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(pack(b"x" * 30_000_000)))
        writer.write(b":1\r\n")
        assert await reader.readexactly(3 * len(pack(b"PING"))) == 3 * pack(b"PING")
        writer.write(b":2\r\n:3\r\n:4\r\n")
        await _end_of(reader)

    async def use(address: RedisAddress) -> None:
        link = await opened(address, "test", lambda error: None)
        asking = [asyncio.ensure_future(link.ask(pack(word))) for word in (b"x" * 30_000_000, *[b"PING"] * 3)]
        assert [(await one).replies for one in asking] == [[1], [2], [3], [4]]
        link.close()
        await link.closed

    asyncio.run(_with_server(behave, use))
