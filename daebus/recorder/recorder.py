"""What notes what an instance does. Every method may be called from any thread, and raises nothing."""

from __future__ import annotations

import sys
import time
import zlib
from typing import Any

from daebus.masking import without_passwords
from daebus.transport.fork import begins_anew

from .ring import Ring
from .texts import ERROR, NAME, cut, cut_id, frames_of, payload_text, told_of

COUNT = 2000
"""Records that are kept, where nothing else is said."""
SIZE = 4 * 1024 * 1024
"""Bytes that they may take together."""
_PLAIN = 500
"""Bytes that a record takes, about, without its texts: the tuple, its numbers and an id of ours."""

_USUAL = 60
"""Characters that the names and ids of most messages do not exceed; it is reckoned with them in `_PLAIN`."""

Digest = tuple[int, int]
"""CRC-32 and length of the bytes of a message."""


def digest_of(data: bytes) -> Digest:
    """What tells a broadcast, which has no id, from others on its channel."""
    return zlib.crc32(data), len(data)


class Recorder:
    """Keeps the newest `count` records. With `debug` they have payloads and, of exceptions, local variables as well.

    In a forked child, which is no instance of the service, it notes nothing any more.
    """

    def __init__(self, count: int = COUNT, *, debug: bool = False, size: int = SIZE) -> None:
        self._count = count
        self._size = size
        self.debug = debug
        self.ring = Ring(count, size)
        self._over = False
        begins_anew(self)

    def after_fork(self) -> None:
        """See `begins_anew`. A thread that is gone may have held the lock of the ring."""
        self.ring = Ring(self._count, self._size)
        self._over = True

    def handled(
        self,
        id: Any,
        action: str,
        sender: str | None,
        queued: float,
        elapsed: float,
        outcome: str,
        *,
        said: str | None = None,
        error: BaseException | None = None,
        payload: Any = None,
    ) -> None:
        """An action's handler has come to its end; `said` is the text of the error answer, if it is one."""
        if outcome == "ok" and error is None and not self.debug:
            self.served(id, action, sender, queued, elapsed)
            return
        about = (cut_id(id), cut(action, NAME), sender and cut(sender, NAME), queued, elapsed, cut(outcome, NAME))
        self._append("handled", (*about, *self._more(error, said, payload)))

    def served(self, id: Any, action: str, sender: str | None, queued: float, elapsed: float) -> None:
        """The same where all went well, and without a payload: so it is nearly always, and this takes half the time."""
        if self._over:
            return
        size = _PLAIN
        if len(action) > _USUAL or (sender is not None and len(sender) > _USUAL) or not _is_usual(id):
            id, action, sender = cut_id(id), cut(action, NAME), sender and cut(sender, NAME)
            size += _size((id, action, sender))
        self.ring.append((size, time.time(), "handled", id, action, sender, queued, elapsed, "ok"))

    def heard(
        self,
        id: Any,
        channel: str,
        digest: Digest,
        listener: str,
        elapsed: float,
        *,
        error: BaseException | None = None,
        payload: Any = None,
    ) -> None:
        """A listener has come to its end."""
        about = (cut_id(id), cut(channel, NAME), *digest, cut(listener, NAME), elapsed)
        self._note("heard", about, error, payload)

    def ran(self, id: Any, what: str, name: str, elapsed: float, error: BaseException | None = None) -> None:
        """A `task`, a `thread` or a `hook` (`what`) has come to its end."""
        self._note("ran", (cut_id(id), what, cut(name, NAME), elapsed), error, None)

    def called(self, id: Any, service: str, action: str, parent: Any, elapsed: float, outcome: str) -> None:
        """A request of this instance's own has come to its end."""
        if self._over:
            return
        size = _PLAIN
        if len(service) > _USUAL or len(action) > _USUAL or len(outcome) > _USUAL or not _is_usual(parent):
            service, action, outcome = cut(service, NAME), cut(action, NAME), cut(outcome, NAME)
            parent = cut_id(parent)
            size += _size((service, action, outcome, parent))
        self.ring.append((size, time.time(), "called", id, service, action, parent, elapsed, outcome))

    def published(self, channel: str, digest: Digest, parent: Any) -> None:
        """A broadcast of this instance's own has gone out."""
        self._append("published", (cut(channel, NAME), *digest, cut_id(parent)))

    def refused(
        self,
        id: Any,
        action: str | None,
        code: str,
        queued: float | None,
        channel: str | None = None,
        digest: Digest | None = None,
        listener: str | None = None,
    ) -> None:
        """A message was not handled; a broadcast has a `channel` and a `digest` in the place of id and action.

        One that does not fit one of its listeners has that, and an id by which its lines in the log are known.
        So is a request noted whose answer a debugger dropped, by the code `answer_dropped`.
        """
        values = (cut_id(id), None if action is None else cut(action, NAME), code, queued)
        broadcast = () if channel is None or digest is None else (cut(channel, NAME), *digest)
        heard = () if listener is None else (cut(listener, NAME),)
        self._append("refused", (*values, *broadcast, *heard))

    def logged(self, level: str, logger: str, text: str, id: Any, error: str | None = None) -> None:
        """A line went to a log."""
        said = None if error is None else cut(error, ERROR)
        self._append("logged", (cut(level, NAME), cut(logger, NAME), cut(text, ERROR), cut_id(id), said))

    def _note(self, kind: str, about: tuple[Any, ...], error: BaseException | None, payload: Any) -> None:
        if error is None and not self.debug:
            self._append(kind, (*about, "ok"))
        else:
            self._append(kind, (*about, "ok" if error is None else "error", *self._more(error, None, payload)))

    def _append(self, kind: str, values: tuple[Any, ...]) -> None:
        if not self._over:
            self.ring.append((_PLAIN + _size(values), time.time(), kind, *values))

    def _more(self, error: BaseException | None, said: str | None, payload: Any) -> tuple[Any, ...]:
        """`type`, `error`, `traceback`, `payload` and `frames`."""
        kept = payload_text(payload) if self.debug and payload is not None else None
        said = None if said is None else cut(without_passwords(said), ERROR)
        if error is None:
            return None, said, None, kept, None
        kind, text, trace = told_of(error)
        return kind, said or text, trace, kept, frames_of(error) or None if self.debug else None


def _is_usual(id: Any) -> bool:
    """Whether an id needs no look at how long it is."""
    return id is None or (id.__class__ is str and len(id) <= _USUAL)


def _size(values: tuple[Any, ...]) -> int:
    """Bytes of the texts among them."""
    size = 0
    for value in values:
        if value.__class__ is str:
            size += sys.getsizeof(value)
        elif value.__class__ is list:
            size += sum(_size(tuple(each.values())) + _size(tuple(each["locals"].items())) for each in value)
        elif value.__class__ is tuple:
            size += _size(value)
    return size
