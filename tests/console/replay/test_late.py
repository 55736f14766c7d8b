"""What was answered too late: asked again as it is, its late answer compared; exported as what passes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from daebus import DaebusCaller
from daebus.errors import RequestTimeout
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.diff.exchange import Answer
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.export import FORMATS, ExportOptions, export
from daebus_console.engine.message.exchange import Exchange, Flag, State
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay import reading
from daebus_console.engine.replay.item import patience, resend_of
from daebus_console.engine.replay.replay import Outcome
from daebus_console.engine.replay.report import Result, judge
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.session import Session
from tests.console.cli.conftest import Console
from tests.console.engine.bus import Bus, answer, request
from tests.console.replay.conftest import Shop
from tests.console.replay.prompt import Prompt
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def late(shop: Shop, caller: DaebusCaller, tmp_path: Path) -> Path:
    """A request that waited 0.5 s for an answer that came after 0.6 s, and one that was answered in time."""
    path = tmp_path / "late.jsonl"
    with Session(shop.url) as session:
        assert session.wait_up(10)
        with pytest.raises(RequestTimeout):
            caller.send_request("sleep", {"seconds": 0.6}, timeout=0.5)
        caller.send_request("echo", {"n": 1})

        def seen() -> list[Exchange]:
            with session.lock:
                found = [
                    one for one in session.journal.exchanges if one.target == shop.name and not one.has(Flag.CONTROL)
                ]
            return found if len(found) == 2 and all(one.answer is not None for one in found) else []

        found = eventually(seen, what="both answers are seen")
        assert [one.state for one in found] == [State.TIMEOUT, State.OK]
        path.write_text(export("capture", found), encoding="utf-8")
    return path


def test_an_unchanged_service_is_the_same(console: Console, late: Path, tmp_path: Path) -> None:
    junit = tmp_path / "late.xml"
    done = console("replay", str(late), "--junit", str(junit))
    assert done.status == 0, done.out + done.err
    assert "2 sent again: 2 same; 1 not answered in time, as then" in done.out
    suite = ElementTree.parse(junit).getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "0")


def test_the_late_answers_are_compared(console: Console, late: Path) -> None:
    lines = late.read_text(encoding="utf-8").replace('\\"slept\\":true', '\\"slept\\":false')
    late.write_text(lines.replace('\\"slept\\": true', '\\"slept\\": false'), encoding="utf-8")
    done = console("replay", str(late), "--json")
    assert done.status == 1
    report = json.loads(done.out)
    assert (report["same"], report["changed"], report["failed"], report["late"]) == (1, 1, 0, 1)


def test_not_waited_for_long_enough_it_is_a_timeout_as_then(console: Console, late: Path) -> None:
    done = console("replay", str(late), "action:sleep", "--timeout", "0.3", "--json")
    report = json.loads(done.out)
    assert (done.status, report["same"], report["late"]) == (0, 1, 1)


def test_one_alone(shop: Shop, caller: DaebusCaller) -> None:
    with Prompt(Session(shop.url)) as prompt:
        with pytest.raises(RequestTimeout):
            caller.send_request("sleep", {"seconds": 0.6}, timeout=0.5)
        exchange = prompt.seen(target=shop.name, action="sleep")
        eventually(lambda: exchange.answer is not None, what="the answer that came too late is seen")
        assert prompt(f"replay #{exchange.number}") == 0, prompt.said.all
        assert f"the same answer as in #{exchange.number}, and too late as well" in prompt.said.all
        (again,) = exchange.aside.replays or []
        # What was sent again heard the answer for itself; what passes on the bus may be seen a moment later.
        eventually(lambda: prompt.context.exchange(again).state is State.TIMEOUT)
        assert prompt(f"replay #{exchange.number} --timeout 0.2") == 4
        assert f"#{exchange.number} was not answered in time either" in prompt.said.all


@pytest.mark.parametrize("name", ["pytest", "python"])
def test_a_program_passes(shop: Shop, late: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "test_late.py"
    path.write_text(export(name, Recording(late).exchanges()), encoding="utf-8")
    assert re.search(r"answered too late, after [\d.]+ m?s", path.read_text(encoding="utf-8"))
    known = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, *(["-m", "pytest", "-q", "-p", "no:cacheprovider"] if name == "pytest" else []), str(path)],
        env={**known, "DAEBUS_REDIS_URL": shop.url, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'console'}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("named", "took", "seconds"),
    [(0.2, 0.1, 0.2), (0.2, 1, 2.5), (..., 2, 5), (..., 8, 13), (1, None, 1), (1, 70, 1)],
)
def test_how_long_is_waited(named: Any, took: float | None, seconds: float) -> None:
    bus = Bus(timeout=100)
    bus >> request("users", "get", id="r", timeout=named)
    if took is not None:
        bus.wait(took)
        bus >> answer("caller:1", id="r")
    assert patience(resend_of(bus["r"]), bus["r"]) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("was_late", "now", "is_late", "result"),
    [
        (False, "timeout", False, Result.FAILED),
        (True, "timeout", False, Result.SAME),
        (True, "ok", True, Result.SAME),
        (True, "ok", False, Result.SAME),
        (True, "error", True, Result.CHANGED),
        (True, "nobody", False, Result.FAILED),
    ],
)
def test_what_is_the_same(was_late: bool, now: str, is_late: bool, result: Result) -> None:
    bus = Bus()
    bus >> request("users", "get", id="r", timeout=1)
    bus.wait(2 if was_late else 0.5)
    bus >> answer("caller:1", id="r", payload={"n": 1})
    verdict = judge(Outcome(bus["r"], resend_of(bus["r"]), Answer(now, {"n": 1}), late=is_late), Rules())
    assert verdict.result is result
    assert verdict.late is (was_late and (is_late or now == "timeout"))


@pytest.fixture
def answered_later(tmp_path: Path) -> Path:
    """Requests of which each is answered when it has been given up for long, while the next ones are read."""
    path = tmp_path / "capture.jsonl"
    with CaptureWriter(path, "redis://localhost", 0.0) as writer:
        for number in range(30):
            writer.write(200.0 * number, *request("shop", "buy", id=f"r{number}"))
            writer.write(200.0 * number + 1, *answer("caller:1", id=f"r{number - 1}"))
    return path


@pytest.mark.parametrize("room", [5, 100_000])
def test_an_exchange_does_not_change_once_it_was_given(
    answered_later: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Whatever comes late belongs to it by then, or to nothing."""
    monkeypatch.setattr(reading, "MOST_MESSAGES", room)
    given = [(one, deepcopy(one)) for one in Recording(answered_later).exchanges()]
    assert [one.has(Flag.LATE) for one, _then in given].count(True) == 29
    assert all(one == then for one, then in given)


@pytest.mark.parametrize("name", FORMATS)
def test_however_late_an_answer_is_it_is_written_alike(answered_later: Path, name: str) -> None:
    def written(exchanges: Iterable[Exchange]) -> list[str]:
        text = "".join(FORMATS[name].write(exchanges, ExportOptions()))
        return [re.sub("[0-9a-f]{32}", "ID", line) for line in text.splitlines() if "started" not in line]

    with OfflineSession(answered_later) as session:
        assert session.wait_up(10)
        assert written(Recording(answered_later).exchanges()) == written(session.journal.exchanges)
