"""What asks where nobody has said where: closed, it is found anew."""

from __future__ import annotations

import threading

from daebus.client.lanes import Lanes
from daebus.transport.bus import Bus


class Lane:
    """Asks nobody, and knows whether it was left."""

    pending = 0

    def __init__(self, _bus: Bus) -> None:
        self.left = False

    def close(self, *, now: bool) -> None:
        pass

    def leave(self, *, now: bool) -> None:
        self.left = True


class JustBefore:
    """A lock that another thread had just before, which asked meanwhile."""

    def __init__(self, lanes: Lanes[Lane]) -> None:
        self._lanes = lanes
        self._lock = lanes._lock

    def __enter__(self) -> None:
        self._lanes._lock = self._lock
        thread = threading.Thread(target=self._lanes.here)
        thread.start()
        thread.join()
        self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._lock.release()


def test_what_was_found_while_all_were_closed_is_not_used_again() -> None:
    lanes = Lanes(Lane, sharded=False)
    before = lanes.here()
    lanes._lock = JustBefore(lanes)  # type: ignore[assignment]
    lanes.close(now=True)
    assert before.left
    assert not lanes.here().left
