"""The program as the shell runs it."""

from __future__ import annotations

import pytest

from tests.console.cli.conftest import Console


@pytest.fixture
def console(redis_url: str) -> Console:
    return Console(redis_url)
