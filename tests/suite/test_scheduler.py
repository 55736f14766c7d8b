"""Who runs what: what waits is begun at once, beside what keeps the processors busy."""

from __future__ import annotations

from pathlib import Path

from tests.support.suite.scheduler import WAITING, units

ROOT = Path(__file__).resolve().parents[2]


def test_whatever_is_said_to_wait_is_there() -> None:
    assert [place for place in WAITING if not (ROOT / place).exists()] == []
    assert len(set(WAITING)) == len(WAITING)


def test_what_waits_longest_comes_first() -> None:
    tests = ["tests/readme/test_readme.py::a", f"{WAITING[3]}::b", f"{WAITING[1]}::c[::]", "tests/unit/test_x.py::d"]
    assert units(tests) == [(True, [2]), (True, [1]), (False, [0]), (False, [3])]


def test_all_of_a_folder_may_wait() -> None:
    tests = ["tests/unit/test_x.py::a", "tests/severally/test_x.py::b", "tests/several/test_links.py::c"]
    assert units(tests) == [(True, [2]), (False, [0]), (False, [1])]
