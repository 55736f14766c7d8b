"""Environments of their own for what Daebus is tested and compared with: made by pip on first use, kept in `.envs/`."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path

ENVIRONMENTS = Path(__file__).parents[2] / ".envs"


def python_with(name: str, *requirements: str) -> str:
    """The Python of the environment `name`, in which pip has installed `requirements`.

    Raises RuntimeError where that fails. Several programs may want it at once: one makes it, the others wait.
    """
    environment = ENVIRONMENTS / name
    python, ready = environment / "bin" / "python", environment / ".ready"
    ENVIRONMENTS.mkdir(exist_ok=True)
    with open(ENVIRONMENTS / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            print(f"installing {' '.join(requirements)} into .envs/{name} ...", file=sys.stderr, flush=True)
            # Without a pip of its own, which takes longer to install than all the rest.
            _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(environment))
            options = ["--quiet", "--disable-pip-version-check"]
            _run(sys.executable, "-m", "pip", "--python", str(python), "install", *options, *requirements)
            ready.touch()
    return str(python)


def versions(python: str, *packages: str) -> dict[str, str]:
    """The installed version of each of those packages; "" for one that is not there."""
    code = (
        "import json, sys\nfrom importlib import metadata\nfound = {}\n"
        "for name in sys.argv[1:]:\n"
        "    try: found[name] = metadata.version(name)\n"
        "    except metadata.PackageNotFoundError: found[name] = ''\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
