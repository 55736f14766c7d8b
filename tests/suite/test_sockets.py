"""A socket that a test has left open: it fails that test, or is told with where it was made, and fails no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.suite.test_hanging import pytestmark as pytestmark
from tests.suite.test_hanging import run

LEAVES = """
import gc, socket
gc.disable()

def test_leaves_one():
    left = [socket.socket()]
    left.append(left)

def test_finds_it():
    gc.collect()

def test_leaves_one_that_is_found_at_once():
    left = [socket.socket()]
    left.append(left)
    del left
    gc.collect()
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_it_is_told_with_the_test_that_made_it(tmp_path: Path, workers: str) -> None:
    done = run(tmp_path, LEAVES, "-n", workers, "-W", "error")
    assert done.status == 1
    assert "1 failed" in done.output
    assert "FAILED test_file.py::test_leaves_one_that_is_found_at_once" in done.output
    told = [line for line in done.output.splitlines() if "has left a socket open" in line]
    assert len(told) == 1
    assert told[0].startswith("suite: test_file.py::test_leaves_one has left a socket open, made by MainThread < ")
    assert f"test_file.py:{LEAVES[: LEAVES.index('left = ')].count(chr(10)) + 1 + offset()}" in told[0]


def offset() -> int:
    """How many lines stand above those of the test."""
    from tests.suite.test_hanging import HEAD

    return HEAD.count("\n")
