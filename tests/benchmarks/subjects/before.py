"""An older commit of this repository, for what is measured beside it: in an environment of its own, or in this process.

In one process both are subject to the same memory, the same seeds of hashes and the same moments of a busy machine.
"""

from __future__ import annotations

import functools
import importlib
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from tests.support.environments import python_with

ROOT = Path(__file__).parents[3]
COMMIT = "0f0214a"
"""What the speed of calls and captures is compared with: the last one before both were worked on."""


_PACKAGES = ("daebus", "daebus_console")


@functools.cache
def python_before(commit: str = COMMIT) -> str:
    """The Python that has the commit installed, with its console. Raises SystemExit where git does not have it."""
    with _tree(commit) as folder:
        return python_with(f"daebus-{commit}", f"{folder}[console]")


def module_before(name: str, commit: str = COMMIT) -> ModuleType:
    """The module of that name as the commit has it, beside that of today. Raises SystemExit as `python_before`."""
    with _tree(commit) as folder:
        today = _taken_out()
        sys.path[:0] = [folder, f"{folder}/console"]
        try:
            return importlib.import_module(name)
        finally:
            del sys.path[:2]
            _taken_out()
            sys.modules.update(today)


def _taken_out() -> dict[str, ModuleType]:
    """Our modules, which are then no longer among those that are imported."""
    names = [name for name in sys.modules if name.split(".")[0] in _PACKAGES]
    return {name: sys.modules.pop(name) for name in names}


@contextmanager
def _tree(commit: str) -> Iterator[str]:
    """A folder with the files of that commit, for so long."""
    taken = subprocess.run(["git", "archive", "--format=tar", commit], cwd=ROOT, capture_output=True, check=False)
    if taken.returncode:
        raise SystemExit(f"commit {commit} cannot be taken from this repository: {taken.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="daebus-before-") as folder:
        with tarfile.open(fileobj=io.BytesIO(taken.stdout)) as tree:
            tree.extractall(folder, filter="data")
        yield folder
