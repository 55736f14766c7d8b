"""A capture opened: what is in it, as if it were seen now."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.capture.format import GapLine, SeenLine
from daebus_console.engine.capture.lines import Lines
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.export.as_capture import as_capture
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.figures.stats import Stats
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State
from daebus_console.engine.message.frame import Frame, Gap
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.watchers import Watcher
from tests.console.engine.bus import Bus, Sent, answer, request


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "capture.jsonl"


def write(path: Path, items: Sequence[Frame | Gap], seen: float = 0.0) -> None:
    with CaptureWriter(path, "redis://localhost/0", 5.0) as writer:
        for item in items:
            if isinstance(item, Frame):
                writer.write(*item)
            else:
                writer.gap(item.start, item.seconds or 0.0, item.reason, lost=item.lost)
        writer.seen(seen)


def write_all(path: Path, items: Sequence[Frame | Gap | float]) -> None:
    """Write them as they stand; a number is the time until which all was seen."""
    lines = Lines()
    buffer = lines.header("redis://localhost/0", 5.0)
    for item in items:
        if isinstance(item, Frame):
            lines.add((item.at, item.channel, item.data), buffer)
        elif isinstance(item, Gap):
            lines.add(GapLine(item.start, item.seconds or 0.0, item.reason, item.partly, item.lost), buffer)
        else:
            lines.add(SeenLine(item), buffer)
    path.write_bytes(bytes(buffer))


def sent(at: float, message: tuple[str, bytes]) -> Frame:
    return Frame(at, *message)


STORY: list[Frame | Gap] = [
    sent(1.0, request("orders", id="a")),
    sent(1.2, answer("caller:1", id="a")),
    sent(2.0, request("orders", id="b", timeout=1)),
    sent(9.0, request("orders", id="c")),
    Gap(9.5, 12.0, "cut off"),
    sent(12.0, request("orders", id="d")),
    sent(13.0, answer("caller:1", id="zzz")),
]


@contextmanager
def opened(
    path: Path, watcher: Watcher | None = None, on_expired: Callable[[Exchange], None] | None = None
) -> Iterator[OfflineSession]:
    session = OfflineSession(path)
    if watcher is not None:
        session.watch(watcher, on_expired)
    with session:
        assert session.wait_up(10)
        yield session


def test_a_capture_is_opened_as_if_it_were_seen_now(path: Path) -> None:
    write(path, STORY)
    messages: list[tuple[Message, Exchange]] = []
    expired: list[Exchange] = []
    with opened(path, lambda message, exchange: messages.append((message, exchange)), expired.append) as session:
        assert (session.status.messages, session.status.gaps, session.clock()) == (6, 1, 13.0)
        states = {one.request_id: one.state for one in session.journal.exchanges}
        found = session.correlator.find("a")
    assert states == {"a": State.OK, "b": State.TIMEOUT, "c": State.UNKNOWN, "d": State.PENDING, "zzz": State.ORPHAN,
                      None: State.GAP}  # fmt: skip
    assert found is not None
    assert found.latency == pytest.approx(0.2)
    # It is told when it begins and when it ends, as on a live bus.
    assert [message.kind for message, _exchange in messages].count(Kind.GAP) == 2
    assert [exchange.request_id for exchange in expired] == ["b"]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.floats(0, 0.4) | st.just(0.0)), max_size=60))
def test_messages_taken_together_are_what_they_would_be_one_by_one(story: list[tuple[str, bool, float]]) -> None:
    """Whatever is read in one step of a capture: times, order, states and figures are those of each message alone."""
    frames, at = [], 1_000.0
    for number, (name, asks, seconds) in enumerate(story):
        at += seconds
        message = request("orders", name, id=name, timeout=0.5) if asks else answer("caller:1", id=name, elapsed=number)
        frames.append(sent(at, message))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "story.jsonl"
        write(path, frames)
        with opened(path) as session:
            together = session
    bus, stats = Bus(), Stats()
    for frame in frames:
        bus.now = frame.at
        exchange = bus >> Sent(frame.channel, frame.data)
        newest = exchange.messages[-1]
        if exchange.opened is newest:
            stats.opened(exchange)
        elif exchange.answer is newest:
            stats.settled(exchange)
        for expired in bus.correlator.advance(frame.at):
            stats.settled(expired)
    assert list(together.journal.messages) == list(bus.journal.messages)
    assert list(together.journal.exchanges) == bus.exchanges
    assert together.correlator.pending == bus.correlator.pending
    assert together.stats.rows(at) == stats.rows(at)
    assert together.stats.totals(at) == stats.totals(at)


READ: dict[str, Callable[[Path], list[Exchange]]] = {
    "opened": lambda path: _opened(path),
    "streamed": lambda path: sorted(Recording(path).exchanges(), key=lambda one: one.number),
    "written again": lambda path: list(Recording(_again(path)).exchanges()),
}
"""Ways to read a capture."""


def _opened(path: Path) -> list[Exchange]:
    with opened(path) as session:
        return list(session.journal.exchanges)


def _again(path: Path) -> Path:
    again = path.with_name("again.jsonl")
    again.write_text("".join(as_capture(Recording(path).exchanges(), ExportOptions(redis="redis://localhost/0"))))
    return again


@pytest.mark.parametrize("how", READ)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_whose_time_was_over_while_it_was_looked_on_is_told_so(path: Path, how: str, suffix: str) -> None:
    path = path.with_name(path.name + suffix)
    write(path, [sent(1.0, request("orders", id="a", timeout=1)), sent(1.5, request("orders", id="b"))], seen=2.5)
    states = {one.request_id: one.state for one in READ[how](path)}
    assert states == {"a": State.TIMEOUT, "b": State.PENDING}


@pytest.mark.parametrize("how", READ)
@pytest.mark.parametrize("far", [-100.0, 3_600.0], ids=["back", "forward"])
def test_a_clock_that_stepped_while_it_was_recorded_is_a_gap_as_it_was(path: Path, how: str, far: float) -> None:
    story: list[Frame | Gap] = [
        sent(1_000.0, request("orders", id="a")),
        sent(1_000.1, answer("caller:1", id="a")),
        sent(1_001.0, request("orders", "slow", id="b", timeout=5)),
        Gap(1_001.5 + far, 1_001.5 + far, "the clock was set", lost=False),
        sent(1_002.0 + far, answer("caller:1", id="b")),
        sent(1_003.0 + far, request("orders", "late", id="c", timeout=1)),
        sent(1_005.0 + far, request("orders", id="d")),
        sent(1_005.1 + far, answer("caller:1", id="d")),
    ]
    write(path, story)
    found = READ[how](path)
    assert [one.request_id for one in found] == ["a", "b", None, "c", "d"]
    by_id = {one.request_id: one for one in found}
    assert [by_id[id].state for id in "abcd"] == [State.OK, State.OK, State.TIMEOUT, State.OK]
    assert not by_id["b"].has(Flag.LATE)
    assert [by_id[id].latency for id in "bc"] == [None, None]
    assert [round(by_id[id].latency or 0.0, 3) for id in "ad"] == [0.1, 0.1]
    gap = by_id[None].aside.gap
    assert gap is not None
    assert (gap.reason, gap.lost) == ("the clock was set", False)


@pytest.mark.parametrize("how", READ)
def test_times_that_go_back_keep_pairs_and_their_order(path: Path, how: str) -> None:
    write(
        path,
        [
            sent(10.0, request("orders", id="a")),
            sent(9.5, answer("caller:1", id="a")),
            sent(9.6, request("orders", id="b")),
            sent(9.7, answer("caller:1", id="b")),
        ],
    )
    found = {one.request_id: one for one in READ[how](path)}
    assert [found[id].state for id in "ab"] == [State.OK, State.OK]
    assert found["a"].latency is None
    assert round(found["b"].latency or 0.0, 3) == 0.1


@pytest.mark.parametrize("how", READ)
def test_who_had_given_up_before_a_gap_or_a_step_of_the_clock_has_given_up(path: Path, how: str) -> None:
    story: list[Frame | Gap | float] = [
        sent(1_000.0, request("orders", id="a", timeout=5)),
        1_006.0,
        Gap(1_100.0, 1_110.0, "cut off"),
        sent(1_120.0, request("orders", id="b", timeout=5)),
        1_126.0,
        Gap(503.0, 503.0, "the clock was set", lost=False),
        sent(510.0, request("orders", id="c", timeout=30)),
        sent(511.0, request("orders", id="d", timeout=1)),
        sent(513.0, request("orders", id="e", timeout=30)),
    ]
    write_all(path, story)
    states = {one.request_id: one.state for one in READ[how](path)}
    assert [states[id] for id in "abcde"] == [State.TIMEOUT] * 2 + [State.PENDING, State.TIMEOUT, State.PENDING]


@pytest.mark.parametrize("how", READ)
@pytest.mark.parametrize("seen_again", [1_003.5, None])
def test_gaps_in_which_a_part_was_seen_end_where_they_did(path: Path, how: str, seen_again: float | None) -> None:
    first = sent(seen_again, request("orders", id="x")) if seen_again is not None else None
    story: list[Frame | Gap | float] = [
        sent(1_000.5, request("orders", id="a")),
        Gap(1_001.0, 1_001.0, "in part", partly=True),
        sent(1_002.0, request("orders", id="b")),
        Gap(1_001.0, 1_003.0, "in part", partly=True),
        *([first] if first is not None else []),
        Gap(1_010.0, 1_010.0, "again", partly=True),
        Gap(1_010.0, 1_015.0, "again", partly=True),
        Gap(1_020.0, 1_025.0, "cut off"),
        Gap(1_030.0, 1_030.0, "once more", partly=True),
        Gap(1_030.0, 1_031.0, "once more", partly=True),
        Gap(503.0, 503.0, "the clock was set", lost=False),
        sent(520.0, request("orders", id="d", timeout=5)),
        526.0,
    ]
    write_all(path, story)
    found = READ[how](path)
    gaps = [gap for one in sorted(found, key=lambda one: one.opened.seq) if (gap := one.aside.gap) is not None]
    assert [(gap.start, gap.end, gap.partly) for gap in gaps] == [
        (1_001.0, 1_003.0, True),
        (1_010.0, 1_015.0, True),
        (1_020.0, 1_025.0, False),
        (1_030.0, 1_031.0, True),
        (503.0, 503.0, False),
    ]
    states = {one.request_id: one.state for one in found}
    assert states["d"] is State.TIMEOUT


def test_an_empty_recording_opens_as_nothing(path: Path) -> None:
    write(path, [])
    with opened(path) as session:
        assert (session.status.messages, list(session.journal.messages), session.failed) == (0, [], None)
