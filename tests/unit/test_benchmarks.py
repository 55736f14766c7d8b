"""How the benchmarks are named: the command that the README names does what it says."""

from __future__ import annotations

import pytest

from tests.benchmarks.__main__ import SUITES, chosen


def test_without_a_name_all_are_run() -> None:
    assert chosen([]) == (list(SUITES), [])


def test_a_single_one_takes_options_of_its_own() -> None:
    words = ["framework", "--quick", "--rounds", "5", "--seconds", "0.6"]
    assert chosen(words) == (["framework"], words[1:])


@pytest.mark.parametrize("words", [["nonsense"], ["framework", "typing", "--quick"], ["--quick"]])
def test_what_cannot_be_meant_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        chosen(words)
    assert "usage" in capsys.readouterr().err
