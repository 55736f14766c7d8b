"""Running one case: its packages installed, its Redis and programs started, and all that passed taken by our engine."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from daebus_console.engine.session import Session
from tests.frameworks.cases import Case
from tests.support.environments import ENVIRONMENTS, python_with
from tests.support.ports import free_port
from tests.support.processes import die_with_parent
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

_INSTALL_WITHIN, _UP_WITHIN, _RUN_WITHIN = 600.0, 60.0, 120.0
_QUIET_FOR = 1.5
"""Seconds without a message after which nothing more is taken to come."""


class Skipped(Exception):
    """The case cannot be run here; the text says why."""


def run(case: Case, programs: Path) -> tuple[Session, Counter[str]]:
    """The session that took what passed, closed, and what the script beside the programs says of the same capture.

    Raises Skipped where the packages cannot be had, RuntimeError where a program fails.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="daebus-dialects-")))
        work = folder / case.folder
        shutil.copytree(programs / case.folder, work, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        _writable(work)
        environment = {**os.environ, **case.environment, "PATH": _path(case, work)}
        server = RedisServer().start()
        stack.callback(server.close)
        places = {"port": str(server.port), "http": str(free_port()), "http2": str(free_port())}
        environment["PORT"] = places["port"]
        tap = folder / "capture"
        with tap.open("wb") as out:
            stack.enter_context(_started([sys.executable, str(programs / "cap.py"), places["port"]], folder, out))
            session = stack.enter_context(Session(server.url))
            if not session.wait_up(_UP_WITHIN):
                raise RuntimeError("the console could not read its Redis")
            with server.client() as client, ExitStack() as servers:
                eventually(lambda: _taps(client) == 2, within=_UP_WITHIN, what="both taps")
                for number, command in enumerate(case.servers):
                    log = folder / f"server{number}.log"
                    words = shlex.split(command.format(**places))
                    program = servers.enter_context(_started(words, work, log.open("wb"), environment))
                    eventually(lambda log=log, program=program: _is_up(case, log, program), within=_UP_WITHIN)
                    if "{http" in command:
                        port = int(words[-1])
                        eventually(lambda port=port: _listens(port), within=_UP_WITHIN, what=f"port {port}")
                if case.subscribed:
                    # The taps' pattern is one of those that are counted.
                    eventually(
                        lambda: len(client.pubsub_channels()) + client.pubsub_numpat() - 1 >= case.subscribed,
                        within=_UP_WITHIN,
                        what=f"{case.name} subscribes",
                    )
                for number, command in enumerate(case.clients):
                    _finished(shlex.split(command.format(**places)), work, folder / f"client{number}.log", environment)
                _await_quiet(session)
        told = _paired(case, programs, tap) if case.pair else Counter()
        return session, told


def _taps(client: Any) -> int:
    return sum(int(one["psub"]) > 0 for one in client.client_list(_type="pubsub"))


def _path(case: Case, work: Path) -> str:
    """Where its programs find what they import, as a PATH."""
    if not case.node:
        wanted = [line.strip() for line in (work / "requirements.txt").read_text().splitlines()]
        packages = [line for line in wanted if line and not line.startswith("#")]
        try:
            python = python_with(f"dialects-{case.folder}", *packages)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            raise Skipped(f"pip cannot install {' '.join(packages)}: {str(error).strip().splitlines()[-1]}") from None
        return f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Skipped("it needs node and npm, which are not here")
    _install_modules(
        npm, work / case.package, f"dialects-{case.folder}-{case.package}-{'-'.join(case.more)}", case.more
    )
    return os.environ["PATH"]


def _install_modules(npm: str, place: Path, name: str, more: tuple[str, ...]) -> None:
    """Put the packages of a package.json, and more, beside it, from those that an earlier run has installed."""
    kept = ENVIRONMENTS / name
    ready = kept / ".ready"
    if not ready.exists():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        shutil.copy(place / "package.json", kept)
        _writable(kept)
        print(f"installing the packages of {place.name} into .envs/{kept.name} ...", file=sys.stderr, flush=True)
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        try:
            done = subprocess.run(
                [npm, "install", *options, *more], cwd=kept, capture_output=True, text=True, timeout=_INSTALL_WITHIN,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Skipped("npm did not install its packages in time") from None
        if done.returncode != 0:
            raise Skipped(f"npm cannot install its packages: {(done.stderr.strip() or 'it does not say why')[-300:]}")
        ready.touch()
    (place / "node_modules").symlink_to(kept / "node_modules")


@contextmanager
def _started(
    words: list[str], folder: Path, out: IO[bytes], environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs until the block ends."""
    program = subprocess.Popen(
        words, cwd=folder, stdout=out, stderr=subprocess.STDOUT, env=environment, preexec_fn=die_with_parent
    )
    try:
        yield program
    finally:
        program.terminate()
        try:
            program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def _is_up(case: Case, log: Path, program: subprocess.Popen[bytes]) -> bool:
    if program.poll() is not None:
        raise RuntimeError(f"a server of {case.name} ended:\n{log.read_text(errors='replace')[-2000:]}")
    return case.ready in log.read_text(errors="replace")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _finished(words: list[str], folder: Path, log: Path, environment: dict[str, str]) -> None:
    with log.open("wb") as out:
        done = subprocess.run(
            words, cwd=folder, stdout=out, stderr=subprocess.STDOUT, env=environment, timeout=_RUN_WITHIN, check=False
        )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} failed:\n{log.read_text(errors='replace')[-2000:]}")


def _await_quiet(session: Session) -> None:
    """Wait until no more messages come, and what was asked of us ourselves is over."""
    seen, since = -1, time.monotonic()

    def quiet() -> bool:
        nonlocal seen, since
        count = len(session.journal.messages)
        if count != seen:
            seen, since = count, time.monotonic()
        return time.monotonic() - since > _QUIET_FOR

    eventually(quiet, within=_RUN_WITHIN, every=0.05, what="nothing more passes")


def _paired(case: Case, programs: Path, tap: Path) -> Counter[str]:
    """What the script says: how often a question was answered so; a word for each answer, joined by +."""
    # It reads MessagePack by a package of its own.
    python = python_with("dialects-pair", "msgpack==1.2.4")
    command = [python, str(programs / "pair.py"), str(tap), case.pair]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = re.search(r" answers (\{.*?\}) orphans (\d+)", done.stdout)
    if done.returncode != 0 or told is None:
        raise RuntimeError(f"pair.py failed: {done.stderr[-1000:] or done.stdout[-1000:]}")
    return Counter(ast.literal_eval(told[1]))


def _writable(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
