"""docs/testing.md: what it shows works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.plugin.conftest import Run

PAGE = (Path(__file__).resolve().parents[2] / "docs/testing.md").read_text()


def test_the_examples_of_the_page_pass(run: Run, pytester: pytest.Pytester) -> None:
    shop, *examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 4
    pytester.makepyfile(shop=shop, **{f"test_{number}": text for number, text in enumerate(examples)})
    run("def test_it(): pass").assert_outcomes(passed=7)
