"""The JUnit file of a replay: what was not sent is listed as well, and it stands when it is complete."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from daebus_console.commands.cancellation import Cancellation
from daebus_console.commands.context import Exit
from daebus_console.commands.under_way import under_way
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.diff.exchange import Answer
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.message.frame import Frame
from daebus_console.engine.replay.item import resend_of
from daebus_console.engine.replay.junit import JUnit
from daebus_console.engine.replay.replay import Outcome
from daebus_console.engine.replay.report import judge
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.session import Session
from tests.console.cli.conftest import Console
from tests.console.commands.prompt import Prompt, prompting
from tests.console.replay.conftest import Shop
from tests.support.waiting import eventually


@pytest.fixture
def prompt(redis_url: str) -> Iterator[Prompt]:
    with Session(redis_url) as session:
        assert session.wait_up(5)
        with prompting(session) as prompt:
            yield prompt


@pytest.fixture
def spread(shop: Shop, tmp_path: Path) -> Path:
    """A capture of five requests, an hour apart."""
    path = tmp_path / "spread.jsonl"
    with CaptureWriter(path, "", 0.0) as writer:
        for number in range(5):
            asked = {"action": "echo", "payload": {"n": number}, "request_id": f"r{number}", "reply_to": "caller:1"}
            writer.write(number * 3_600.0, shop.name, json.dumps(asked).encode())
            answer = {"status": "success", "payload": {"n": number}, "request_id": f"r{number}"}
            writer.write(number * 3_600.0 + 0.1, "caller:1", json.dumps(answer).encode())
    return path


def suite_in(text: str) -> ElementTree.Element:
    suite = ElementTree.fromstring(text.strip()).find("testsuite")
    assert suite is not None
    return suite


def test_what_was_not_sent_is_skipped(prompt: Prompt, shop: Shop, spread: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("an earlier one")
    prompt.context.cancellation = Cancellation()
    statuses: list[int] = []
    running = threading.Thread(target=lambda: statuses.append(prompt(f"replay {spread} --junit {report}")))
    running.start()
    replays = under_way(prompt.context.session).replays
    # Not what the session sees: it may hear an answer before the replay does.
    eventually(lambda: replays and replays[0].progress.answered == 1, what="the first is answered")
    assert report.read_text() == "an earlier one"
    prompt.context.cancellation.cancel()
    running.join(20)
    assert statuses == [Exit.INTERRUPTED]
    suite = suite_in(report.read_text())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "0", "4")
    assert [case.get("name") for case in suite] == [f"#{number} echo" for number in range(1, 6)]
    reasons = [skipped.get("message") for case in suite for skipped in case.findall("skipped")]
    assert reasons == ["not sent: the replay was stopped"] * 4


def test_what_nobody_waited_for_is_skipped_and_not_failed(tmp_path: Path) -> None:
    """A replay that is stopped found no fault in the service that has not answered yet."""
    asked = {"action": "echo", "payload": {}, "request_id": "r0", "reply_to": "caller:1"}
    with CaptureWriter(tmp_path / "one.jsonl", "", 0.0) as writer:
        writer.write(0.0, "shop", json.dumps(asked).encode())
    (origin,) = Recording(tmp_path / "one.jsonl").exchanges()
    outcome = Outcome(origin, resend_of(origin), Answer("cancelled"), "r1", "stopped waiting")
    report = tmp_path / "report.xml"
    with JUnit(report, "replay") as junit:
        junit.add(outcome, judge(outcome, Rules()))
        junit.close()
    suite = suite_in(report.read_text())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "1")
    assert [one.get("message") for one in suite.iter("skipped")] == ["stopped waiting"]


def test_what_nobody_serves_is_skipped_where_the_others_are_replayed(
    console: Console, shop: Shop, spread: Path, tmp_path: Path
) -> None:
    both, report = tmp_path / "both.jsonl", tmp_path / "report.xml"
    asked = {"action": "tidy", "payload": {}, "request_id": "x1", "reply_to": "caller:1"}
    with CaptureWriter(both, "", 0.0) as writer:
        for frame in (one for one in CaptureReader(spread) if isinstance(one, Frame)):
            writer.write(frame.at, frame.channel, frame.data)
        writer.write(20_000.0, f"{shop.name}_gone", json.dumps(asked).encode())
        writer.write(20_001.0, f"{shop.name}_gone", json.dumps({**asked, "request_id": "x2"}).encode())
        writer.write(20_002.0, "news", b'{"n": 1}')
    done = console("replay", str(both), "--asap", "--skip-missing", "--junit", str(report))
    assert done.status == 0
    suite = suite_in(report.read_text())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("7", "0", "2")
    skipped = {case.get("name"): one.get("message") for case in suite for one in case.findall("skipped")}
    assert skipped == dict.fromkeys(("#6 tidy", "#7 tidy"), f"nobody serves '{shop.name}_gone'")


def test_it_goes_where_other_files_go(console: Console, spread: Path, tmp_path: Path) -> None:
    to_file = console("replay", str(spread), "--asap", "--junit", str(tmp_path / "report.xml.gz"))
    assert to_file.status == 0
    written = suite_in(gzip.decompress((tmp_path / "report.xml.gz").read_bytes()).decode())
    assert (written.get("tests"), written.get("skipped")) == ("5", "0")
    straight = console("replay", str(spread), "--asap", "--junit", "-")
    assert suite_in(straight.out).get("tests") == "5"
    assert "5 sent again: 5 same" in straight.err
    both = console("replay", str(spread), "--asap", "--json", "--junit", "/dev/stdout")
    assert (both.status, both.out) == (2, "")
    assert "--junit and --json both want standard output" in both.err


def test_a_report_that_cannot_be_written_is_told_before_anything_is_sent(
    console: Console, shop: Shop, spread: Path, tmp_path: Path
) -> None:
    for path in (tmp_path / "nowhere" / "x.xml", tmp_path):
        ended = console("replay", str(spread), "--asap", "--junit", str(path))
        assert (ended.status, f"cannot write {path}" in ended.err) == (2, True), ended
    assert shop.asked == []
