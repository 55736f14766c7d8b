"""The program, many times, also with standard streams broken in every way: forked from a process that has it loaded.

A start of the interpreter for each of hundreds of runs would take minutes. A fork takes some hundredths of a second,
and makes its streams as the interpreter does at its start.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.programs.jobs import Asking

ROOT = Path(__file__).resolve().parents[3]

_SERVER = r"""
import gc, json, os, signal, socket, sys, threading, time, warnings
import daebus_console.__main__
import daebus_console.cli.completion, daebus_console.cli.contexts, daebus_console.cli.demo
import daebus_console.cli.open, daebus_console.cli.shell
import daebus_console.commands.doing.runner
import importlib, pkgutil
for found in pkgutil.walk_packages(daebus_console.commands.__path__, "daebus_console.commands."):
    importlib.import_module(found.name)
import daebus_console.cli.asking, daebus_console.repl.start, daebus_console.engine.session
import daebus_console.demo.process
from tests.support.programs.jobs import serve
from tests.support.programs.loaded import ForkedHere, demo_forks
daebus_console.demo.process.subprocess = demo_forks(ForkedHere)
warnings.simplefilter("error")

encoding, errors = sys.stdout.encoding, sys.stdout.errors

def redirect(number, to, files):
    if to == "closed":
        os.close(number)
        return
    if isinstance(to, int):
        os.dup2(files[to], number)
        return
    if to == "broken pipe":
        ours, file = os.pipe()
        os.close(ours)
    elif to == "terminal":
        ours, file = os.openpty()
    else:
        file = os.open(to, (os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND), 0o600)
    os.dup2(file, number)
    os.close(file)

def stream(number, mode):
    try:
        os.fstat(number)
    except OSError:
        return None
    return open(
        number, mode, encoding=encoding, errors="backslashreplace" if number == 2 else errors, closefd=False
    )

def child(job, files):
    os.setsid()
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environ"])
    for number, to in enumerate(job["streams"]):
        redirect(number, to, files)
    for file in files:
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = stream(0, "r"), stream(1, "w"), stream(2, "w")
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    sys.argv = ["daebus-console", *job["arguments"]]
    status = 99
    try:
        status = daebus_console.__main__.main()
    except SystemExit as error:
        status = error.code or 0
    except BaseException:
        import traceback
        traceback.print_exc()
        status = 98
    # As the interpreter ends.
    threading._shutdown()
    gc.collect()
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except Exception as error:
            os.write(2, f"Exception ignored at the end: {error!r}\n".encode())
            status = 120
    os._exit(status & 255)

def keep(job, told, files):
    # Start one, wait for its end, and tell how it ended.
    pid = os.fork()
    if not pid:
        try:
            os.close(told)
            child(job, files)
        finally:
            os._exit(97)
    for file in files:
        os.close(file)
    deadline = time.monotonic() + job["seconds"]
    while True:
        done, code, usage = os.wait4(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.wait4(pid, 0)
            code, usage = None, None
            break
        time.sleep(0.005)
    status = None if code is None else os.waitstatus_to_exitcode(code)
    os.write(told, json.dumps({"status": status, "megabytes": usage and usage.ru_maxrss // 1024}).encode())

gc.freeze()
serve(socket.socket(fileno=int(sys.argv[1])), keep)
"""


@dataclass
class Ended:
    """How a run ended. `status` is None where it had to be killed; `out` and `err` are what reached a file."""

    status: int | None
    out: str
    err: str
    megabytes: int


class Forks:
    """Runs `daebus-console` in forks, of any thread. A context manager."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = {**plain_environ(), **environ}
        self._asking = Asking(["-c", _SERVER], env=self._environ)

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._asking.close()

    def __call__(
        self,
        *arguments: str,
        folder: Path,
        stdin: str = os.devnull,
        stdout: str | None = None,
        stderr: str | None = None,
        environ: dict[str, str] | None = None,
        seconds: float = 60,
    ) -> Ended:
        """Run it. Each stream is a path, `closed`, `broken pipe` or `terminal`; None is a file that is read here."""
        kept = [folder / ".out", folder / ".err"]
        for path in kept:
            path.unlink(missing_ok=True)
            path.touch()
        streams = [stdin, stdout or str(kept[0]), stderr or str(kept[1])]
        told = self._begin(arguments, folder, streams, [], {**self._environ, **(environ or {})}, seconds)
        status, megabytes = _end_of(told)
        out, err = (path.read_text(errors="backslashreplace") for path in kept)
        return Ended(status, out, err, megabytes)

    def piped(
        self, arguments: Sequence[str], *, stdin: str | None, environ: dict[str, str], seconds: float = 60
    ) -> Ended:
        """Run it in this folder on pipes, or with nothing to read; `environ` is the whole of its environment."""
        out, err = os.pipe(), os.pipe()
        given = (os.open(os.devnull, os.O_RDONLY), None) if stdin is None else os.pipe()
        told = self._begin(arguments, Path.cwd(), [0, 1, 2], [given[0], out[1], err[1]], environ, seconds)
        found: dict[int, bytes] = {}

        def read(file: int) -> None:
            with open(file, "rb") as stream:
                found[file] = stream.read()

        def write(file: int, text: str) -> None:
            # It need not read all of it.
            with suppress(BrokenPipeError), open(file, "wb") as stream:
                stream.write(text.encode())

        threads = [threading.Thread(target=read, args=(file,)) for file in (out[0], err[0])]
        if given[1] is not None:
            threads.append(threading.Thread(target=write, args=(given[1], stdin)))
        for thread in threads:
            thread.start()
        status, megabytes = _end_of(told)
        for thread in threads:
            thread.join()
        return Ended(status, _text(found[out[0]]), _text(found[err[0]]), megabytes)

    def _begin(
        self,
        arguments: Sequence[str],
        folder: Path,
        streams: Sequence[str | int],
        files: Sequence[int],
        environ: dict[str, str],
        seconds: float,
    ) -> int:
        """Have one started; returns the file in which its end is told. Those files are its own from now on."""
        job: dict[str, Any] = {
            "arguments": arguments,
            "folder": str(folder),
            "streams": streams,
            "environ": environ,
            "seconds": seconds,
        }
        told = self._asking.begin(job, files)
        for file in files:
            os.close(file)
        return told


def plain_environ() -> dict[str, str]:
    """The environment of this process, without what people set for themselves, in which the program is found."""
    known = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "REDIS_URL")}
    return {**known, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'console'}"}


def _end_of(told: int) -> tuple[int | None, int]:
    with open(told, "rb") as file:
        end = json.loads(file.read())
    return end["status"], end["megabytes"] or 0


def _text(data: bytes) -> str:
    """As subprocess reads text."""
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")
