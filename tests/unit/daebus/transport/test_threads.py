"""Starting threads where a signal raises something in the middle of it."""

from __future__ import annotations

import threading

import pytest

from daebus.transport.threads import begin


class Interrupt(Exception):
    """What a signal raises."""


class Stumbling(threading.Thread):
    """Starts as `Thread.start` does where the thread has begun already when a signal raises something."""

    def __init__(self, raised: Exception | None) -> None:
        super().__init__()
        self.raised = raised

    def start(self) -> None:
        try:
            if self.raised is not None:
                raise self.raised
        except Interrupt:
            raise KeyError(self) from None
        raise KeyError("another")


def test_what_a_signal_raises_is_raised_and_not_what_the_bookkeeping_of_threads_makes_of_it() -> None:
    with pytest.raises(Interrupt):
        begin(Stumbling(Interrupt()))
    with pytest.raises(KeyError, match="another"):
        begin(Stumbling(None))
