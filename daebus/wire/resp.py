"""The few bytes of the Redis protocol (RESP2) that publishing and subscribing need: packing commands, reading replies.

Pure: no socket, no thread. Reads with hiredis where it is installed.
"""

from __future__ import annotations

from typing import Any, Protocol

_Reader: Any = None
"""That of hiredis. Imported now, since later there may be no descriptor to be had for that, or the interpreter ends."""
try:
    import hiredis

    _Reader = hiredis.Reader
except ImportError:
    pass


class Incomplete:
    """The type of INCOMPLETE."""


INCOMPLETE = Incomplete()
"""What a reader returns while the next reply has not arrived in full."""


class ErrorReply(Exception):
    """An error that Redis gave as the reply to one command. `code` is its first word, such as NOPERM."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]


def ends_the_connection(reply: Any) -> bool:
    """Whether a reply is the last one: Redis could not read what it was sent, reads no more, and closes."""
    return type(reply) is ErrorReply and str(reply).startswith("ERR Protocol error")


class ProtocolError(Exception):
    """The other side does not speak the Redis protocol."""


class ReplyReader(Protocol):
    """What both readers offer: bytes in, whole replies out (INCOMPLETE: none is there), and whether some are left."""

    def feed(self, data: bytes, /) -> None: ...

    def gets(self) -> Any: ...

    def has_data(self) -> bool: ...


def pack(*parts: bytes) -> bytes:
    """One command as Redis reads it."""
    pieces = [b"*%d\r\n" % len(parts)]
    for part in parts:
        pieces.append(b"$%d\r\n%b\r\n" % (len(part), part))
    return b"".join(pieces)


def pack_publish(channel: bytes, data: bytes, first: bytes = b"") -> bytes:
    """PUBLISH as `pack` packs it, and other packed commands before it; the data is copied once."""
    form = b"%b*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
    return form % (first, len(channel), channel, len(data), data)


class PlainReader:
    """A reader of RESP2 replies in plain Python, for where hiredis is not installed."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._needed = 0

    def feed(self, data: bytes, /) -> None:
        """Add what came from the socket."""
        if self._at == len(self._buffer):
            self._buffer.clear()
            self._needed -= self._at
            self._at = 0
        self._buffer += data

    def gets(self) -> Any:
        """The next whole reply: bytes, int, list, None or an ErrorReply (returned, not raised)."""
        # A large value arrives in many pieces; until it is whole there is no use in parsing it again.
        if len(self._buffer) < self._needed or self._at == len(self._buffer):
            return INCOMPLETE
        self._needed = 0
        value, end = self._value(self._at)
        if value is INCOMPLETE:
            self._compact()
            return INCOMPLETE
        self._at = end
        return value

    def has_data(self) -> bool:
        """Whether something has been fed that has not been returned."""
        return self._at < len(self._buffer)

    def _compact(self) -> None:
        if self._at > 65536:
            del self._buffer[: self._at]
            self._needed -= self._at
            self._at = 0

    def _value(self, at: int) -> tuple[Any, int]:
        end = self._buffer.find(b"\r\n", at)
        if end < 0:
            return INCOMPLETE, at
        kind, line, at = self._buffer[at], bytes(self._buffer[at + 1 : end]), end + 2
        if kind == 36:  # $
            return self._bulk(int(line), at)
        if kind == 58:  # :
            return int(line), at
        if kind == 43:  # +
            return line, at
        if kind == 45:  # -
            return ErrorReply(line.decode("utf-8", "replace")), at
        if kind == 42:  # *
            return self._array(int(line), at)
        raise ProtocolError(f"not the Redis protocol: a reply starts with {bytes((kind,))!r}")

    def _bulk(self, length: int, at: int) -> tuple[Any, int]:
        if length < 0:
            return None, at
        end = at + length
        if len(self._buffer) < end + 2:
            self._needed = end + 2
            return INCOMPLETE, at
        return bytes(self._buffer[at:end]), end + 2

    def _array(self, length: int, at: int) -> tuple[Any, int]:
        if length < 0:
            return None, at
        items = []
        for _ in range(length):
            item, at = self._value(at)
            if item is INCOMPLETE:
                return INCOMPLETE, at
            items.append(item)
        return items, at


def make_reader() -> ReplyReader:
    """The fastest reader there is."""
    if _Reader is None:
        return PlainReader()
    reader: ReplyReader = _Reader(
        protocolError=ProtocolError, replyError=ErrorReply, notEnoughData=INCOMPLETE, encoding=None
    )
    return reader
