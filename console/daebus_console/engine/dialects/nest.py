"""nest: NestJS microservices on Redis. A question goes to the channel C of its pattern, answers come on C.reply."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from daebus_console.engine.message.dialect import Dialect, Sighting, json_reader
from daebus_console.engine.message.exchange import Kind

REPLY = ".reply"
_MOST_SPELLINGS = 16
# Members of an enum are slow to look up, and these are wanted for every frame.
_REQUEST, _RESPONSE, _BROADCAST = Kind.REQUEST, Kind.RESPONSE, Kind.BROADCAST
_NULL = Raw(b"null")
_OWN_ID = re.compile(r"[0-9a-f]{21}").fullmatch


class _Packet(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    pattern: Raw
    data: Raw | UnsetType = UNSET
    id: str | None = None


class _Answer(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    id: str
    response: Raw | UnsetType = UNSET
    err: Raw | UnsetType = UNSET
    isDisposed: bool = False
    status: str | None = None


_read_packet = json_reader(_Packet)
_read_answer = json_reader(_Answer)
_read_any = json_reader(object)


class Spoken(Dialect):
    """NestJS."""

    name = "nest"
    title = "NestJS microservices 11, 12"
    pairs = "the channel and the one with .reply behind it, by id"
    unknown = "who asked; which instance answered, for all of them do; how long the asker will wait"
    openings = (b'{"pattern":',)
    each_answers = True

    def owns(self, channel: str) -> bool:
        """Patterns that are objects have them as their channel; all answers come on a channel of this end."""
        return channel.endswith(REPLY) or (channel.startswith("{") and channel.endswith("}"))

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """A packet names the pattern that is its channel; an answer has an id and one of three other fields."""
        return self.reader(channel)(data)

    def reader(self, channel: str) -> Callable[[bytes], Sighting | None]:
        """The same."""
        return _answer_reader(channel) if channel.endswith(REPLY) else _packet_reader(channel)

    def ask(self, channel: str, content: bytes, request_id: str, reply_to: str) -> tuple[bytes, str] | None:
        """A packet with the pattern that the channel is."""
        del reply_to
        text = channel.encode("utf-8", "surrogatepass")
        is_object = channel.startswith("{") and isinstance(_read_any(text), dict)
        pattern = text if is_object else msgspec.json.encode(channel)
        asked = b'{"pattern":%s,"data":%s,"id":%s}' % (pattern, content, msgspec.json.encode(request_id))
        return asked, channel + REPLY

    def anew(self, channel: str, data: bytes, request_id: str, reply_to: str) -> tuple[bytes, str] | None:
        """The packet with another id."""
        del reply_to
        packet = _read_packet(data)
        if packet is None or packet.id is None:
            return None
        packet.id = request_id
        return msgspec.json.encode(packet), channel + REPLY

    def reply(self, channel: str, data: bytes, content: bytes, failed: str | None) -> tuple[str, bytes] | None:
        """The one answer and the end of it; an error as RpcException makes them of a text."""
        packet = _read_packet(data)
        if packet is None or packet.id is None:
            return None
        err = None if failed is None else msgspec.json.encode({"status": "error", "message": failed})
        told = b'"response":%s' % content if err is None else b'"err":%s' % err
        return channel + REPLY, b'{%s,"isDisposed":true,"id":%s}' % (told, msgspec.json.encode(packet.id))

    def content(self, data: bytes) -> bytes | None:
        """The response, or the error; an end that comes by itself has neither."""
        answer = _read_answer(data)
        if answer is None:
            return None
        found = answer.err if isinstance(answer.err, Raw) and bytes(answer.err) != b"null" else answer.response
        return bytes(found) if isinstance(found, Raw) else None


def _packet_reader(channel: str) -> Callable[[bytes], Sighting | None]:
    """Reads packets; what the pattern is called is told once, and not for each of them."""
    reply_to = channel + REPLY
    actions: dict[bytes, str] = {}

    def read(data: bytes) -> Sighting | None:
        packet = _read_packet(data)
        if packet is None:
            return None
        pattern = bytes(packet.pattern)
        action = actions.get(pattern) or _action(channel, pattern)
        if action is None:
            return None
        if len(actions) < _MOST_SPELLINGS:
            actions[pattern] = action
        if packet.id is None:
            return None if packet.data is UNSET else Sighting(_BROADCAST, action)
        return Sighting(_REQUEST, action, id=packet.id, reply_to=reply_to)

    return read


def _answer_reader(channel: str) -> Callable[[bytes], Sighting | None]:
    """Reads answers, and packets where a pattern is called like the channel of answers."""
    read_packet = _packet_reader(channel)

    def read(data: bytes) -> Sighting | None:
        answer = _read_answer(data)
        if answer is None:
            return read_packet(data)
        err, ended = answer.err, answer.isDisposed
        failed = answer.status == "error" or (err is not UNSET and err != _NULL)
        if not answer.id or not (failed or ended or answer.response is not UNSET):
            return None
        if failed:
            code = _code(err) if isinstance(err, Raw) else None
            return Sighting(_RESPONSE, id=answer.id, reply_to=channel, error=True, code=code, shared=True)
        # A part has no mark of its own: where its question was not seen, the id must be one that NestJS makes.
        sure = ended or _OWN_ID(answer.id) is not None
        return Sighting(_RESPONSE, id=answer.id, reply_to=channel, final=ended, sure=sure, shared=True)

    return read


@lru_cache(maxsize=4096)
def _action(channel: str, pattern: bytes) -> str | None:
    """How people call the pattern; None where it is not that of the channel."""
    name = channel.encode("utf-8", "surrogatepass")
    if name not in (pattern, pattern[1:-1]):
        told, named = _read_any(pattern), _read_any(name) if channel.startswith("{") else channel
        # The keys of the channel are in order, those of the packet as somebody wrote them.
        if told is None or (str(told) if isinstance(told, int | float) else told) != named:
            return None
    if not channel.startswith("{"):
        return channel
    value: Any = _read_any(pattern)
    if isinstance(value, dict) and len(value) == 1:
        only = next(iter(value.values()))
        if isinstance(only, str) and only:
            return only
    return channel


def _code(err: Raw) -> str | None:
    value: Any = _read_any(bytes(err))
    code = value.get("code") if isinstance(value, dict) else None
    return str(code) if isinstance(code, str | int) and code != "" else None
