"""Signals that ask a program to end, as something to wait for. Imports nothing of the package."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import Any


class StopSignals:
    """While entered, `signals` end nothing: they call `on_signal` and let `wait` return true.

    A signal that this process was started to ignore (nohup) stays ignored. Python lets only the main thread handle
    signals: in another thread entering does nothing.
    """

    def __init__(self, signals: Iterable[signal.Signals], on_signal: Callable[[], None]) -> None:
        self._signals = tuple(signals)
        self._on_signal = on_signal
        self._before: dict[signal.Signals, Any] = {}
        self._readable, self._writable = -1, -1

    def __enter__(self) -> StopSignals:
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._writable, False)
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
        os.close(self._readable)
        os.close(self._writable)

    def wait(self, seconds: float) -> bool:
        """Wait until one of the signals has come, at most `seconds`; whether one has."""
        return bool(select.select([self._readable], [], [], seconds)[0])

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        # A byte in a pipe, since an Event that the main thread is just waiting on could lock up here.
        self._on_signal()
        try:
            os.write(self._writable, b"!")
        except BlockingIOError:
            pass
