"""An older commit of this repository in an environment of its own, for what is measured beside it."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.support.environments import python_with

ROOT = Path(__file__).parents[2]
COMMIT = "0f0214a"
"""What the speed of calls and captures is compared with: the last one before both were worked on."""


def python_before(commit: str = COMMIT) -> str:
    """The Python that has the commit installed, with its console. Raises RuntimeError where git does not know it."""
    with tempfile.TemporaryDirectory(prefix="daebus-before-") as folder:
        taken = subprocess.run(
            f"git archive --format=tar {commit} | tar -x -C {folder}",
            shell=True,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if not (Path(folder) / "pyproject.toml").exists():
            raise RuntimeError(f"no commit {commit} is here to be compared with: {taken.stderr.strip()}")
        return python_with(f"daebus-{commit}", f"{folder}[console]")
