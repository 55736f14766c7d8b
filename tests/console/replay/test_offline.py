"""A capture held in place of a session."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daebus import DaebusCaller
from daebus.errors import RedisUnavailable
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.under_way import under_way
from daebus_console.engine.capture.format import CaptureError
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.message.exchange import Flag, State
from daebus_console.engine.message.frame import Frame
from daebus_console.engine.offline import OfflineSender, OfflineSession
from daebus_console.engine.sender import ReadOnly
from tests.console.cli.conftest import Console
from tests.console.replay.conftest import Shop
from tests.console.replay.prompt import Prompt, Said
from tests.support.waiting import eventually


@pytest.fixture
def recorded(shop: Shop, caller: DaebusCaller, capture: Callable[[Callable[[], None]], Path]) -> Path:
    def asking() -> None:
        for index in range(5):
            caller.send_request("echo", {"n": index})
        with pytest.raises(Exception, match="no"):
            caller.send_request("fail", {})

    path = capture(asking)
    shop.asked.clear()
    return path


@pytest.fixture
def offline(recorded: Path) -> Iterator[Prompt]:
    session = OfflineSession(recorded)
    with Prompt(session, OfflineSender(session)) as prompt:
        yield prompt


def test_a_step_of_this_machines_clock_is_no_gap_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "with-a-gap.jsonl"
    message = {"at": 1001.0, "channel": "news", "data": "{}"}
    lines = [{"daebus_capture": 1}, message, {"at": 1002.0, "gap": 1.0, "reason": "gone"}, message | {"at": 1004.0}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    session = OfflineSession(path)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    with session:
        assert session.wait_up(60)
        found = [one.aside.gap.reason for one in session.journal.exchanges if one.aside.gap is not None]
    assert (found, session.clock()) == (["gone"], 1004.0)


def test_all_is_there_but_sending(offline: Prompt, shop: Shop, recorded: Path) -> None:
    session = offline.session
    entry = session.directory.services[shop.name]
    assert entry.actions["echo"].requests == 5
    assert entry.errors == 1
    rows = {row.action: row.count for row in session.stats.rows(session.clock())}
    assert rows == {"echo": 5, "fail": 1}
    assert session.status.messages == 12
    assert str(session.address) == f"capture {recorded.name}"
    assert time.time() - 60 < session.clock() <= time.time()
    assert offline(f"show #{offline.seen(action='echo').number}") == 0
    assert offline(f"stats service:{shop.name}") == 0
    assert offline("diff #1 #2") == 1
    assert offline("export #1 --as command") == 0
    for line in (f"request {shop.name} echo a=1", f"send {shop.name} note a=1", "broadcast x a=1"):
        assert offline(line) == 2
        assert "this is a capture" in offline.said.all
    assert offline("replay #1") == 2
    assert "--redis URL" in offline.said.all
    assert offline(f"mock {shop.name} x a=1") == 2
    for line in (f"bench {shop.name} echo a=1", f"ask nest {shop.name}", f"ping {shop.name}"):
        assert offline(line) == 2
        assert "nothing can be sent from here" in offline.said.all
    assert shop.asked == []


def test_what_waits_for_messages_is_refused_where_none_can_pass(offline: Prompt, tmp_path: Path) -> None:
    for line in (f"record {tmp_path / 'new.jsonl'}", "tail --count 1"):
        assert offline(line) == 2
        assert "this is a capture, connected to no Redis: nothing passes in it" in offline.said.all
    assert not (tmp_path / "new.jsonl").exists()
    assert offline("stats --for 1h --json") == 0
    assert {row["action"]: row["count"] for row in offline.said.records} == {"echo": 5, "fail": 1}
    assert offline("groups --for 1h --json") == 0
    assert len(offline.said.records) == 1


def test_what_is_replayed_from_it_can_be_recorded(recorded: Path, shop: Shop, tmp_path: Path) -> None:
    session = OfflineSession(recorded, target=shop.url)
    path = tmp_path / "new.jsonl"
    with Prompt(session, OfflineSender(session)) as prompt:
        origin = prompt.seen(action="echo", state=State.OK)
        command = parse(f"record {path}")
        assert command is not None
        recording = threading.Thread(target=run, args=(command, replace(prompt.context, output=Said())))
        recording.start()
        eventually(lambda: under_way(session).recordings)
        assert prompt(f"replay #{origin.number}") == 0, prompt.said.all
        assert under_way(session).stop_recording()
        recording.join()
    with CaptureReader(path) as reader:
        asked, _answered = [item for item in reader if isinstance(item, Frame)]
    assert asked.channel == shop.name


def test_replays_from_it_go_to_the_redis_that_is_named(recorded: Path, shop: Shop) -> None:
    session = OfflineSession(recorded, target=shop.url)
    with Prompt(session, OfflineSender(session)) as prompt:
        origin = prompt.seen(action="echo", state=State.OK)
        assert prompt(f"replay #{origin.number}") == 0, prompt.said.all
        assert len(shop.asked) == 1
        assert origin.aside.replays is not None
        (number,) = origin.aside.replays
        new = session.journal.exchange(number)
        assert new is not None
        assert (new.aside.origin, new.state, new.has(Flag.OURS)) == (origin.number, State.OK, True)
        assert prompt("replay action:echo --asap") == 0
        assert len(shop.asked) == 6
        assert prompt(f"diff #{number}") == 0


def test_a_torn_capture_opens_with_a_warning(recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "torn.jsonl"
    *lines, _seen = recorded.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines)[:-20])
    with OfflineSession(path) as session:
        assert session.wait_up(10)
        assert any("torn" in warning for warning in session.warnings)
        assert session.status.messages == 11
    with pytest.raises(CaptureError):
        OfflineSession(tmp_path / "missing.jsonl")


def test_what_lies_behind_an_endless_line_is_told_to_be_unread(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daebus_console.engine.capture.source.LONGEST_LINE", 100_000)
    path = tmp_path / "endless.jsonl"
    path.write_bytes(recorded.read_bytes() + b"x" * 1_000_000)
    session = OfflineSession(path)
    session.start()
    try:
        assert session.loaded.wait(20)
        assert session.lacks == "broken off"
        assert "one line is longer than" in session.told_lacks()[-1]
    finally:
        session.stop()


def test_a_gap_is_a_gap_and_a_larger_capture_than_there_is_room_keeps_its_end(tmp_path: Path) -> None:
    from daebus_console.engine.settings import Settings

    path = tmp_path / "gap.jsonl"
    lines = [{"daebus_capture": 1}]
    lines += [{"at": 1000 + n / 10, "channel": "x", "data": json.dumps({"n": n})} for n in range(100)]  # type: ignore[dict-item]  # any JSON
    lines.insert(50, {"at": 1004.8, "gap": 2.0, "reason": "cut off"})  # type: ignore[dict-item]  # any JSON
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    with OfflineSession(path, Settings(max_messages=60)) as session:
        assert session.wait_up(10)
        assert session.status.gaps == 1
        assert session.journal.evicted == 41
        assert [one.aside.gap.seconds for one in session.journal.exchanges if one.aside.gap] == [2.0]
        assert session.clock() == pytest.approx(1009.9)


def test_nothing_can_be_connected_to(recorded: Path) -> None:
    with OfflineSession(recorded) as session:
        with pytest.raises(RedisUnavailable):
            session.address.connect("x")
        with OfflineSender(session) as sender, pytest.raises(ReadOnly):
            sender.request("x", "y", {})


def test_leaving_does_not_wait_for_the_whole_file(recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    first, _newline, rest = recorded.read_text().partition("\n")
    with path.open("w") as file:
        file.write(first + "\n")
        for _ in range(5_000):
            file.write(rest)
    session = OfflineSession(path)
    session.start()
    eventually(lambda: session.status.messages, what="it has begun")
    session.stop()
    assert session.status.messages < 60_000
    session.stop()


def test_the_verb_needs_a_terminal_and_a_capture(console: Console, recorded: Path) -> None:
    done = console("open", str(recorded))
    assert done.status == 2
    assert "needs a terminal" in done.err
