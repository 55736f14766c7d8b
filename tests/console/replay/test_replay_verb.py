"""replay at the shell: plan, report, exit statuses, and what stands in the way."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daebus import Daebus, DaebusCaller, RequestFailed, request
from tests.console.cli.conftest import Console
from tests.console.replay.conftest import Shop
from tests.support.waiting import eventually

Record = Callable[[Callable[[], Any]], Path]


@pytest.fixture
def recorded(shop: Shop, caller: DaebusCaller, capture: Record, publish: Callable[[dict[str, Any]], None]) -> Path:
    """Ten requests, one way and broadcast each one."""

    def shopping() -> None:
        for index in range(5):
            caller.send_request("price", {"sku": f"s{index}", "token": "secret"})
            caller.send_request("echo", {"n": index, "token": "secret"})
        caller.send_message("note", {"n": 1})
        publish({"n": 2})
        eventually(lambda: len(shop.told) == 2, what="both are told")

    path = capture(shopping)
    shop.told.clear()
    shop.asked.clear()
    return path


def test_the_plan_is_told_and_nothing_is_sent(console: Console, recorded: Path, shop: Shop) -> None:
    done = console("replay", str(recorded), "--dry-run")
    assert done.status == 0
    assert done.out.startswith("10 requests to 1 service over ")
    assert "1 one-way and 1 broadcast left out" in done.out
    assert f"{shop.name}  10" in done.out
    data = json.loads(console("replay", str(recorded), "action:price", "--dry-run", "--json").out)
    assert data["services"] == {shop.name: 5}
    assert data["left_out"] == {}
    assert shop.asked == []


def test_the_status_is_a_regression_test(console: Console, recorded: Path, shop: Shop, tmp_path: Path) -> None:
    same = console("replay", str(recorded), "--asap", "--ignore", "payload.at")
    assert same.status == 0, same.err
    assert "10 sent again: 10 same" in same.out
    assert "10 requests to 1 service" in same.err

    shop.price = 120
    junit = tmp_path / "replay.xml"
    changed = console("replay", str(recorded), "--asap", "--ignore", "*.at", "--json", "--junit", str(junit))
    assert changed.status == 1
    report = json.loads(changed.out)
    assert (report["same"], report["changed"], report["failed"]) == (5, 5, 0)
    (row,) = [row for row in report["actions"] if row["changed"]]
    assert row["action"] == "price"
    assert [one["path"] for one in row["differences"]] == ["response.payload.cents"]
    assert row["now"]["p50_ms"] > 0

    suite = ElementTree.parse(junit).getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("10", "5")
    failures = [case for case in suite if case.find("failure") is not None]
    assert len(failures) == 5
    assert all("response.payload.cents: 100 -> 120" in case.find("failure").get("message", "") for case in failures)  # type: ignore[union-attr]  # there is one
    people = console("replay", str(recorded), "action:price", "--asap", "--ignore", "*.at")
    assert people.status == 1
    assert "response.payload.cents" in people.out
    assert "5×, first in #" in people.out


def test_which_call_was_not_answered_is_no_change_of_the_answer(
    console: Console, shop: Shop, caller: DaebusCaller, capture: Record, tmp_path: Path
) -> None:
    front = Daebus(f"{shop.name}_front")

    @front.action("wait")
    def wait() -> dict[str, Any]:
        with DaebusCaller(shop.name, redis_url=shop.url) as inner:
            # It is connected by then: the time is over while it waits.
            inner.send_request("echo", {}, timeout=30)
            return inner.send_request("sleep", {"seconds": 2}, timeout=0.5)

    def asking() -> None:
        with (
            DaebusCaller(front.name, redis_url=shop.url) as outer,
            pytest.raises(RequestFailed, match="no answer from"),
        ):
            outer.send_request("wait", {})

    front.start(service=front.name, redis_url=shop.url)
    try:
        path = capture(asking)
        done = console("replay", str(path), f"to:{front.name}", "--asap")
        assert (done.status, "1 sent again: 1 same" in done.out) == (0, True), done.out + done.err
        module = tmp_path / "test_it.py"
        words = "--as", "pytest", "-o", str(module)
        assert console("export", str(path), f"to:{front.name}", *words).status == 0
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(module)]
        tried = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert tried.returncode == 0, tried.stdout
    finally:
        front.stop(grace=5)


def test_read_only_tells_what_would_be_sent_and_sends_nothing(console: Console, recorded: Path, shop: Shop) -> None:
    told = console("replay", str(recorded), "--dry-run")
    assert told.status == 0
    for number in ([], ["#1"]):
        assert console("--read-only", "replay", str(recorded), *number).status == 2
        assert console("--read-only", "replay", str(recorded), *number, "--dry-run").status == 0
    assert console("--read-only", "replay", str(recorded), "--dry-run").out == told.out
    assert shop.asked == []


def test_other_kinds_go_only_when_asked_for_and_broadcasts_only_when_confirmed(
    console: Console, recorded: Path, shop: Shop
) -> None:
    refused = console("replay", str(recorded), "--asap", "--include", "one-way,broadcast")
    assert refused.status == 2
    assert "not confirmed, so nothing was sent (--yes does not ask)" in refused.err
    assert shop.asked == shop.told == []
    done = console("replay", str(recorded), "--asap", "--include", "both", "--yes", "--ignore", "*.at")
    assert done.status == 0, done.err
    assert "10 same, 2 uncompared" in done.out
    eventually(lambda: len(shop.told) == 2, what="both are told")
    wrong = console("replay", str(recorded), "--include", "everything")
    assert wrong.status == 2
    assert "everything" in wrong.err


def test_services_that_are_not_there_are_named_before_anything_is_sent(
    console: Console, recorded: Path, shop: Shop, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    text = recorded.read_text()
    other.write_text(
        text
        + text.partition("\n")[2]
        .replace(shop.name, f"{shop.name}_gone")
        .replace('request_id\\":\\"', 'request_id\\":\\"x')
    )
    refused = console("replay", str(other), "--asap")
    assert refused.status == 3
    assert f"nobody serves {shop.name}_gone (10); nothing was sent. --skip-missing" in refused.err
    assert shop.asked == []
    skipped = console("replay", str(other), "--asap", "--skip-missing", "--ignore", "*.at")
    assert skipped.status == 0, skipped.err
    assert "10 sent again: 10 same" in skipped.out
    nobody = console("replay", str(recorded), "--to", f"{shop.name}_gone")
    assert nobody.status == 3


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["no-such-file.jsonl"], 2, "no-such-file.jsonl"),
        ([], 2, "expected WHAT"),
        (["{file}", "servce:x"], 2, "service"),
        (["{file}", "action:nothing"], 2, "there is nothing to replay\n"),
        (["{file}", "kind:broadcast"], 2, "there is nothing to replay; --include broadcast sends it as well"),
        (["{file}", "kind:broadcast,one-way"], 2, "there is nothing to replay; --include both sends them as well"),
        (["{file}", "--tolerance", "much"], 2, "tolerance"),
        (["{file}", "--redis", "nonsense"], 2, "URL"),
        (["{file}", "--redis", "redis://localhost:1/0"], 5, "Redis"),
        (["#12"], 2, "prompts"),
        (["--read-only", "{file}"], 2, "read-only"),
        (["{file}", "--junit", "/nowhere/x.xml"], 2, "/nowhere/x.xml"),
    ],
)
def test_what_cannot_be_done_is_said(
    console: Console, recorded: Path, arguments: list[str], status: int, told: str
) -> None:
    done = console("replay", *(argument.format(file=recorded) for argument in arguments))
    assert (done.status, told in done.err) == (status, True), done.err


def test_a_file_that_is_no_capture(console: Console, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("hello\n")
    assert console("replay", str(path)).status == 2
    assert "no capture" in console("replay", str(path)).err


def test_secrets_stay_masked_in_what_is_told(console: Console, recorded: Path, shop: Shop) -> None:
    shop.app.stop(grace=1)
    app = Daebus(shop.name)

    @app.action("echo")
    def echo() -> Any:
        return {**request.payload, "token": "other"}

    app.start(service=shop.name, redis_url=shop.url)
    try:
        plain = console("replay", str(recorded), "action:echo", "--asap")
        assert plain.status == 1
        assert '"other"' in plain.out
        masked = console("--redact", "token", "replay", str(recorded), "action:echo", "--asap")
        assert masked.status == 1
        assert "response.payload.token" in masked.out
        assert "other" not in masked.out + masked.err
        assert "secret" not in masked.out + masked.err
    finally:
        app.stop(grace=1)
