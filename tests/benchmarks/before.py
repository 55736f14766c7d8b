"""An older commit of this repository in an environment of its own, for what is measured beside it."""

from __future__ import annotations

import functools
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.support.environments import python_with

ROOT = Path(__file__).parents[2]
COMMIT = "0f0214a"
"""What the speed of calls and captures is compared with: the last one before both were worked on."""


@functools.cache
def python_before(commit: str = COMMIT) -> str:
    """The Python that has the commit installed, with its console. Raises SystemExit where git does not have it."""
    taken = subprocess.run(["git", "archive", "--format=tar", commit], cwd=ROOT, capture_output=True, check=False)
    if taken.returncode:
        raise SystemExit(f"commit {commit} cannot be taken from this repository: {taken.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="daebus-before-") as folder:
        with tarfile.open(fileobj=io.BytesIO(taken.stdout)) as tree:
            tree.extractall(folder, filter="data")
        return python_with(f"daebus-{commit}", f"{folder}[console]")
