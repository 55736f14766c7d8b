"""A bus that is looked at for what is wrong."""

from __future__ import annotations

import pytest

from tests.console.engine.findings.watched import Watched


@pytest.fixture
def bus() -> Watched:
    return Watched()
