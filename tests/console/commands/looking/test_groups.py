"""groups: at the prompt, on a capture, for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import run as run_by

import pytest
from redis import Redis

from daebus_console.commands.context import Exit
from daebus_console.commands.grammar.command import parse_argv
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.session import Session
from tests.console.commands.looking.test_findings import carried_out, shell
from tests.console.commands.prompt import prompting
from tests.console.commands.remembered import Passed, remembered
from tests.console.engine.bus import answer, request


def fill(passed: Passed) -> None:
    for number in range(6):
        passed >> request("users", "get_user", id=f"r{number}", payload={"id": number})
        passed.wait(0.5)
        error = {"error": f"no user {number}, password=hunter2", "code": "handler_error", "type": "LookupError"}
        passed >> answer("caller:1", id=f"r{number}", status="error" if number % 2 else "success", payload=error)


@pytest.fixture
def passed() -> Iterator[Passed]:
    with remembered() as passed:
        fill(passed)
        yield passed


def test_groups_with_the_filter_that_shows_their_members(passed: Passed) -> None:
    assert passed("groups") == Exit.DONE
    heading, row, text, below = passed.said.splitlines()
    assert heading.split()[:4] == ["COUNT", "OVER", "TIME", "FIRST"]
    assert row.endswith("users.get_user  handler_error LookupError")
    assert text.strip() == "no user N, password=hunterN"
    assert passed.notes == ["3 of 6 failed"]
    assert passed(f"groups {below.strip()} --json") == Exit.DONE
    assert [record["count"] for record in passed.records] == [3]
    assert passed.records[0]["exchanges"] == [2, 4, 6]
    assert sum(passed.records[0]["over_time"]) == 3


def test_at_the_shell_the_filter_is_quoted_for_it(tmp_path: Path) -> None:
    file = tmp_path / "today.jsonl"
    with remembered() as passed:
        for number, text in enumerate(["out of stock", "no 'such' $user \"x\" `y`", "plain"]):
            passed >> request("users", "get", id=f"r{number}")
            error = {"error": text, "code": "c"}
            passed >> answer("caller:1", id=f"r{number}", status="error", payload=error)
        passed >> request("users", "get", id="never", timeout=1.0)
        passed.wait(2.0)
        assert passed(f"export service:users --as capture -o {file}") == Exit.DONE
        assert passed("groups") == Exit.DONE
        assert not [text for text in passed.said.splitlines() if text.lstrip().startswith("'")]
    _status, heard = shell(f"groups {file}")
    filters = [line.strip() for line in heard.lines if re.match("\\s+'?kind:", line)]
    assert len(filters) == 4
    assert "kind:request status:timeout to:users action:get -is:late" in filters
    found = []
    for one in filters:
        words = run_by(["sh", "-c", f'printf "%s\\0" {one}'], capture_output=True, text=True, check=True)
        command = parse_argv(["export", str(file), *words.stdout.split("\0")[:-1], "--as", "jsonl"])
        status, heard = carried_out(command)
        assert status == Exit.DONE
        found += [json.loads(line)["request_id"] for line in heard.lines]
    assert sorted(found) == ["never", "r0", "r1", "r2"]


def test_what_was_asked_for_is_part_of_the_filter(passed: Passed) -> None:
    passed >> request("users", "get_user", id="other", service="elsewhere")
    passed >> answer("caller:1", id="other", status="error", payload={"error": "no user 9, password=x"})
    assert passed("groups from:elsewhere --json") == Exit.DONE
    (record,) = passed.records
    assert (record["count"], record["exact"]) == (1, True)
    assert passed(f"export {record['filter']} --as jsonl") == Exit.DONE
    assert [json.loads(line)["exchange"] for line in passed.prompt.heard.lines] == record["exchanges"] == [7]


def test_a_filter_before_a_capture_or_behind_it(passed: Passed, tmp_path: Path) -> None:
    file = tmp_path / "today.jsonl"
    assert passed(f"export id:r1,r2,r3 --as capture -o {file}") == Exit.DONE
    for words in (f"{file} action:get_user", f"action:get_user {file}", f"{file}"):
        assert passed(f"groups {words} --json") == Exit.DONE
        assert [record["count"] for record in passed.records] == [2]
    assert passed(f"groups to:nobody {file}") == Exit.DONE
    assert passed.notes == ["no failure among 0 exchanges"]


@pytest.mark.parametrize(
    ("words", "mistake"), [("statsu:error", "no key"), ("/nowhere/x.jsonl", "there is no file"), ("#3", "")]
)
def test_what_cannot_be_looked_at_is_told(passed: Passed, words: str, mistake: str) -> None:
    status = passed(f"groups {words}")
    said = [error.message for error in passed.prompt.heard.mistakes]
    assert (status, len(said)) == ((Exit.USAGE, 1) if mistake else (Exit.DONE, 0))
    assert not mistake or mistake in said[0]


def test_what_is_redacted_is_not_said() -> None:
    with remembered(redact=Redactor(["password"])) as passed:
        fill(passed)
        assert passed("groups") == Exit.DONE
        assert "hunter2" not in passed.said
        assert passed("groups --json") == Exit.DONE
        assert "hunter2" not in str(passed.records)
        assert passed(f"groups {passed.records[0]['filter']} --json") == Exit.DONE
        assert passed.records[0]["count"] == 3


def test_for_a_while_what_passes_and_until_it_is_interrupted(redis_url: str, name: str) -> None:
    with Session(redis_url) as session, Redis.from_url(redis_url) as client, prompting(session) as prompt:
        assert session.wait_up(5)
        client.publish(f"{name}.responses", b'{"status": broken')
        assert prompt("groups --for 0.2 --json") == Exit.DONE
        assert [record["code"] for record in prompt.heard.records] == ["unreadable"]
        prompt.context.cancellation.cancel()
        assert prompt(f"groups to:{name}.responses --for 60") == Exit.INTERRUPTED
        assert prompt.heard.notes[-1] == "1 of 1 failed"


def test_a_single_one_is_told_as_one() -> None:
    with remembered() as passed:
        passed >> request("users", "get_user", id="a")
        assert passed("groups") == Exit.DONE
        assert passed.notes == ["no failure among 1 exchange"]
        assert passed("clear") == Exit.DONE
        assert passed.notes == ["1 message forgotten"]
