"""shape: what is named, in each form; and what is not like the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus_console.commands.context import Exit
from daebus_console.engine.hiding.redact import Redactor
from tests.console.commands.remembered import Passed, remembered
from tests.console.engine.bus import answer, raw, request


def fill(passed: Passed) -> None:
    for number in range(28):
        amount = f"secret{number}" if number % 7 == 3 else number
        passed >> request("shop", "order", id=f"r{number}", payload={"amount": amount, "user": "ann"})
        passed >> answer("caller:1", id=f"r{number}", payload={"ok": True})
    passed >> raw("news", '{"text": "hi"}')


@pytest.fixture
def passed() -> Iterator[Passed]:
    with remembered() as passed:
        fill(passed)
        yield passed


def test_all_there_are_and_one_of_them(passed: Passed) -> None:
    assert passed("shape") == Exit.DONE
    assert [line.split() for line in passed.prompt.heard.lines[1:]] == [
        ["news", "1", "broadcast"],
        ["shop", "order", "28", "requests,", "28", "answers"],
    ]
    assert passed("shape shop order") == Exit.DONE
    assert "shop order: request, 28 messages" in passed.said
    (row,) = [line for line in passed.said.splitlines() if line.lstrip().startswith("amount")]
    assert row.split()[:7] == ["amount", "integer", "86", "%,", "string", "14", "%"]


def test_of_messages_that_nobody_can_read_there_is_no_payload(passed: Passed) -> None:
    passed >> raw("deep", '{"a": ' * 9_000 + "1" + "}" * 9_000)
    assert passed("shape") == Exit.DONE
    assert "deep                        1 unreadable" in passed.said.splitlines()
    assert passed("shape deep") == Exit.DONE
    assert passed.said.strip() == "deep: broadcast, 0 messages, and 1 unreadable"


def test_for_programs(passed: Passed) -> None:
    assert passed("shape shop --json") == Exit.DONE
    assert [(one["of"], one["action"], one["message"], one["count"]) for one in passed.records] == [
        ("shop", "order", "request", 28),
        ("shop", "order", "answer", 28),
    ]
    assert passed("shape shop order --as jsonschema") == Exit.DONE
    (schema,) = passed.records
    assert schema["$defs"]["request"]["properties"]["amount"]["type"] == ["integer", "string"]
    assert schema["$defs"]["answer"]["required"] == ["ok"]


def test_what_is_not_like_the_others(passed: Passed, tmp_path: Path) -> None:
    assert passed("shape shop --departing") == Exit.DONE
    assert "#4  shop order: request  payload.amount is a string where most have a number" in passed.said
    assert passed.notes == ["4 places depart from what most are like"]
    file = tmp_path / "today.jsonl"
    assert passed(f"export service:shop --as capture -o {file}") == Exit.DONE
    assert passed(f"shape shop {file} --departing --json") == Exit.DONE
    assert [one["exchange"] for one in passed.records] == [4, 11, 18, 25]
    assert passed("shape news --departing") == Exit.DONE
    assert passed.notes == ["no message departs from what most are like"]


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("shape nobody", Exit.NOBODY, "no message was seen of nobody"),
        ("shape shop order more", Exit.USAGE, "nothing more"),
        ("shape shop --as yaml", Exit.USAGE, "there is no form 'yaml'"),
        ("shape \\Uffffffff", Exit.USAGE, "there is no character"),
    ],
)
def test_mistakes(passed: Passed, line: str, status: Exit, said: str) -> None:
    assert passed(line) == status
    heard = passed.prompt.heard
    assert said in [*heard.errors, *(error.message for error in heard.mistakes)][0]


SCHEMA = {"type": "object", "properties": {"amount": {"type": "integer"}, "vip": {"type": "boolean"}}}
TOLD = {
    "service": "shop",
    "instance": "shop-1",
    "actions": [{"name": "order", "description": "Order.", "arguments": {**SCHEMA, "required": ["amount"]}}],
}


def test_what_the_service_declares_stands_beside_it(passed: Passed, tmp_path: Path) -> None:
    passed >> request("daebus.control.shop", "info", id="i1")
    passed >> answer("caller:1", id="i1", payload=TOLD)
    passed.session.directory.info(passed.now, TOLD)
    file = tmp_path / "today.jsonl"
    assert passed(f"export to:shop,daebus.control.shop --as capture -o {file}") == Exit.DONE
    for line in ("shape shop order", f"shape {file} shop order"):
        assert passed(line) == Exit.DONE
        asked, answered = passed.said.split("shop order: answer,")
        rows = {row.split()[0]: " ".join(row.split()) for row in asked.splitlines() if row.strip()}
        assert "DECLARED" in rows["FIELD"]
        assert "integer, required: 4 of 28 are not" in rows["amount"]
        assert "not declared" in rows["user"]
        assert rows["vip"] == "vip never true or false"
        assert "DECLARED" not in answered
        assert passed(f"{line} --json") == Exit.DONE
        assert [(one["path"], one["not_so"]) for one in passed.records[0]["not_as_declared"]] == [
            ("amount", "4 of 28 are not"),
            ("user", "not declared"),
        ]
        assert "declared" not in passed.records[1]


@pytest.mark.parametrize("form", ["text", "json", "jsonschema"])
def test_what_is_redacted_is_not_said(form: str) -> None:
    with remembered(redact=Redactor(["amount"])) as passed:
        fill(passed)
        assert passed(f"shape shop --as {form}") == Exit.DONE
        assert "secret" not in passed.said + str(passed.records)
        assert "ann" in passed.said + str(passed.records)
