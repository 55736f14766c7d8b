"""A service to ask and captures of it, as the tests of replays have them."""

from __future__ import annotations

from tests.console.replay.conftest import caller as caller
from tests.console.replay.conftest import capture as capture
from tests.console.replay.conftest import shop as shop
