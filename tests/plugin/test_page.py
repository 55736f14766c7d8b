"""docs/testing.md, and the test in docs/again.md: what they show works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.plugin.conftest import Run

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "testing.md").read_text()


def test_the_examples_of_the_page_pass(run: Run, pytester: pytest.Pytester) -> None:
    shop, *examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 4
    pytester.makepyfile(shop=shop, **{f"test_{number}": text for number, text in enumerate(examples)})
    run("def test_it(): pass").assert_outcomes(passed=7)


def test_the_example_of_running_a_handler_again_passes(run: Run, pytester: pytest.Pytester) -> None:
    shop, *_examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (example,) = re.findall(r"```python\n(.*?)```", (DOCS / "again.md").read_text(), re.DOTALL)
    pytester.makepyfile(shop=shop, test_again=example)
    run("def test_it(): pass").assert_outcomes(passed=2)
