"""The demo's processes find the packages where the tests themselves find them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus_console.demo import process
from tests.support.programs.loaded import Forked, demo_forks

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True, scope="session")
def packages_of_the_checkout() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "console")]))
        yield


@pytest.fixture(autouse=True, scope="module")
def forks() -> Iterator[None]:
    """What a demo in this process starts are forks of what is loaded already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "subprocess", demo_forks(Forked))
        yield


@pytest.fixture
def interpreters(forks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a demo in this process starts are interpreters, as for everybody else."""
    monkeypatch.setattr(process, "subprocess", subprocess)
