"""What all tests of the console share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.cli.conftest import Console


@pytest.fixture(scope="session", autouse=True)
def _forks_end() -> Iterator[None]:
    """The process that runs of the program are forked from ends with the tests."""
    yield
    if Console.forks is not None:
        Console.forks.__exit__()
        Console.forks = None
