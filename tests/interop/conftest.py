"""An environment of its own with daebus 0.0.31 from the package index, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.environments import python_with

ROOT = Path(__file__).parents[2]
RELEASE = "0.0.31"


@pytest.fixture(scope="session")
def old_python() -> str:
    """The Python of an environment in which `import daebus` is 0.0.31."""
    return python_with(f"daebus-{RELEASE}", f"daebus=={RELEASE}")
