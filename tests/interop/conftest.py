"""An environment of its own with daebus 0.0.31 from the package index, made once."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RELEASE = "0.0.31"


@pytest.fixture(scope="session")
def old_python() -> str:
    """The Python of an environment in which `import daebus` is 0.0.31."""
    environment = ROOT / ".envs" / f"daebus-{RELEASE}"
    python, ready = environment / "bin" / "python", environment / ".ready"
    environment.parent.mkdir(exist_ok=True)
    with open(environment.parent / ".lock", "w") as lock:
        # Several test workers may want it at once; one makes it, the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, f"daebus=={RELEASE}"], check=True, timeout=300)
            ready.touch()
    return str(python)
