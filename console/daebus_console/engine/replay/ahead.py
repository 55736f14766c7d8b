"""Reading ahead in a thread of its own, so that a pause of the disk or of the parser makes nobody late. Pure."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 1_000
_TICK = 0.5


class Ahead(Generic[T]):
    """The items of `source`, of which up to a thousand are read before they are asked for.

    To be iterated once, after `start`; raises what the source raises. `changed` is notified of what comes.
    """

    def __init__(self, source: Iterable[T], changed: threading.Condition) -> None:
        self._source = source
        self._changed = changed
        self._items: deque[T] = deque()
        self._ended = False
        self._stopping = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="daebus-console-ahead", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def halt(self) -> None:
        """Read no further, and give no more of what was read. Does not wait."""
        with self._changed:
            self._stopping = True
            self._items.clear()
            self._changed.notify_all()

    def stop(self) -> None:
        """The same; returns when the thread has ended."""
        self.halt()
        if self._thread.is_alive():
            self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                while not self._items and not self._ended and not self._stopping:
                    self._changed.wait(_TICK)
                if not self._items:
                    if self._error is not None:
                        raise self._error
                    return
                item = self._items.popleft()
                if len(self._items) == _MOST // 2:
                    self._changed.notify_all()
            yield item

    def _run(self) -> None:
        iterator = iter(self._source)
        try:
            for item in iterator:
                with self._changed:
                    self._items.append(item)
                    if len(self._items) == 1:
                        self._changed.notify_all()
                    while len(self._items) >= _MOST and not self._stopping:
                        self._changed.wait(_TICK)
                    if self._stopping:
                        break
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the items are asked for
            self._error = error
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()
