"""Ending a wait in `poll` from another thread, or from a signal handler."""

from __future__ import annotations

import os


class WakeUp:
    """A pipe to poll along with other descriptors: `descriptor` is readable from `call` until `heed`."""

    def __init__(self) -> None:
        self.descriptor, self._write = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._write, False)

    def call(self) -> None:
        """Make the descriptor readable. May be called in a signal handler."""
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            # It is full of calls, so it is readable.
            pass

    def heed(self) -> None:
        """Make it unreadable again."""
        try:
            os.read(self.descriptor, 4096)
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Free the pipe."""
        os.close(self.descriptor)
        os.close(self._write)
