"""The program with its standard streams broken in every way, many times: forked from a process that has it loaded.

A start of the interpreter for each of hundreds of runs would take minutes. A fork takes some hundredths of a second,
and makes its streams as the interpreter does at its start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

_SERVER = r"""
import gc, json, os, signal, sys, threading, time, warnings
import daebus_console.__main__
import daebus_console.cli.completion, daebus_console.cli.demo, daebus_console.cli.open, daebus_console.cli.shell
import daebus_console.commands.runner as runner
import importlib
for name in set(runner._WHERE.values()):
    importlib.import_module(f"daebus_console.commands.{name}")
import daebus_console.cli.asking, daebus_console.repl.start, daebus_console.engine.session
warnings.simplefilter("error")

def redirect(number, to):
    if to == "closed":
        os.close(number)
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
    return open(number, mode, encoding="utf-8", errors="backslashreplace" if number == 2 else "strict", closefd=False)

def child(job):
    os.setsid()
    os.chdir(job["folder"])
    os.environ.update(job["environ"])
    for number, to in enumerate(job["streams"]):
        redirect(number, to)
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

for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if not pid:
        try:
            child(job)
        finally:
            os._exit(97)
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
    print(json.dumps({"status": status, "megabytes": usage and usage.ru_maxrss // 1024}), flush=True)
"""


@dataclass
class Ended:
    """How a run ended. `status` is None where it had to be killed; `out` and `err` are what reached a file."""

    status: int | None
    out: str
    err: str
    megabytes: int


class Forks:
    """Runs `daebus-console` in forks. A context manager."""

    def __init__(self, environ: dict[str, str]) -> None:
        known = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "REDIS_URL")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**known, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'console'}", **environ},
            encoding="utf-8",
        )

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.communicate()

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
        job: dict[str, Any] = {
            "arguments": arguments,
            "folder": str(folder),
            "streams": [stdin, stdout or str(kept[0]), stderr or str(kept[1])],
            "environ": environ or {},
            "seconds": seconds,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        out, err = (path.read_text(errors="backslashreplace") for path in kept)
        return Ended(told["status"], out, err, told["megabytes"] or 0)
