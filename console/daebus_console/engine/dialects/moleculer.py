"""moleculer: nodes of Moleculer. A channel for each kind of packet and node; answers come on the asker's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from daebus_console.engine import payloads
from daebus_console.engine.message.dialect import Announced, Dialect, Sighting, json_reader, msgpack_reader, text_in
from daebus_console.engine.message.exchange import Kind

_CHANNEL = re.compile(
    r"(?P<space>MOL(?:-.+?)?)\.(?P<what>REQ|RES|EVENT|DISCOVER|INFO|DISCONNECT|HEARTBEAT|PING|PONG)(?:\.(?P<node>.+))?",
    re.DOTALL,
).fullmatch
_QUIET = frozenset({"DISCOVER", "INFO", "DISCONNECT", "HEARTBEAT"})
_MOST_ACTIONS = 500


class _Error(msgspec.Struct, gc=False):
    name: Any = None
    type: Any = None


class _Packet(msgspec.Struct, gc=False):
    sender: str
    ver: str | int
    id: str | None = None
    action: str | None = None
    event: str | None = None
    success: bool | None = None
    error: _Error | None = None
    timeout: float | None = None
    parentID: str | None = None
    stream: bool | None = None
    seq: int | None = None


class _Service(msgspec.Struct, gc=False):
    actions: dict[str, Any] = {}


class _Info(msgspec.Struct, gc=False):
    sender: str
    services: list[_Service]


_Reader = Callable[[bytes], Any]


def _readers(shape: type[Any]) -> tuple[_Reader, _Reader, _Reader]:
    from_json, from_msgpack = json_reader(shape), msgpack_reader(shape)

    def from_cbor(data: bytes) -> Any:
        found = payloads.decode(data)
        return from_json(found.data) if found is not None and found.by == "CBOR" and not found.trouble else None

    return from_json, from_msgpack, from_cbor


def _packet_in_cbor(data: bytes) -> _Packet | None:
    """The same in a fraction of the time, since every packet is looked at."""
    fields = payloads.cbor_fields(data, _NAMES)
    if fields is None:
        return None
    error = fields.get("error")
    if isinstance(error, payloads.Inside):
        fields["error"] = payloads.cbor_fields(error, _NAMES_OF_ERROR) or {}
    try:
        return msgspec.convert(fields, _Packet)
    except msgspec.ValidationError:
        return None


_NAMES = frozenset(name.encode() for name in _Packet.__struct_fields__)
_NAMES_OF_ERROR = frozenset(name.encode() for name in _Error.__struct_fields__)
_packets = (json_reader(_Packet), msgpack_reader(_Packet), _packet_in_cbor)
_infos = _readers(_Info)


def _encoding(data: bytes) -> int:
    """Which serializer wrote it, by its first byte: all of them write a map."""
    first = data[0] if data else 0
    return 1 if 0x80 <= first <= 0x8F or first in (0xDE, 0xDF) else 2 if 0xA0 <= first <= 0xBF else 0


class Spoken(Dialect):
    """Moleculer, with its JSON, MsgPack and CBOR serializers."""

    name = "moleculer"
    title = "Moleculer 0.14, 0.15 (JSON, MsgPack, CBOR)"
    pairs = "the asking node, whose channel it is, and id; streams by seq"
    unknown = "calls within one node; calls of services that nobody has, which fail in the caller"
    once = "its nodes answer only nodes that they know"

    def owns(self, channel: str) -> bool:
        """Channels of packets."""
        return channel.startswith("MOL") and _CHANNEL(channel) is not None

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """A packet has a sender and the version of the protocol."""
        found = _CHANNEL(channel)
        packet = None if found is None else _packets[_encoding(data)](data)
        if found is None or packet is None:
            return None
        what, node = found["what"], found["node"]
        if what in _QUIET:
            return Sighting(Kind.BROADCAST, what, source=packet.sender, quiet=True)
        if packet.id is None:
            return None
        if what == "REQ":
            return _question(packet, node, found["space"])
        if what == "RES":
            return _answer(packet, channel)
        if what == "EVENT":
            return Sighting(
                Kind.ONE_WAY, packet.event, source=packet.sender, target=node, id=packet.id, parent_id=packet.parentID
            )
        if what == "PING":
            where = f"{found['space']}.PONG.{packet.sender}"
            return Sighting(Kind.REQUEST, "PING", source=packet.sender, target=node, id=packet.id, reply_to=where)
        return Sighting(Kind.RESPONSE, id=packet.id, reply_to=channel, instance=packet.sender, shared=True)

    def announced(self, channel: str, data: bytes) -> Announced | None:
        """INFO names the actions of a node, DISCONNECT says that it leaves; heartbeats that it is there."""
        found = _CHANNEL(channel)
        if found is None or found["what"] not in _QUIET or found["what"] == "DISCOVER":
            return None
        if found["what"] != "INFO":
            packet = _packets[_encoding(data)](data)
            return None if packet is None else Announced(packet.sender, gone=found["what"] == "DISCONNECT")
        info = _infos[_encoding(data)](data)
        if info is None:
            return None
        names = [name for service in info.services for name in service.actions if not name.startswith("$")]
        return Announced(info.sender, dict.fromkeys(names[:_MOST_ACTIONS], ""), instance=info.sender)


def _question(packet: _Packet, node: str | None, space: str) -> Sighting | None:
    if not packet.action:
        return None
    # Thousandths of a second, and none at all means for ever.
    timeout = packet.timeout / 1000 if packet.timeout is not None and packet.timeout > 0 else None
    return Sighting(
        Kind.REQUEST,
        packet.action,
        source=packet.sender,
        target=node,
        id=packet.id,
        reply_to=f"{space}.RES.{packet.sender}",
        parent_id=packet.parentID,
        timeout=timeout,
        final=not packet.seq,
    )


def _answer(packet: _Packet, channel: str) -> Sighting | None:
    if packet.success is None:
        return None
    error = packet.error if not packet.success else None
    return Sighting(
        Kind.RESPONSE,
        id=packet.id,
        reply_to=channel,
        instance=packet.sender,
        final=not packet.stream or not packet.success,
        error=not packet.success,
        code=None if error is None else text_in(error.type) or text_in(error.name),
    )
