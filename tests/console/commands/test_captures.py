"""Verbs on a capture: what could not be read of it, and captures where none is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daebus_console.commands.context import Exit
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.offline import OfflineSender, OfflineSession
from daebus_console.engine.session import Session
from tests.console.commands.looking.test_findings import shell
from tests.console.commands.prompt import prompting
from tests.console.engine.findings.watched import Watched
from tests.console.replay.prompt import Prompt


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Two failures and a success of users, and a line between them that nobody can read."""
    bus = Watched()
    bus.info("users", "get", "list")
    for _ in range(2):
        bus.fail(bus.ask("users", "get"), "no_response")
    bus.call("users", "list")
    path = tmp_path / "shop.jsonl"
    with CaptureWriter(path, "redis://localhost/0", 5.0) as writer:
        for message in bus.session.journal.messages:
            writer.write(message.at, message.channel, message.data)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"{]\n", *lines[3:]]))
    return path


READING = (
    "stats {}",
    "groups {}",
    "contrast {} status:error",
    "shape {} users get",
    "trace {} action:list",
    "findings {}",
    "why users get --in {}",
    "export {} --as jsonl",
    "replay {} --dry-run",
)


@pytest.mark.parametrize("line", READING)
def test_what_could_not_be_read_is_told(damaged: Path, line: str) -> None:
    status, heard = shell(line.format(damaged))
    assert status == Exit.DONE, (heard.errors, heard.mistakes)
    assert len([note for note in heard.notes if "line 4 is skipped" in note]) == 1


@pytest.mark.parametrize("line", READING)
def test_of_much_that_could_not_be_read_some_is_told_and_what_was_not_seen(damaged: Path, line: str) -> None:
    lines = damaged.read_bytes().splitlines(keepends=True)
    gap = json.dumps({"at": json.loads(lines[-1])["at"], "gap": 2, "reason": "the connection was lost"}).encode()
    damaged.write_bytes(b"".join([*lines, *(b"{]\n" for _ in range(20)), gap, b"\n"]))
    _status, heard = shell(line.format(damaged))
    told = [note.partition(": ")[2] for note in heard.notes if note.startswith(str(damaged))]
    assert [text for text in told if "skipped" not in text] == [
        "and 16 more warnings",
        "for 2.00 s nothing could be seen when it was recorded: the connection was lost",
    ]
    assert len(told) == 7


def test_large_counts_are_told_with_separators(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    with CaptureWriter(path, "redis://localhost/0", 5.0) as writer:
        for number in range(1_200):
            writer.write(10.0 + number, "news", b"{}")
    assert shell(f"stats {path}")[1].notes[-1].endswith("; also 1,200 broadcasts")
    _status, heard = shell(f"export {path} -o {tmp_path / 'many.json'}")
    assert heard.notes[0].startswith("1,200 exchanges written to ")
    _status, heard = shell(f"export {path} --as pytest -o {tmp_path / 'test_many.py'}")
    assert heard.notes[1].startswith("1,200 left out, which pytest cannot say: #1, ")
    assert " and 1,190 more " in heard.notes[1]


@pytest.mark.parametrize("numbers", ["#99", "#2 #99", "#99 #2", "#2,#99"])
@pytest.mark.parametrize(
    "line",
    ["stats {}", "groups {}", "contrast {}", "trace {}", "export {} --as jsonl", "export {}", "replay {} --dry-run"],
)
def test_a_number_that_a_capture_does_not_have_is_a_mistake(damaged: Path, line: str, numbers: str) -> None:
    status, heard = shell(line.format(f"{damaged} {numbers}"))
    assert (status, heard.lines, heard.records) == (Exit.USAGE, [], [])
    (mistake,) = heard.mistakes
    assert mistake.message.startswith("there is no exchange #")
    assert "#99" in mistake.message
    assert mistake.line[mistake.position :].startswith("#99" if "," not in numbers or "trace" not in line else numbers)


@pytest.mark.parametrize(
    "line", ["stats {}", "groups {}", "contrast {}", "export {} --as jsonl", "replay {} --dry-run"]
)
def test_a_number_among_other_terms_is_a_filter(damaged: Path, line: str) -> None:
    for words in ("#99 status:error", "-#99", "#2 action:get"):
        assert shell(line.format(f"{damaged} {words}"))[0] == Exit.DONE
    # To search for such a text, it is put in quotes.
    assert shell(line.format(f"{damaged} '\"#99\"'"))[0] == Exit.DONE


def test_exactly_the_numbers_that_are_named_are_exported(damaged: Path) -> None:
    for words, wanted in (("#3", [3]), ("#4 #2", [2, 4]), ("#2,#3", [2, 3])):
        status, heard = shell(f"export {damaged} {words} --as jsonl")
        assert status == Exit.DONE
        assert [json.loads(line)["exchange"] for line in heard.lines] == wanted


def test_a_number_that_was_not_seen_is_a_mistake_at_a_prompt_too(redis_url: str) -> None:
    with Session(redis_url) as session, prompting(session) as prompt:
        for line in ("stats #99", "groups #99", "contrast #99", "trace #99", "export #99"):
            prompt.heard.mistakes.clear()
            assert prompt(line) == Exit.USAGE
            assert "there is no exchange #99" in prompt.heard.mistakes[0].message


def test_what_answers_from_a_damaged_capture_tells_it(damaged: Path, redis_url: str, name: str) -> None:
    with Session(redis_url) as session, prompting(session) as prompt:
        assert prompt(f"mock {name} --from {damaged}") == Exit.USAGE
        assert [note for note in prompt.heard.notes if "line 4 is skipped" in note]


def test_the_figures_of_a_capture(damaged: Path) -> None:
    status, heard = shell(f"stats {damaged} to:users --json")
    assert status == Exit.DONE
    figures = {one["action"]: (one["count"], one["errors"], one["p50_ms"]) for one in heard.records}
    assert figures == {"get": (2, 2, 1.0), "list": (1, 0, 1.0)}
    status, heard = shell(f"stats action:list {damaged} --json")
    assert [one["action"] for one in heard.records] == ["list"]
    status, heard = shell(f"stats {damaged.with_name('none.jsonl')}")
    assert status == Exit.USAGE
    assert "there is no file" in heard.mistakes[0].message


@pytest.mark.parametrize("line", ["tail {}", "tail to:users {}", "watch {}", "record new.jsonl {}"])
def test_a_capture_where_a_filter_is_meant_is_told(damaged: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(damaged.parent)
    status, heard = shell(line.format("shop.jsonl"))
    assert status == Exit.USAGE
    (mistake,) = heard.mistakes
    assert "shop.jsonl is a file" in mistake.message
    assert mistake.line[mistake.position :][: mistake.length] == "shop.jsonl"
    assert not Path("new.jsonl").exists()


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("why {}", "--in shop.jsonl"),
        ("logs {}", "--in shop.jsonl"),
        ("running {}", "--in shop.jsonl"),
        ("services users {}", "`open`"),
        ("describe {}", "`open`"),
        ("ping {}", "`open`"),
        ("request {} get", "`open`"),
        ("send {} get", "`open`"),
    ],
)
def test_a_capture_where_a_service_is_meant_is_told(
    damaged: Path, monkeypatch: pytest.MonkeyPatch, line: str, instead: str
) -> None:
    monkeypatch.chdir(damaged.parent)
    status, heard = shell(line.format("shop.jsonl"))
    assert status == Exit.USAGE
    (mistake,) = heard.mistakes
    assert "shop.jsonl is a file" in mistake.message
    assert instead in mistake.message
    assert mistake.line[mistake.position :][: mistake.length] == "shop.jsonl"


@pytest.mark.parametrize(
    "line",
    [
        "stats {} more.jsonl",
        "groups {} status:error more.jsonl",
        "contrast {} more.jsonl",
        "shape {} more.jsonl",
        "trace {} more.jsonl action:get",
        "export {} more.jsonl",
        "replay {} to:users more.jsonl --dry-run",
        "stats to:users more.jsonl status:error",
    ],
)
def test_a_second_capture_is_no_filter(damaged: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(damaged.parent)
    Path("more.jsonl").write_bytes(damaged.read_bytes())
    status, heard = shell(line.format("shop.jsonl"))
    assert (status, heard.lines, heard.records) == (Exit.USAGE, [], [])
    (mistake,) = heard.mistakes
    assert "more.jsonl is a file, and one capture is looked at here" in mistake.message
    assert mistake.line[mistake.position :][: mistake.length] == "more.jsonl"


def test_the_name_of_a_capture_is_looked_for_where_it_is_quoted(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(damaged.parent)
    assert shell("groups shop.jsonl '\"shop.jsonl\"'")[0] == Exit.DONE
    with prompting(Session("redis://localhost:1/0")) as prompt:
        assert prompt('groups shop.jsonl "shop.jsonl"') == Exit.DONE


def test_what_is_to_be_written_instead_is_quoted(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(damaged.parent)
    damaged.rename("my shop.jsonl")
    status, heard = shell("logs 'my shop.jsonl'")
    assert status == Exit.USAGE
    instead = "--in 'my shop.jsonl'"
    assert f"write {instead} to look into it" in heard.mistakes[0].message
    assert shell(f"logs {instead}")[0] != Exit.USAGE


def test_in_an_opened_capture_services_are_those_that_were_seen(damaged: Path) -> None:
    session = OfflineSession(damaged)
    with Prompt(session, OfflineSender(session)) as prompt:
        assert prompt("services --json") == Exit.DONE
        assert [one["service"] for one in prompt.said.records] == ["users"]
        assert prompt("services users") == Exit.DONE
        assert prompt("describe users --json") == Exit.DONE
        assert [one["action"] for one in prompt.said.records] == ["get", "list"]
        assert prompt("describe nobody") == Exit.NOBODY


def test_a_text_in_quotes_is_no_file(damaged: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    monkeypatch.chdir(damaged.parent)
    with Session(redis_url) as session, prompting(session) as prompt:
        assert prompt('tail "shop.jsonl" --for 10ms') == Exit.DONE
