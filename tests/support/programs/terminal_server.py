"""Has the console loaded, and forks a process for each run of it on a terminal. Started by `forked_terminal`.

It starts no thread and no event loop, so that a fork is as the interpreter is once it has imported the console.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import os
import pkgutil
import runpy
import signal
import socket
import sys
import termios
import threading
import traceback
import types
from typing import Any

from tests.support.programs.jobs import serve


def load() -> None:
    """Import all of the console."""
    import daebus_console

    for found in pkgutil.walk_packages(daebus_console.__path__, "daebus_console."):
        importlib.import_module(found.name)
    # Only loaded where they are used.
    for name in ("textual.drivers.linux_driver", "textual.command", "redis.asyncio", "prompt_toolkit.shortcuts"):
        importlib.import_module(name)


def streams() -> None:
    """Make the standard streams anew, as the interpreter does."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        errors = "backslashreplace" if name == "stderr" else "surrogateescape"
        stream = open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115  # for good
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def program(job: dict[str, Any]) -> None:
    """What the interpreter does for `-m MODULE` and `-c TEXT`."""
    kind, what, *arguments = job["arguments"]
    sys.argv = [kind, *arguments]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(what, "<string>", "exec"), main.__dict__)


def child(job: dict[str, Any], terminal: int) -> None:
    """Be the program on that terminal, from its start to its end. Does not return."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(terminal, number)
    os.closerange(3, 256)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environ"])
    streams()
    status, interrupted = 0, False
    try:
        program(job)
    except SystemExit as error:
        if isinstance(error.code, int):
            status = error.code
        elif error.code is not None:
            print(error.code, file=sys.stderr)
            status = 1
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        traceback.print_exc()
        status = 1
    # As the interpreter ends.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = 120
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status & 255)


def keep(job: dict[str, Any], told: int, files: list[int]) -> None:
    """Start one; tell its process number, and how it ended when it has."""
    (terminal,) = files
    pid = os.fork()
    if not pid:
        try:
            child(job, terminal)
        finally:
            os._exit(97)
    os.close(terminal)
    os.write(told, b"%d\n" % pid)
    _pid, code = os.waitpid(pid, 0)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(code))


if __name__ == "__main__":
    load()
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would lack the other threads"
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])), keep)
