"""A service to ask and captures of it, as the tests of replays have them."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.console.replay.conftest import caller as caller
from tests.console.replay.conftest import capture as capture
from tests.console.replay.conftest import shop as shop


@pytest.fixture(scope="package", autouse=True)
def _what_is_loaded_stays() -> Iterator[None]:
    """As in the console itself (see `run` of its app): no collection looks again at all that is loaded."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
