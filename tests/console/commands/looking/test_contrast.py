"""contrast: at the prompt, on a capture, for programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus_console.commands.context import Exit
from daebus_console.engine.filter import language as filters
from daebus_console.engine.hiding.redact import Redactor
from tests.console.commands.remembered import Passed, remembered
from tests.console.engine.bus import answer, request


def fill(passed: Passed, bad: int = 20) -> None:
    for number in range(100):
        failing = number < bad
        payload = {"region": "eu" if failing else "us", "amount": number if failing else 1000.5 + number, "n": number}
        passed >> request("shop", "order", id=f"r{number}", payload=payload, service="app" if failing else "web")
        passed.wait(0.01)
        passed >> answer("caller:1", id=f"r{number}", status="error" if failing else "success")


@pytest.fixture
def passed() -> Iterator[Passed]:
    with remembered() as passed:
        fill(passed)
        yield passed


def test_the_failures_against_the_rest(passed: Passed) -> None:
    assert passed("contrast") == Exit.DONE
    head, heading, first, *rows, told = [line for line in passed.prompt.heard.lines if line]
    assert head == "20 against 80  shop.order"
    assert heading.split() == ["WHAT", "IS", "SELECTED", "OTHERS"]
    assert first.split() == ["from", "app", "100", "%", "20", "of", "20", "0", "%", "0", "of", "80"]
    assert {"payload.region", "payload.amount"} <= {row.split()[0] for row in rows}
    assert "need not be the cause" in told


def test_each_difference_has_a_filter_that_finds_it(passed: Passed, tmp_path: Path) -> None:
    file = tmp_path / "today.jsonl"
    assert passed(f"export to:shop --as capture -o {file}") == Exit.DONE
    assert passed(f"contrast status:error {file} --json") == Exit.DONE
    (record,) = passed.records
    assert (record["selected"], record["others"], record["enough"]) == (20, 80, True)
    found = {one["filter"]: one["selected"][0] + one["others"][0] for one in record["differences"] if one["filter"]}
    assert {"from:app", 'payload.region:"eu"', "payload.amount:<=19"} <= set(found)
    for text, count in found.items():
        accepts = filters.parse(text)
        assert len([one for one in passed.session.journal.exchanges if accepts(one)]) == count


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("contrast size:>1mb", Exit.DONE, "nothing passes the filter size:>1mb"),
        ("contrast status:eror", Exit.USAGE, "is none of"),
        ("contrast status:error --against frm:x", Exit.USAGE, "no key"),
        ("contrast from:app --against from:nobody", Exit.DONE, "too few to compare"),
    ],
)
def test_what_is_said_where_there_is_nothing_to_tell(passed: Passed, line: str, status: Exit, said: str) -> None:
    assert passed(line) == status
    heard = passed.prompt.heard
    assert said in "\n".join([*heard.lines, *heard.notes, *(error.message for error in heard.mistakes)])


def test_what_is_redacted_is_not_said() -> None:
    with remembered(redact=Redactor(["region"])) as passed:
        fill(passed)
        assert passed("contrast --json") == Exit.DONE
        assert passed("contrast") == Exit.DONE
        assert "eu" not in passed.said + str(passed.records)
        assert "payload.amount" in passed.said
