"""What is remembered of much that passes."""

from __future__ import annotations

import pytest

from daebus_console.engine.bounded import Lately
from tests.console.engine.findings.watched import Watched


def test_those_in_use_stay_and_another_takes_the_place_of_one_that_is_not() -> None:
    those: Lately[str, list[int]] = Lately(2, list)
    first, second = those.use("a", 1.0), those.use("b", 2.0)
    assert first is not None
    assert those.use("a", 50.0) is first
    assert those.use("c", 61.0) is None
    assert (those.use("c", 62.0) is not None, len(those)) == (True, 2)
    assert those.use("a", 63.0) is first
    assert those.use("b", 64.0) is None
    those.clear()
    assert those.use("b", 65.0) is not second


@pytest.mark.parametrize("others", [0, 3_000])
def test_an_action_is_looked_at_however_many_were_asked_for_long_ago(others: int) -> None:
    bus = Watched()
    for number in range(others):
        bus.call(f"job{number}", "run")
    bus.wait(61)
    for _ in range(40):
        bus.call("users", "get", {"n": 1})
    for number in range(25):
        failed = bus.ask("users", "get", {"n": number})
        said = {"error": "401: token expired", "code": "handler_error", "type": "ApiError"}
        bus.answer(failed, said, status="error")
        bus.wait(0.1)
    for number in range(100):
        bus.call("users", "find", {"n": number if number % 20 else "7"})
    assert {"fails-since", "type-changed"} <= set(bus.names())
