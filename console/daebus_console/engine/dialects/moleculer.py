"""moleculer: nodes of Moleculer. A channel for each kind of packet and node; answers come on the asker's."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from daebus_console.engine import payloads
from daebus_console.engine.message.dialect import Announced, Dialect, Sighting, json_reader, msgpack_reader, text_in
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.payloads import layout
from daebus_console.engine.payloads.layout import Layout

_CHANNEL = re.compile(
    r"(?P<space>MOL(?:-.+?)?)\.(?P<what>REQ|RES|EVENT|DISCOVER|INFO|DISCONNECT|HEARTBEAT|PING|PONG)(?:\.(?P<node>.+))?",
    re.DOTALL,
).fullmatch
_QUIET = frozenset({"DISCOVER", "INFO", "DISCONNECT", "HEARTBEAT"})
_MOST_ACTIONS = 500
# Members of an enum are slow to look up, and these are wanted for every packet.
_REQUEST, _RESPONSE, _BROADCAST, _ONE_WAY = Kind.REQUEST, Kind.RESPONSE, Kind.BROADCAST, Kind.ONE_WAY


class _Error(msgspec.Struct, gc=False):
    name: Any = None
    type: Any = None


class _Packet(msgspec.Struct, gc=False):
    sender: str
    ver: str | int
    id: str | None = None
    action: str | None = None
    timeout: float | None = None
    parentID: str | None = None
    stream: bool | None = None
    seq: int | None = None
    success: bool | None = None
    error: _Error | None = None
    event: str | None = None


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


_NAMES = {name.encode(): name for name in _Packet.__struct_fields__}
_NAMES_OF_ERROR = {name.encode(): name for name in _Error.__struct_fields__}

_SETTINGS = (("meta", layout.FEW), ("headers", layout.FEW))
_TRACING = (
    ("level", layout.SMALL), ("tracing", layout.SMALL), ("parentID", layout.UUID_OR_NONE),
    ("requestID", layout.SMALL), ("caller", layout.SMALL),
)  # fmt: skip
_QUESTION = (
    ("id", layout.UUID), ("action", layout.TEXT), ("params", layout.ANY), *_SETTINGS,
    ("timeout", layout.NUMBER_OR_NONE), *_TRACING, ("stream", layout.WORD),
)  # fmt: skip
_EVENT = (
    ("id", layout.UUID), ("event", layout.TEXT), ("data", layout.ANY), ("groups", layout.ANY),
    ("broadcast", layout.SMALL), *_SETTINGS, *_TRACING, ("needAck", layout.SMALL),
)  # fmt: skip
_OUTCOME = (("id", layout.UUID), *_SETTINGS, ("success", layout.WORD))
_STREAMED = (("stream", layout.WORD), ("seq", layout.WHOLE_OR_NONE))
_FAILURE = (
    ("name", layout.TEXT), ("message", layout.ANY), ("nodeID", layout.SMALL), ("code", layout.SMALL),
    ("type", layout.TEXT_OR_NONE), ("retryable", layout.SMALL), ("stack", layout.ANY), ("data", layout.ANY),
)  # fmt: skip
_END = (("ver", layout.TEXT), ("sender", layout.TEXT))
_LAYOUTS = {
    "REQ": (Layout(*_QUESTION, *_END), Layout(*_QUESTION, ("seq", layout.WHOLE_OR_NONE), *_END)),
    "RES": (
        Layout(*_OUTCOME, ("data", layout.ANY), *_END),
        Layout(*_OUTCOME, ("data", layout.ANY), *_STREAMED, *_END),
        Layout(*_OUTCOME, ("data", layout.SMALL), ("error", _FAILURE), *_END),
    ),
    "EVENT": (Layout(*_EVENT, *_END),),
    "PING": (Layout(("time", layout.SMALL), ("id", layout.UUID), *_END),),
    "PONG": (Layout(("time", layout.SMALL), ("id", layout.UUID), ("arrived", layout.SMALL), *_END),),
}
"""How Moleculer 0.15 lays out its packets; all others are read without knowing."""
_WORDS, _FIRST_WORD = {b"\xf5": True, b"\xf4": False}, 0xF4
# The same few come again and again.
_number, _text = lru_cache(maxsize=1024)(payloads.number_of), lru_cache(maxsize=1024)(layout.text)


def _question_in(
    id: bytes, action: bytes, timeout: bytes, parent: bytes | None, stream: bytes, *rest: bytes
) -> _Packet:
    *seq, ver, sender = rest
    return _Packet(
        _text(sender), _text(ver), id.decode(), _text(action), _number(timeout),
        None if parent is None else parent.decode(), _WORDS.get(stream), _number(seq[0]) if seq else None,
    )  # fmt: skip


def _answer_in(id: bytes, success: bytes, *rest: bytes) -> _Packet:
    *between, ver, sender = rest
    packet = _Packet(_text(sender), _text(ver), id.decode(), success=_WORDS.get(success))
    if between:
        first, second = between
        if first[0] >= _FIRST_WORD:
            packet.stream, packet.seq = _WORDS.get(first), _number(second)
        else:
            packet.error = _Error(_text(first), layout.text_or_none(second))
    return packet


def _event_in(id: bytes, event: bytes, parent: bytes | None, ver: bytes, sender: bytes) -> _Packet:
    above = None if parent is None else parent.decode()
    return _Packet(_text(sender), _text(ver), id.decode(), parentID=above, event=_text(event))


def _ping_in(id: bytes, ver: bytes, sender: bytes) -> _Packet:
    return _Packet(_text(sender), _text(ver), id.decode())


_MADE: dict[str, Callable[..., _Packet]] = {
    "REQ": _question_in, "RES": _answer_in, "EVENT": _event_in, "PING": _ping_in, "PONG": _ping_in,
}  # fmt: skip


def _in_cbor(what: str) -> _Reader:
    """What reads packets of that kind in CBOR: the usual ones by how they are laid out."""
    if what not in _LAYOUTS:
        return _packet_in_cbor
    layouts, made = {one.head: one for one in _LAYOUTS[what]}, _MADE[what]

    def read(data: bytes) -> _Packet | None:
        usual = layouts.get(data[:3])
        values = None if usual is None else usual(data)
        try:
            return _packet_in_cbor(data) if values is None else made(*values)
        except ValueError:
            # A text that is no UTF-8.
            return _packet_in_cbor(data)

    return read


_packets = (json_reader(_Packet), msgpack_reader(_Packet), _packet_in_cbor)
_infos = _readers(_Info)


_ENCODINGS = bytes(
    1 if 0x80 <= first <= 0x8F or first in (0xDE, 0xDF) else 2 if 0xA0 <= first <= 0xBF else 0 for first in range(256)
)
"""Which serializer wrote a packet, by its first byte: all of them write a map."""


def _encoding(data: bytes) -> int:
    return _ENCODINGS[data[0]] if data else 0


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
        return self.reader(channel)(data)

    def reader(self, channel: str) -> Callable[[bytes], Sighting | None]:
        """The same; which kind of packets there are is told by the channel."""
        found = _CHANNEL(channel)
        if found is None:
            return lambda _data: None
        told = _TOLD[found["what"]](channel, found["space"], found["node"])
        packets = (*_packets[:2], _in_cbor(found["what"]))

        def read(data: bytes) -> Sighting | None:
            packet = packets[_ENCODINGS[data[0]] if data else 0](data)
            return None if packet is None else told(packet)

        return read

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
        return Announced(info.sender, dict.fromkeys(names[:_MOST_ACTIONS], ""))


_Told = Callable[[_Packet], Sighting | None]


def _quiet(what: str) -> Callable[[str, str, str | None], _Told]:
    def of(_channel: str, _space: str, _node: str | None) -> _Told:
        return lambda packet: Sighting(_BROADCAST, what, source=packet.sender, quiet=True)

    return of


def _questions(_channel: str, space: str, node: str | None) -> _Told:
    answers = f"{space}.RES."

    def told(packet: _Packet) -> Sighting | None:
        if not packet.action or packet.id is None:
            return None
        # Thousandths of a second, and none at all means for ever.
        timeout = packet.timeout / 1000 if packet.timeout is not None and packet.timeout > 0 else None
        return Sighting(
            _REQUEST, packet.action, packet.sender, node, packet.id, answers + packet.sender, packet.parentID, timeout,
            final=not packet.seq,
        )  # fmt: skip

    return told


def _answers(channel: str, _space: str, _node: str | None) -> _Told:
    def told(packet: _Packet) -> Sighting | None:
        good = packet.success
        if good is None or packet.id is None:
            return None
        if good:
            return Sighting(_RESPONSE, id=packet.id, reply_to=channel, instance=packet.sender, final=not packet.stream)
        error = packet.error
        code = None if error is None else text_in(error.type) or text_in(error.name)
        return Sighting(
            _RESPONSE, id=packet.id, reply_to=channel, instance=packet.sender, code=code, final=True, error=True
        )

    return told


def _events(_channel: str, _space: str, node: str | None) -> _Told:
    def told(packet: _Packet) -> Sighting | None:
        if packet.id is None:
            return None
        return Sighting(
            _ONE_WAY, packet.event, source=packet.sender, target=node, id=packet.id, parent_id=packet.parentID
        )

    return told


def _pings(_channel: str, space: str, node: str | None) -> _Told:
    def told(packet: _Packet) -> Sighting | None:
        if packet.id is None:
            return None
        where = f"{space}.PONG.{packet.sender}"
        return Sighting(_REQUEST, "PING", source=packet.sender, target=node, id=packet.id, reply_to=where)

    return told


def _pongs(channel: str, _space: str, _node: str | None) -> _Told:
    def told(packet: _Packet) -> Sighting | None:
        if packet.id is None:
            return None
        return Sighting(_RESPONSE, id=packet.id, reply_to=channel, instance=packet.sender, shared=True)

    return told


_TOLD: dict[str, Callable[[str, str, str | None], _Told]] = {
    "REQ": _questions,
    "RES": _answers,
    "EVENT": _events,
    "PING": _pings,
    "PONG": _pongs,
    **{what: _quiet(what) for what in _QUIET},
}
"""What packets say, by the word in their channel; handed the channel, what stands before that word, and the node."""
