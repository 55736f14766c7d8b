"""The commands of sharded Pub/Sub (Redis 7, Valkey), and names of channels that lie where another one does. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from .names import decoded, encoded
from .resp import pack

SLOTS = 16384
WATCHED = "daebus.watched:"
"""What the names of channels begin with that only those subscribe to who watch another one; see `watched`."""
ANNOUNCED = "daebus.channels"
"""The channel on which whoever has subscribed says to what, for those who watch all channels of a bus."""
ELSEWHERE = frozenset(("MOVED", "CLUSTERDOWN", "TRYAGAIN", "ASK"))
"""The codes of errors with which a node says that it has done nothing, since it is for another one to do."""
AGAIN = b" "
"""What a request ends with that is published once more; see `once_more`."""
_CHANNELS = "daebus_channels"


def spublish(channel: bytes, data: bytes) -> bytes:
    """SPUBLISH, which has one reply; the data is copied once."""
    form = b"*3\r\n$8\r\nSPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
    return form % (len(channel), channel, len(data), data)


def once_more(data: bytes) -> bytes:
    """The same JSON object, told apart from its first copy: one that reached nobody may have been read at a replica.

    A master counts its own subscribers only, and hands what is published to its replicas all the same: those who were
    at a master that has just become one go on hearing it.
    """
    return data if data.endswith(AGAIN) else data + AGAIN


def is_once_more(data: bytes) -> bool:
    """Whether that is what it is."""
    return data.endswith(b"}" + AGAIN)


def shardnumsub(channels: tuple[bytes, ...] | list[bytes]) -> bytes:
    """The question how many subscribe to each at the server asked, which has one reply."""
    return pack(b"PUBSUB", b"SHARDNUMSUB", *channels)


@lru_cache(maxsize=8192)
def slot_of(key: bytes) -> int:
    """The slot that a key is in, or the channel of a sharded message: of what stands in braces, where that is so."""
    opened = key.find(b"{")
    if opened >= 0:
        closed = key.find(b"}", opened + 1)
        if closed > opened + 1:
            key = key[opened + 1 : closed]
    return _crc(key) % SLOTS


def _crc(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _TABLE[(crc >> 8) ^ byte]
    return crc


def _table() -> tuple[int, ...]:
    """CRC-16 of XMODEM, a byte at a time."""
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
        table.append(crc)
    return tuple(table)


_TABLE = _table()


def beside(start: str, channel: str) -> str:
    """A name that begins with `start`, which has no braces, and lies in the slot of `channel`."""
    raw = encoded(channel)
    slot = slot_of(raw)
    for name in (f"{start}{{{channel}}}", f"{start}{channel}"):
        if slot_of(encoded(name)) == slot:
            return name
    # Its braces are such that no tag can name its slot: a number does.
    number = next(number for number in range(1 << 20) if _crc(b"%d" % number) % SLOTS == slot)
    return f"{start}{{{number}}}{channel}"


@lru_cache(maxsize=8192)
def watched(channel: bytes) -> bytes:
    """The channel to which one subscribes, too, who only watches another one: whoever counts is to leave him out."""
    name = beside(WATCHED, decoded(channel))
    return encoded(name)


def announcement(channels: Iterable[str]) -> bytes:
    """What is said on `ANNOUNCED` by somebody who has subscribed to these channels."""
    return json.dumps({_CHANNELS: list(channels)}).encode()


def announced(data: bytes) -> list[str]:
    """The channels that something says which came on `ANNOUNCED`; none where it makes no sense."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return []
    names = said.get(_CHANNELS) if isinstance(said, dict) else None
    return [name for name in names if isinstance(name, str) and name] if isinstance(names, list) else []
