"""The terminal under the full screen: its own size, suspending as other programs do, and left as it was.

Beside Textual's driver for POSIX: the size is the terminal's, whatever COLUMNS and LINES say; ctrl+z stops the whole
job and, where no shell could continue it, nothing; a terminal that has gone ends the console, also where no signal
tells of it; and whatever happens, the terminal can be put back (`restore`).
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import termios
import time
from signal import SIGCONT, SIGTSTP
from types import FrameType
from typing import IO, Any, cast

from textual.drivers.linux_driver import LinuxDriver

_SETTLE = 0.05
"""Seconds between two looks whether we are in the foreground again."""
_LOOK_EVERY = 1.0
"""Seconds between two looks whether the terminal is still there."""
_GONE = 128 + signal.SIGHUP
"""The exit status of a program that ended as its terminal went."""
_BACK = (
    "\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1016l\x1b[?1006l\x1b[?1004l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[0m"
)
"""Takes back what the driver, and Textual's drivers of earlier times, switch on."""


class ConsoleDriver(LinuxDriver):
    """See the module. `current` is the one that has the terminal."""

    current: ConsoleDriver | None = None

    def __init__(self, app: Any, **keywords: Any) -> None:
        self._handlers: dict[int, Any] = {number: signal.getsignal(number) for number in (SIGTSTP, SIGCONT)}
        super().__init__(app, **keywords)
        # Textual's own go: they are set where the terminal is ours, and only then.
        self._hand_back()
        # Where standard error is written to a file, the screen is not.
        self._screen = _Patient(sys.__stdout__ or sys.__stderr__)
        self._file = cast(Any, self._screen)
        self._settings: list[Any] | None = None
        self._look: asyncio.TimerHandle | None = None
        self._continued = False
        self._stopping = False

    def _hand_back(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start_application_mode(self) -> None:
        """See Textual."""
        self._settings = _settings_of(self.fileno)
        ConsoleDriver.current = self
        signal.signal(SIGTSTP, self._stop)
        signal.signal(SIGCONT, self._go_on)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._mind_the_terminal()

    def stop_application_mode(self) -> None:
        """See Textual."""
        super().stop_application_mode()
        self._switch_off_pixels()
        ConsoleDriver.current = None

    def _mind_the_terminal(self) -> None:
        """End the console when its terminal has gone: of that not everybody is told by SIGHUP.

        A program in a container is not, nor one below a leader of the session that waits for it. What is read there is
        at its end for ever, so that Textual's driver would ask for it without a pause.
        """
        if self._look is not None:
            # Of the time before it was suspended.
            self._look.cancel()
        if ConsoleDriver.current is self and not _has_gone(self.fileno):
            self._look = asyncio.get_running_loop().call_later(_LOOK_EVERY, self._mind_the_terminal)
        elif ConsoleDriver.current is self:
            self._app.exit(_GONE)

    def _switch_off_pixels(self) -> None:
        if self._mouse_pixels:
            self.write("\x1b[?1016l")

    def close(self) -> None:
        """See Textual; signals mean again what they meant before."""
        super().close()
        if not self._stopping:
            self._hand_back()

    def restore(self) -> None:
        """Put the terminal back at once, from wherever that is asked: no thread of the driver is needed for it."""
        ConsoleDriver.current = None
        try:
            os.write(self._screen.fileno(), _BACK.encode())
            if self._settings is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self._settings)
        except (OSError, termios.error):
            pass

    def _get_terminal_size(self) -> tuple[int, int]:
        """The size of the terminal itself: what stands in the environment is of the shell's time, and never changes."""
        for number in (self.fileno, self._screen.fileno()):
            try:
                columns, lines = os.get_terminal_size(number)
            except OSError:
                continue
            if columns > 0 and lines > 0:
                return columns, lines
        return super()._get_terminal_size()

    # Stopping and going on -------------------------------------------------------------------------------------

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTSTP: leave the terminal to the shell, stop, and take it again when that is in the foreground."""
        if self._stopping:
            return
        self._stopping = True
        self.suspend_application_mode()
        try:
            self._continued = False
            self._stand_still()
            while not self._in_foreground():
                time.sleep(_SETTLE)
                self._stand_still()
        finally:
            self._take_again()
        if not self._continued:
            self._tell("Not suspended: no shell is there to bring it back")

    def _stand_still(self) -> None:
        """Stop as any program does; the system ignores that where nobody could continue us."""
        handler = signal.signal(SIGTSTP, signal.SIG_DFL)
        try:
            os.kill(os.getpid(), SIGTSTP)
        finally:
            signal.signal(SIGTSTP, handler)

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:
            # The terminal is gone: there is nothing to wait for.
            return True

    def _go_on(self, _number: int, _frame: FrameType | None) -> None:
        """SIGCONT. After a SIGSTOP, which nobody is told of, the terminal may be as a shell left it."""
        self._continued = True
        if not self._stopping and self._in_foreground():
            self._stopping = True
            try:
                self.suspend_application_mode()
            finally:
                self._take_again()

    def _take_again(self) -> None:
        try:
            self.resume_application_mode()
        finally:
            # Not before: another signal would find it half there.
            self._stopping = False
        app = self._app
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(lambda: app.refresh(layout=True))
        asyncio.run_coroutine_threadsafe(app._post_message(self.SignalResume()), loop=loop)

    def _tell(self, text: str) -> None:
        app = self._app
        asyncio.get_running_loop().call_soon_threadsafe(lambda: app.notify(text, severity="warning"))


class _Patient:
    """A terminal to write to; what cannot be written to it since it has gone is nobody's trouble."""

    def __init__(self, file: IO[str] | None) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return 0 if self._file is None else self._file.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        """Let it be seen, if anybody looks."""
        try:
            if self._file is not None:
                self._file.flush()
        except (OSError, ValueError):
            pass

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._file is not None and self._file.isatty()

    def fileno(self) -> int:
        """The descriptor."""
        if self._file is None:
            raise OSError("there is no terminal")
        return self._file.fileno()


def _has_gone(number: int) -> bool:
    """Whether whoever had the other end of a terminal has closed it."""
    look = select.poll()
    look.register(number, 0)
    return any(event & select.POLLHUP for _number, event in look.poll(0))


def _settings_of(number: int) -> list[Any] | None:
    try:
        return termios.tcgetattr(number)
    except termios.error:
        return None


def restore() -> None:
    """Put the terminal back, where a driver still has it."""
    if ConsoleDriver.current is not None:
        ConsoleDriver.current.restore()
