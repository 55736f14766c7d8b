"""socketio: the Redis adapter of Socket.IO. Questions of one server to the others, in JSON and in MessagePack."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from daebus_console.engine.message.dialect import Dialect, Sighting, json_reader, msgpack_reader, text_in
from daebus_console.engine.message.exchange import Kind

_CHANNEL = re.compile(r"(?P<key>.+?)(?P<what>-request|-response)?#(?P<space>/[^#]*)#(?:.*#)?", re.DOTALL).fullmatch
_ACTIONS = ("sockets", "allRooms", "socketsJoin", "socketsLeave", "disconnectSockets", "fetchSockets",
            "serverSideEmit", "emitWithAck")  # fmt: skip
_JOIN, _LEAVE, _SERVER_SIDE, _WITH_ACK, _COUNT = 2, 3, 6, 7, 8


class _Packet(msgspec.Struct, gc=False):
    data: list[Any] = []


class _Broadcast(msgspec.Struct, gc=False, array_like=True):
    uid: str
    packet: _Packet
    options: dict[str, Any]


class _Question(msgspec.Struct, gc=False):
    uid: str
    type: int
    requestId: str | None = None
    data: list[Any] = []
    packet: _Packet | None = None


class _Answer(msgspec.Struct, gc=False):
    requestId: str
    type: int | None = None
    clientCount: int = 0
    uid: Raw | UnsetType = UNSET


_read_broadcast = msgpack_reader(_Broadcast)
_questions = json_reader(_Question), msgpack_reader(_Question)
_answers = json_reader(_Answer), msgpack_reader(_Answer)


class Spoken(Dialect):
    """Socket.IO's adapter and emitter."""

    name = "socketio"
    title = "Socket.IO redis-adapter 8, redis-emitter 5"
    pairs = "requestId, in both encodings; the end is one answer of each other server"
    unknown = "which server answered; anything of the sharded adapter, which PSUBSCRIBE does not show"
    once = "its servers answer only one another"
    others_answer = True

    def owns(self, channel: str) -> bool:
        """Its channels have a namespace between two #."""
        return channel.endswith("#") and "#/" in channel

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """What the channel says it is must be what it is."""
        found = _CHANNEL(channel)
        if found is None:
            return None
        where = f"{found['key']}#{found['space']}#"
        packed = not data.startswith(b"{")
        if found["what"] is None:
            return _broadcast(data)
        if found["what"] == "-request":
            question = _questions[packed](data)
            return None if question is None else _question(question, where)
        answer = _answers[packed](data)
        if answer is None or answer.uid is not UNSET:
            return None
        due = max(0, answer.clientCount) if answer.type == _COUNT else 0
        return Sighting(Kind.RESPONSE, id=answer.requestId, reply_to=where, due=due)


def _broadcast(data: bytes) -> Sighting | None:
    cast = _read_broadcast(data)
    return None if cast is None else Sighting(Kind.BROADCAST, _event(cast.packet.data), source=cast.uid)


def _question(question: _Question, where: str) -> Sighting | None:
    number = question.type
    if not 0 <= number < len(_ACTIONS):
        return None
    action = _ACTIONS[number]
    if number == _SERVER_SIDE:
        action = _event(question.data) or action
    elif number == _WITH_ACK and question.packet is not None:
        action = _event(question.packet.data) or action
    if question.requestId is None:
        return Sighting(Kind.BROADCAST, action, source=question.uid, quiet=number in (_JOIN, _LEAVE))
    return Sighting(Kind.REQUEST, action, source=question.uid, id=question.requestId, reply_to=where)


def _event(data: list[Any]) -> str | None:
    return text_in(data[0]) if data else None
