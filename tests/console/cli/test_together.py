"""Options that say two things, or that would change nothing, are refused with their place: none is passed over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daebus_console.engine.capture.writer import CaptureWriter
from tests.console.cli.conftest import Console


@pytest.fixture
def capture(tmp_path: Path) -> str:
    path = tmp_path / "seen.jsonl"
    with CaptureWriter(path, "", 0.0) as writer:
        asked = {"action": "echo", "payload": {"n": 1}, "request_id": "r", "reply_to": "caller:1"}
        writer.write(1.0, "users", json.dumps(asked).encode())
        writer.write(1.1, "caller:1", b'{"status":"success","payload":{"n":1},"request_id":"r"}')
    return str(path)


READ_TO_ITS_END = "is read to its end"
TABLE = [
    ("stats CAPTURE --for 5", READ_TO_ITS_END),
    ("groups CAPTURE --for 5", READ_TO_ITS_END),
    ("contrast CAPTURE --for 5", READ_TO_ITS_END),
    ("shape CAPTURE --for 5", READ_TO_ITS_END),
    ("trace CAPTURE id:#1 --for 5", READ_TO_ITS_END),
    ("findings CAPTURE --for 5", READ_TO_ITS_END),
    ("logs users --in CAPTURE --for 5", READ_TO_ITS_END),
    ("running --in CAPTURE --for 5", READ_TO_ITS_END),
    ("why users echo --in CAPTURE --for 5", READ_TO_ITS_END),
    ("replay CAPTURE --asap --speed 2 --dry-run", "--asap and --speed do not go together"),
    ("replay CAPTURE --rate 5 --asap --dry-run", "--asap and --rate do not go together"),
    ("replay CAPTURE --speed 2 --rate 5 --dry-run", "--rate and --speed do not go together"),
    ("replay CAPTURE --dry-run --junit all.xml", "with --dry-run nothing is sent"),
    ("export CAPTURE --as json --ignore payload.n", "--ignore goes with --as pytest, and this is json"),
    ("export CAPTURE --as markdown --tolerance 5%", "--tolerance goes with --as pytest, and this is markdown"),
    ("export CAPTURE --any-order", "--any-order goes with --as pytest, and this is json"),
    ("describe users --as python --json", "--json and --as python do not go together"),
    ("shape CAPTURE --as text --json", "--json and --as text do not go together"),
    ("shape CAPTURE --as jsonschema --departing", "--departing lists messages"),
    ("known --forget", "expected FINDING"),
    ("known 5e1f0a2b Ann sees to it --forget", "no note goes with --forget"),
]


@pytest.mark.parametrize(("line", "told"), TABLE)
def test_what_does_not_go_together_is_refused(console: Console, capture: str, line: str, told: str) -> None:
    done = console(*(capture if word == "CAPTURE" else word for word in line.split()))
    assert (done.status, done.out) == (2, "")
    assert told in done.err.splitlines()[0]
    assert "^" in done.err


@pytest.mark.parametrize(
    "line",
    [
        "export CAPTURE --as pytest --ignore payload.n --any-order",
        "replay CAPTURE --speed 2 --dry-run",
        "shape CAPTURE --as json --json",
        "shape CAPTURE --departing --json",
        "findings CAPTURE",
    ],
)
def test_what_goes_together_goes(console: Console, capture: str, line: str) -> None:
    done = console(*(capture if word == "CAPTURE" else word for word in line.split()))
    assert done.status == 0, done.err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("trace #12", "#N is for prompts, which remember exchanges; at the shell, name a capture file"),
        ("stats #12", "#N is for prompts, which remember exchanges; at the shell, name a capture file"),
        ("break #12", "#N is for prompts, which remember exchanges; at the shell, name a service"),
        ("replay status:error", "at the shell a capture file comes first, and the filter behind it"),
        ("export status:error --as json", "at the shell a capture file comes first, and the filter behind it"),
    ],
)
def test_what_only_a_prompt_remembers_is_told_at_the_shell(console: Console, line: str, told: str) -> None:
    done = console(*line.split())
    assert (done.status, done.out) == (2, "")
    assert told in done.err
