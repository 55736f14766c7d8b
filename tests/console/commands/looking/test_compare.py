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


def test_that_they_are_different_actions_is_said_and_what_is_within_compared(passed: Passed) -> None:
    good = order(passed, "a", GOOD)
    top = passed >> request("orders", "replace", id="b")
    passed >> request("stock", "act", id="b0", parent_id="b", service="orders")
    alone = passed >> raw("orders", '{"action": "create", "payload": {}}')
    cast = passed >> raw("news", '{"a": 1}')
    assert passed(f"compare #{good} #{top.number} --json") == Exit.ERROR
    assert told(passed) == [
        ("orders", "another action"), ("stock", "ended otherwise"), ("users", "missing"), ("mailer", "missing"),
    ]  # fmt: skip
    assert passed(f"compare #{good} #{top.number}") == Exit.ERROR
    assert "in place of orders.create\n" in passed.said
    for other, kind in ((alone, "one_way"), (cast, "broadcast")):
        assert passed(f"compare #{good} #{other.number}") == Exit.ERROR
        assert f"in place of orders.create (request → {kind})" in passed.said


def test_what_was_set_off_by_something_unseen_is_laid_beside_its_like(passed: Passed) -> None:
    good = order(passed, "a", GOOD)
    passed >> request("orders", "create", id="b", parent_id="unseen")
    passed >> answer("caller:1", id="b")
    other = passed >> request("audit", "act", id="c", parent_id="unseen")
    for one, two, how in ((good, other.number, "new"), (other.number, good, "missing")):
        assert passed(f"compare #{one} #{two} --json") == Exit.ERROR
        assert ("audit", how) in told(passed)
        assert ("orders", "missing") not in told(passed)
        assert ("orders", "new") not in told(passed)


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
