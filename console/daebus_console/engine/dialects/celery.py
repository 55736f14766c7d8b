"""celery: events of workers, control of them, and results. Tasks themselves go by lists and are not on the bus."""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from daebus_console.engine.message.dialect import Announced, Dialect, Sighting, json_reader, text_in
from daebus_console.engine.message.exchange import Kind

RESULT = "celery-task-meta-"
_CHANNEL = re.compile(r"/\d+\.(?:celeryev/(?P<event>[\w.-]+)|(?P<control>.+)\.pidbox)", re.DOTALL).fullmatch
_ENDS = {"task-succeeded": False, "task-failed": True, "task-rejected": True, "task-revoked": True}
_GOOD = frozenset({"SUCCESS", "IGNORED"})
_BAD = frozenset({"FAILURE", "REVOKED", "REJECTED"})


# Members of an enum are slow to look up, and these are wanted for every event.
_REQUEST, _RESPONSE, _BROADCAST, _ONE_WAY = Kind.REQUEST, Kind.RESPONSE, Kind.BROADCAST, Kind.ONE_WAY


class _Properties(msgspec.Struct, gc=False):
    body_encoding: Any = None


class _Envelope(msgspec.Struct, gc=False, rename={"content_type": "content-type"}):
    body: str
    properties: _Properties
    content_type: str = ""


class _Event(msgspec.Struct, gc=False):
    type: str
    hostname: str
    uuid: str | None = None
    name: str | None = None
    parent_id: str | None = None
    runtime: float | None = None
    exception: str | None = None


class _Control(msgspec.Struct, gc=False):
    method: str
    arguments: dict[str, Any]
    ticket: str | None = None


class _Result(msgspec.Struct, gc=False):
    status: str
    task_id: str
    result: Raw | UnsetType = UNSET
    name: str | None = None
    worker: str | None = None
    parent_id: str | None = None


class _Exception(msgspec.Struct, gc=False):
    exc_type: str | None = None


_read_envelope = json_reader(_Envelope)
_read_events = json_reader(list[_Event])
_read_event = json_reader(_Event)
_read_control = json_reader(_Control)
_read_result = json_reader(_Result)
_read_exception = json_reader(_Exception)


class Spoken(Dialect):
    """Celery and kombu."""

    name = "celery"
    title = "Celery 5.6, 5.7 with kombu on Redis"
    pairs = "the task's id, in its events (worker -E) and its result"
    unknown = "who called a task, and when; without -E that it was received; what inspect is answered, by a list"
    silence = "no result on the bus yet, and a task may take any time"
    once = "tasks go by lists, not over Pub/Sub"
    unasked = True

    def owns(self, channel: str) -> bool:
        """Fanout exchanges and results."""
        return channel.startswith(RESULT) or _CHANNEL(channel) is not None

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """A result for the channel that it came on, or kombu's envelope."""
        return self.reader(channel)(data)

    def reader(self, channel: str) -> Callable[[bytes], Sighting | None]:
        """The same; what there is on it is told by the channel."""
        if channel.startswith(RESULT):
            return partial(_result, channel)
        found = _CHANNEL(channel)
        if found is None:
            return lambda _data: None
        if found["control"] is not None:
            return _controlled
        return _of_worker if found["event"].startswith("worker.") else _of_tasks

    def announced(self, channel: str, data: bytes) -> Announced | None:
        """Workers tell that they are there with each heartbeat."""
        body = None if channel.startswith(RESULT) else _body(data)
        event = None if body is None else _read_event(body)
        if event is None or not event.type.startswith("worker-"):
            return None
        return Announced(event.hostname, gone=event.type == "worker-offline")

    def remark(self, channel: str, data: bytes) -> str | None:
        """Who asks workers something is answered elsewhere."""
        body = None if channel.startswith(RESULT) else _body(data)
        control = None if body is None else _read_control(body)
        if control is None or control.ticket is None:
            return None
        return "its answers go by a list in Redis, not over Pub/Sub: they cannot be seen here"


def _body(data: bytes) -> bytes | None:
    """What kombu's envelope holds; None where it is none, or holds no JSON."""
    envelope = _read_envelope(data)
    if envelope is None or "json" not in envelope.content_type:
        return None
    if envelope.properties.body_encoding != "base64":
        return envelope.body.encode("utf-8", "surrogatepass")
    try:
        return a2b_base64(envelope.body, strict_mode=True)
    except ValueError:
        return None


def _controlled(data: bytes) -> Sighting | None:
    body = _body(data)
    control = None if body is None else _read_control(body)
    return None if control is None else Sighting(_ONE_WAY, control.method, quiet=control.method == "hello")


def _of_worker(data: bytes) -> Sighting | None:
    body = _body(data)
    event = None if body is None else _read_event(body)
    if event is None:
        return None
    return Sighting(_BROADCAST, event.type, source=event.hostname, quiet=event.type == "worker-heartbeat")


def _of_tasks(data: bytes) -> Sighting | None:
    body = _body(data)
    if body is None:
        return None
    if body.startswith(b"["):
        events = _read_events(body)
    else:
        event = _read_event(body)
        events = None if event is None else [event]
    if events is None:
        return None
    within = [said for one in events if (said := _task(one)) is not None]
    return Sighting(_BROADCAST, "events of tasks", quiet=True, within=within)


def _task(event: _Event) -> Sighting | None:
    if not event.uuid:
        return None
    where = RESULT + event.uuid
    if event.type == "task-received":
        return Sighting(
            _REQUEST, event.name, target=event.hostname, id=event.uuid, reply_to=where, parent_id=event.parent_id,
            instance=event.hostname,
        )  # fmt: skip
    bad = _ENDS.get(event.type)
    if bad is None:
        return None
    code = (event.exception or event.type.removeprefix("task-")).partition("(")[0] if bad else None
    return Sighting(
        _RESPONSE, id=event.uuid, reply_to=where, elapsed=event.runtime, instance=event.hostname, error=bad,
        code=code, sure=False,
    )  # fmt: skip


def _result(channel: str, data: bytes) -> Sighting | None:
    result = _read_result(data)
    # A task may name states of its own, such as PROGRESS.
    if result is None or not result.status or channel != RESULT + result.task_id:
        return None
    error, code = result.status in _BAD, None
    if error:
        failed = _read_exception(bytes(result.result)) if isinstance(result.result, Raw) else None
        code = (None if failed is None else text_in(failed.exc_type)) or result.status.lower()
    final = error or result.status in _GOOD
    return Sighting(
        _RESPONSE, result.name, target=result.worker, id=result.task_id, reply_to=channel, final=final, error=error,
        code=code, sure=final, instance=result.worker, parent_id=result.parent_id,
    )  # fmt: skip
