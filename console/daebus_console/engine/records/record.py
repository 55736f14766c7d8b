"""A record of a flight recorder, one class a kind, and how they are read out of messages. Pure; raises nothing.

All of a batch is read at once. Where one record in it is not as it should be, each is read by itself, and those that
cannot be are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import msgspec

from daebus_console.engine.message.envelope import WATCH_PREFIX
from daebus_console.engine.message.nesting import DEEPEST, is_too_deep

Id = str | int | float | bool | None
Number = Annotated[int, msgspec.Meta(ge=1, lt=1 << 62)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Time = Annotated[float, msgspec.Meta(gt=0, lt=1e11)]
Seconds = Annotated[float, msgspec.Meta(ge=0, lt=1e9)]
OK = "ok"
DEFERRED = "deferred"
UNAVAILABLE = "unavailable"
"""How a call ended where nobody was there to be asked."""
_WELL = (OK, DEFERRED)
_LATEST = 20
"""Batches by which the clock of an instance is judged, and as many before them."""


class Source:
    """One instance that tells: its `service`, its `instance` id, and how its records have come so far.

    `seq` is the highest number seen; `lost` counts records that fell out of its ring unread, `left_out` those that it
    did not publish for want of room. `off` are the seconds by which its clock is behind that of the tap, as the latest
    batches tell; 0 where they agree within half a second, or nobody knows.
    """

    __slots__ = ("_before", "_count", "_least", "instance", "left_out", "lost", "off", "seq", "service")

    def __init__(self, service: str, instance: str) -> None:
        self.service, self.instance = service, instance
        self.seq = self.lost = self.left_out = 0
        self.off = 0.0
        self._count = 0
        self._least = self._before = math.inf

    def compare(self, at: float, newest: float) -> None:
        """Its newest record, of `newest`, was seen at `at`, at most some tenths of a second after it was made."""
        if self._count == _LATEST:
            # Its clock may have been set since.
            self._before, self._least, self._count = self._least, math.inf, 0
        self._count += 1
        self._least = min(self._least, at - newest)
        least = min(self._least, self._before)
        self.off = 0.0 if -0.5 < least < 0.5 else least

    def forget_clock(self) -> None:
        """How far its clock is off is not known any more."""
        self._least = self._before = math.inf
        self.off = 0.0


class Record(msgspec.Struct, gc=False, kw_only=True, tag_field="kind", tag=str.lower):
    """What all kinds have: the number within the ring of its source, and epoch seconds by the source's clock."""

    kind: ClassVar[str]
    seq: Number
    at: Time
    source: Source = msgspec.field(default=None, name="")  # type: ignore[assignment]  # set when it is taken

    @property
    def begun(self) -> float:
        """When what it tells of began, by the clock of the tap as far as that is known."""
        return self.at + self.source.off - (getattr(self, "elapsed", None) or 0.0)

    @property
    def came(self) -> float:
        """When the message came that it tells of, which may have waited for a worker since."""
        return self.begun - (getattr(self, "queued", None) or 0.0)

    @property
    def failed(self) -> bool:
        """Whether it tells of something that went wrong."""
        return getattr(self, "outcome", OK) not in _WELL


class Frame(msgspec.Struct, gc=False):
    """A frame of an exception, told by services that run with `debug`."""

    file: str = ""
    line: int | None = None
    function: str = ""
    locals: dict[str, str] = {}


class _Run(Record, gc=False, kw_only=True):
    """Something of the program has come to its end."""

    id: Id = None
    elapsed: Seconds | None = None
    outcome: str = OK
    type: str | None = None
    error: str | None = None
    traceback: str | None = None
    payload: str | None = None
    frames: list[Frame] | None = None


class Handled(_Run, gc=False, kw_only=True, tag="handled"):
    """The handler of an action. `queued` are the seconds that the message waited for a worker."""

    kind = "handled"
    action: str = ""
    sender: str | None = msgspec.field(default=None, name="from")
    queued: Seconds | None = None


class Heard(_Run, gc=False, kw_only=True, tag="heard"):
    """A listener. `digest` and `length` are those of the broadcast."""

    kind = "heard"
    channel: str = ""
    digest: str = ""
    length: int = -1
    listener: str = ""


class Ran(_Run, gc=False, kw_only=True, tag="ran"):
    """A background task, a thread or a hook: `what`, and its name."""

    kind = "ran"
    what: str = ""
    name: str = ""


class Called(Record, gc=False, kw_only=True, tag="called"):
    """A request that the instance made itself, under `parent`."""

    kind = "called"
    id: Id = None
    service: str = ""
    action: str = ""
    parent: Id = None
    elapsed: Seconds | None = None
    outcome: str = OK


class Published(Record, gc=False, kw_only=True, tag="published"):
    """A broadcast of the instance, made under `parent`."""

    kind = "published"
    channel: str = ""
    digest: str = ""
    length: int = -1
    parent: Id = None


DEBUGGER = "debugger"
"""The code of what a debugger kept from its handler."""
ANSWER_DROPPED = "answer_dropped"
"""The code of a request that was handled, and whose answer a debugger dropped."""


class Refused(Record, gc=False, kw_only=True, tag="refused"):
    """A message that was not handled: with an action, or with the channel and digest of a broadcast.

    That has a `listener` where it does not fit that one; others may have heard it.

    Or a request that was, and is not answered: ANSWER_DROPPED.
    """

    kind = "refused"
    id: Id = None
    action: str | None = None
    code: str = ""
    queued: Seconds | None = None
    channel: str | None = None
    digest: str = ""
    length: int = -1
    listener: str = ""

    @property
    def failed(self) -> bool:
        return True

    @property
    def debugged(self) -> bool:
        """Whether that is the doing of a debugger."""
        return self.code in (DEBUGGER, ANSWER_DROPPED)


class Logged(Record, gc=False, kw_only=True, tag="logged"):
    """A line of a log, written while `id` was handled."""

    kind = "logged"
    level: str = ""
    logger: str = ""
    text: str = ""
    id: Id = None
    error: str | None = None

    @property
    def failed(self) -> bool:
        return self.level in ("ERROR", "CRITICAL")


Any_ = Handled | Heard | Ran | Called | Published | Refused | Logged
KINDS = ("handled", "heard", "ran", "called", "published", "refused", "logged")


class Batch(msgspec.Struct, gc=False):
    """What one message tells; of its records those that can be read, and are of a kind that is known."""

    service: str
    instance: str
    records: list[Any_]
    lost: int = 0
    left_out: int = 0


class _From(msgspec.Struct, gc=False):
    service: str
    instance: str
    payload: msgspec.Raw = msgspec.Raw(b"null")


class _Told(msgspec.Struct, gc=False):
    records: list[Any_]
    lost: Count = 0
    left_out: Count = 0


class _Untold(msgspec.Struct, gc=False):
    """The same, where something in it is not as it should be."""

    records: list[msgspec.Raw]
    lost: msgspec.Raw = msgspec.Raw(b"0")
    left_out: msgspec.Raw = msgspec.Raw(b"0")


_read_from = msgspec.json.Decoder(_From).decode
_read_told = msgspec.json.Decoder(_Told).decode
_read_untold = msgspec.json.Decoder(_Untold).decode
_read_one: Callable[[Any], Any_] = msgspec.json.Decoder(Any_).decode
_read_count: Callable[[Any], int] = msgspec.json.Decoder(Count).decode
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)


def batch_in(channel: str, data: bytes) -> Batch | None:
    """The records in a message: a batch on a watch channel, or an answer to `recent`; None where it is neither."""
    if b'"records"' not in data or (len(data) > DEEPEST and is_too_deep(data)):
        return None
    watched = channel.startswith(WATCH_PREFIX)
    try:
        origin = _read_from(data)
        if watched and origin.service != channel[len(WATCH_PREFIX) :]:
            return None
        return _batch(origin, data if watched else bytes(origin.payload))
    except _WRONG:
        return None


def _batch(origin: _From, data: bytes) -> Batch:
    try:
        told = _read_told(data)
        return Batch(origin.service, origin.instance, told.records, told.lost, told.left_out)
    except _WRONG:
        pass
    rest = _read_untold(data)
    records = [record for record in (_or(None, _read_one, one) for one in rest.records) if record is not None]
    lost, left_out = (_or(0, _read_count, one) for one in (rest.lost, rest.left_out))
    return Batch(origin.service, origin.instance, records, lost, left_out)


def _or(otherwise: Any, read: Callable[[Any], Any], data: msgspec.Raw) -> Any:
    try:
        return read(data)
    except _WRONG:
        return otherwise


def key_of(id: Id) -> str | None:
    """An id as the console has it: text. None for none, and for true and false, which it takes for none."""
    return id if id.__class__ is str else None if id is None or id is True or id is False else str(id)
