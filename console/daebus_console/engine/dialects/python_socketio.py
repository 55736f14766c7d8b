"""python-socketio: its managers on Redis. All of it on one channel; `call` asks, a callback answers."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from daebus_console.engine.message.dialect import Dialect, Sighting, json_reader, text_in
from daebus_console.engine.message.exchange import Kind

_METHODS = frozenset({"emit", "callback", "disconnect", "enter_room", "leave_room", "close_room"})
_QUIET = frozenset({"enter_room", "leave_room"})
_HOST = re.compile(r"[0-9a-f]{32}").fullmatch


class _Frame(msgspec.Struct, gc=False):
    method: str
    host_id: str
    event: Any = None
    namespace: str | None = None
    callback: list[Any] | None = None
    sid: str | None = None
    id: int | None = None


_read = json_reader(_Frame)


class Spoken(Dialect):
    """python-socketio."""

    name = "python-socketio"
    title = "python-socketio 5.14 and later (older ones write pickle)"
    pairs = "host_id, sid, namespace and id of the callback"
    unknown = "which server answered; that a call failed"
    once = "its servers answer only one another"
    openings = (b'{"method":',)

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """A method that it has, and the id of a host."""
        del channel
        frame = _read(data)
        if frame is None or frame.method not in _METHODS or not _HOST(frame.host_id):
            return None
        method, host = frame.method, frame.host_id
        if method == "callback":
            if frame.sid is None or frame.id is None:
                return None
            return Sighting(Kind.RESPONSE, id=_key(frame.sid, frame.namespace, frame.id), reply_to=host)
        if method != "emit":
            return Sighting(Kind.BROADCAST, method, source=host, quiet=method in _QUIET)
        event = text_in(frame.event)
        if frame.callback is None:
            return Sighting(Kind.BROADCAST, event, source=host)
        if len(frame.callback) != 3:
            return None
        return Sighting(Kind.REQUEST, event, source=host, id=_key(*frame.callback), reply_to=host)


def _key(sid: Any, namespace: Any, number: Any) -> str:
    """What names a callback of a host; the number alone counts the calls to one client."""
    return f"{sid} {namespace} {number}"[:300]
