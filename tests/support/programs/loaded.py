"""Python programs run in forks of a process that has `daebus` loaded, where their start itself is not what is tested.

To import it takes some ten times as long as all else that a small service does to start. A fork becomes the program as
the interpreter would have started it, and ends as an interpreter does.
"""

from __future__ import annotations

import builtins
import fcntl
import functools
import gc
import io
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, NoReturn

from tests.support.processes import die_with_parent
from tests.support.programs.jobs import Asking, take

ROOT = Path(__file__).parents[3]
FILTERS = list(warnings.filters)
"""As they are when the interpreter starts."""
PATH = sys.path[1:]


def prepare(environ: Mapping[str, str], files: Sequence[int]) -> None:
    """Make this fork a new process: with this environment, and these files as its streams; no other is left open."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            interrupting = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if interrupting else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.environ.clear()
    os.environ.update(environ)
    # First out of the way of each other.
    for number, file in enumerate([fcntl.fcntl(file, fcntl.F_DUPFD, 16) for file in files]):
        os.dup2(file, number)
    os.closerange(len(files), 1 << 16)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _unbuffered(1, "strict"), _unbuffered(2, "backslashreplace")
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{name}__", getattr(sys, name))


def _unbuffered(number: int, errors: str) -> io.TextIOWrapper:
    # As with PYTHONUNBUFFERED.
    raw = io.FileIO(number, "wb", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=True)


def become(arguments: Sequence[str]) -> None:
    """Carry out what `python ARGUMENTS` would: options -P and -W error, then -c CODE or a script, then its own."""
    words = list(arguments)
    warnings.filters[:] = FILTERS  # type: ignore[index] # a list, which the stubs do not tell
    safe_path = False
    while words[0] in ("-P", "-W"):
        if words.pop(0) == "-P":
            safe_path = True
        else:
            assert words.pop(0) == "error"
            warnings.simplefilter("error")
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    if words[0] == "-c":
        place, name, text = "", "<string>", words.pop(1)
    else:
        name = words[0]
        place = os.path.dirname(os.path.abspath(name))
        main.__file__ = name
        with open(name, encoding="utf-8") as file:
            text = file.read()
    sys.argv = words
    sys.path[:] = PATH if safe_path else [place, *PATH]
    sys.modules["__main__"] = main
    exec(compile(text, name, "exec"), main.__dict__)


class Process:
    """A fork, as `subprocess` shows processes."""

    pid: int
    returncode: int | None = None

    def _look(self, seconds: float | None) -> int | None:
        """Its exit status, waited for so long (None: as long as it takes), or None while it runs."""
        raise NotImplementedError

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._look(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.returncode = self._look(timeout)
            if self.returncode is None:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedHere(Process):
    """What takes the place of `subprocess.Popen` where a single-threaded program starts Python: a fork of itself."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int,
        stdout: IO[bytes],
        stderr: IO[bytes],
        env: Mapping[str, str],
        start_new_session: bool,
    ) -> None:
        assert command[0] == sys.executable
        assert start_new_session
        # A signal that comes before the fork has handlers of its own waits for them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self.pid = os.fork()
        if not self.pid:
            try:
                gc.freeze()
                os.setsid()
                prepare(env, [stdin, stdout.fileno(), stderr.fileno()])
                _run_to_the_end(command[1:])
            finally:
                os._exit(97)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _look(self, seconds: float | None) -> int | None:
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, 0 if until is None else os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if until is not None and time.monotonic() >= until:
                return None
            time.sleep(0.005)


def demo_forks(popen: Callable[..., Process]) -> types.SimpleNamespace:
    """What takes the place of `subprocess` in the module that starts the processes of the demo."""
    return types.SimpleNamespace(Popen=popen, TimeoutExpired=subprocess.TimeoutExpired)


@functools.cache
def loaded() -> Asking:
    """The process with `daebus` loaded. It has the standard error of this one, for what is wrong with itself."""
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'console'}"}
    return Asking(["-m", "tests.support.programs.loaded"], cwd=ROOT, env=environ)


class Forked(Process):
    """What takes the place of `subprocess.Popen` for a program that may be forked from one that is loaded."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        stdin: int | IO[Any] = subprocess.DEVNULL,
        stdout: int | IO[Any] = subprocess.PIPE,
        stderr: int | IO[Any] = subprocess.STDOUT,
        start_new_session: bool = False,
    ) -> None:
        assert command[0] == sys.executable
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        with ExitStack() as stack:

            def theirs(file: int) -> int:
                stack.callback(os.close, file)
                return file

            if stdin == subprocess.DEVNULL:
                stdin = theirs(os.open(os.devnull, os.O_RDONLY))
            elif stdin == subprocess.PIPE:
                end, ours = os.pipe()
                stdin, self.stdin = theirs(end), os.fdopen(ours, "w", encoding="utf-8")
            if stdout == subprocess.PIPE:
                ours, end = os.pipe()
                stdout, self.stdout = theirs(end), os.fdopen(ours, encoding="utf-8")
            if stderr == subprocess.STDOUT:
                stderr = stdout
            files = [file if isinstance(file, int) else file.fileno() for file in (stdin, stdout, stderr)]
            job = {
                "arguments": command[1:],
                "environ": dict(env),
                "folder": os.getcwd(),
                "session": start_new_session,
            }
            # Its process id and how it ended are told there, a line each.
            self._told = os.fdopen(loaded().begin(job, files), "rb", buffering=0)
        self.pid = int(self._told.readline())

    def _look(self, seconds: float | None) -> int | None:
        if not select.select([self._told], [], [], seconds)[0]:
            return None
        with self._told:
            return int(self._told.readline())

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """What it has yet to say, to its end."""
        assert self.stdout is not None
        if self.stdin is not None:
            with suppress(BrokenPipeError):
                self.stdin.close()
        said: list[str] = []
        reading = threading.Thread(target=lambda: said.append(self.stdout.read()), daemon=True)  # type: ignore[union-attr]
        reading.start()
        reading.join(timeout)
        if reading.is_alive():
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        self.stdout.close()
        self.wait(timeout)
        return said[0], None


def _run_to_the_end(arguments: Sequence[str]) -> NoReturn:
    """`become`, and end as the interpreter does, below frames that know nothing of it."""
    import atexit

    status: Any = 0
    try:
        become(arguments)
    except SystemExit as error:
        status = error.code or 0
        if not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    os._exit(status & 255)


def _serve(jobs: socket.socket) -> dict[str, Any]:
    """Fork for every job, and tell how each ended. Returns the job in the fork, which is to carry it out."""
    running: dict[int, int] = {}
    woken, waking = os.pipe()
    for end in (woken, waking):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    gc.freeze()
    while True:
        ready: list[Any] = select.select([jobs, woken], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            for pid in list(running):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    told = running.pop(pid)
                    with suppress(BrokenPipeError):
                        os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
                    os.close(told)
        if jobs in ready:
            taken = take(jobs)
            if taken is None:
                sys.exit()
            job: dict[str, Any]
            job, files = taken
            before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            pid = os.fork()
            if not pid:
                die_with_parent()
                if job["session"]:
                    os.setsid()
                os.chdir(job["folder"])
                prepare(job["environ"], files[1:])
                return job
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            running[pid] = files[0]
            os.write(files[0], b"%d\n" % pid)
            for file in files[1:]:
                os.close(file)


if __name__ == "__main__":
    import asyncio  # noqa: F401
    import itertools  # noqa: F401
    import random  # noqa: F401
    import runpy  # noqa: F401

    import daebus  # noqa: F401

    # Out here, so that the fork ends as every interpreter does.
    become(_serve(socket.socket(fileno=int(sys.argv[1])))["arguments"])
