"""compare: two conversations, laid beside each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daebus_console.commands.context import Exit
from tests.console.commands.remembered import Passed, remembered
from tests.console.engine.bus import answer, raw, request


def order(passed: Passed, name: str, calls: list[tuple[str, float, str]], *, took: float = 0.01) -> int:
    """An order that calls others; returns the number of its exchange."""
    top = passed >> request("orders", "create", id=name)
    for place, (channel, seconds, status) in enumerate(calls):
        passed >> request(channel, "act", id=f"{name}{place}", parent_id=name, service="orders")
        passed.wait(seconds)
        passed >> answer("caller:1", id=f"{name}{place}", status=status, payload={"error": "out of stock"})
    passed.wait(took)
    passed >> answer("caller:1", id=name)
    return top.number


@pytest.fixture
def passed() -> Iterator[Passed]:
    with remembered() as passed:
        yield passed


GOOD = [("users", 0.01, "success"), ("stock", 0.02, "success"), ("mailer", 0.01, "success")]


def told(passed: Passed) -> list[tuple[str, str]]:
    return [(record["to"], record["how"]) for record in passed.records if record["how"] != "same"]


def test_missing_new_repeated_slower_and_ended_otherwise(passed: Passed) -> None:
    good = order(passed, "a", GOOD)
    calls = [("stock", 0.2, "success"), *[("users", 0.01, "success")] * 3, ("audit", 0.01, "success")]
    bad = order(passed, "b", calls, took=0.02)
    assert passed(f"compare #{good} #{bad} --json") == Exit.ERROR
    assert told(passed) == [
        ("orders", "slower"), ("stock", "slower"), ("users", "repeated"), ("audit", "new"), ("mailer", "missing"),
    ]  # fmt: skip
    (repeated,) = [record for record in passed.records if record["how"] == "repeated"]
    assert len(repeated["more"]) == 2
    assert passed(f"compare #{good} #{bad}") == Exit.ERROR
    assert "2 more: #" in passed.said
    assert passed.notes == ["2 slower, 1 repeated, 1 new, 1 missing"]


def test_an_error_in_one_of_them(passed: Passed) -> None:
    good = order(passed, "a", GOOD)
    bad = order(passed, "b", [GOOD[0], ("stock", 0.02, "error"), GOOD[2]])
    assert passed(f"compare #{good} #{bad}") == Exit.ERROR
    (line,) = [line for line in passed.said.splitlines() if "ended otherwise" in line]
    assert "ok → error" in line
    assert "out of stock" in line


def test_the_same_whichever_exchange_is_named(passed: Passed) -> None:
    one, other = order(passed, "a", GOOD), order(passed, "b", GOOD)
    for first, second in ((one, other), (one + 2, other + 1)):
        assert passed(f"compare #{first} #{second}") == Exit.DONE
        assert passed.notes == ["no difference but in time"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("compare #1", "expected two exchanges"),
        ("compare #1 #2 #3", "expected two exchanges"),
        ("compare #1 #2", "belong to one conversation"),
        ("compare #1 #99", "there is no exchange #99"),
    ],
)
def test_what_cannot_be_compared_is_told(passed: Passed, line: str, said: str) -> None:
    order(passed, "a", GOOD)
    assert passed(line) == Exit.USAGE
    assert said in passed.prompt.heard.mistakes[0].message


def test_a_whole_branch_is_missing_with_all_within_it_and_odd_ids_stand(passed: Passed) -> None:
    one = order(passed, "a", [])
    passed >> request("users", "act", id="u", parent_id="a")
    passed >> request("db", "act", id="d", parent_id="u")
    passed >> raw("mailer", '{"action": "tell", "parent_id": "gone"}')
    other = order(passed, "b", [])
    assert passed(f"compare #{one} #{other} --json") == Exit.ERROR
    assert told(passed) == [("users", "missing"), ("db", "missing")]
    assert passed(f"compare #{one} #4 --json") in (Exit.DONE, Exit.ERROR)
