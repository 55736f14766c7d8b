"""Lines of a capture are read many at once where all are plain: what is read is the same as line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from daebus_console.engine import offline
from daebus_console.engine.capture.reader import CaptureReader
from daebus_console.engine.export import export
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.message.frame import Frame, Gap
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.source import Recording
from tests.console.engine.dialects.support import TRANSCRIPTS

HEADER = b'{"daebus_capture": 1}\n'


def plain(at: float, channel: str = "a", data: str = "x") -> bytes:
    return json.dumps({"at": at, "channel": channel, "data": data}).encode()


HALVES = [b'{"at": 3, "channel": "a",', b' "data": "x"}']
ODD = [
    *HALVES,
    b"",
    b"   ",
    b"garbage",
    b'{"at": 3, "channel": "a"}',
    b'{"at": 3, "channel": "a", "data": "x", "more": {"x": [1]}}',
    b'{"at": 3, "channel": "a", "data_base64": "/w=="}',
    b'{"at": 3, "channel_base64": "/w==", "data": "x"}',
    b'{"at": 3, "channel": "a", "channel_base64": "/w==", "data": "x"}',
    b'{"at": 3, "gap": 1.5, "reason": "r"}',
    b'{"at": 3, "gap": 0, "reason": "r", "partly": true}',
    b'{"at": -1, "channel": "a", "data": "x"}',
    b'{"at": 1e300, "channel": "a", "data": "x"}',
    b'{"at": 3, "channel": "a", "data": "\\ud800"}',
    b'{"at": 3, "channel": "a", "data": "\xff"}',
    b'{"daebus_capture": 1, "started": 2}',
    plain(3) + plain(4),
    b"{",
    plain(3) + b"\r",
    b"  " + plain(3) + b"  ",
    plain(3, data='zoë \\ " \n \N{GRINNING FACE}'),
    plain(3, data="x" * 3_000),
]


def both(path: Path) -> tuple[list[object], list[object]]:
    """What is read, with all that is told of it: as it is, and line by line."""
    found: list[list[object]] = []
    for together in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not together:
                patch.setattr(CaptureReader, "_plain", lambda *_: None)
            reader = CaptureReader(path)
            found.append([*reader, reader.warnings, reader.skipped, reader.lacks, reader._line, reader.header])
    return found[0], found[1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(lines=[plain(3) + plain(4), b"", plain(5)], end=b"", block=64)
@example(lines=[plain(3) + plain(4), *HALVES, plain(5)], end=b"", block=4_096)
@given(
    lines=st.lists(st.sampled_from([*ODD, *(plain(float(at)) for at in range(20))]), max_size=40),
    end=st.sampled_from([b"", b"\n", b'\n{"at": 9, "chan', b"\n" + plain(9)]),
    block=st.sampled_from([64, 300, 4_096]),
)
def test_lines_together_are_read_as_one_by_one(tmp_path: Path, lines: list[bytes], end: bytes, block: int) -> None:
    path = tmp_path / "capture.jsonl"
    path.write_bytes(HEADER + b"\n".join(lines) + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("daebus_console.files.reading.BLOCK", block)
        together, alone = both(path)
    assert together == alone


def test_plain_lines_come_together_and_odd_ones_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    gap = b'{"at": 2.5, "gap": 1, "reason": "r"}'
    path.write_bytes(HEADER + b"\n".join([plain(1), plain(2), gap, plain(4), plain(5)]) + b"\n")
    assert list(CaptureReader(path).runs()) == [
        [(1.0, (("a", b"x"),)), (2.0, (("a", b"x"),))],
        Gap(2.5, 3.5, "r"),
        [(4.0, (("a", b"x"),)), (5.0, (("a", b"x"),))],
    ]


@pytest.mark.parametrize("odd", [b"", b'{"at": 3, "channel": "a", "data_base64": "eHh4"}\n'])
def test_frames_together_have_no_more_bytes_than_may_be(tmp_path: Path, odd: bytes) -> None:
    path = tmp_path / "capture.jsonl"
    sizes = [10, 900, 200, 5_000, 1, 1, 999, 2]
    path.write_bytes(HEADER + odd + b"".join(plain(1, data="x" * size) + b"\n" for size in sizes))
    runs = [[len(data) for _at, ((_channel, data),) in run] for run in CaptureReader(path).runs(1_000) if run]
    assert [size for run in runs for size in run] == ([3] if odd else []) + sizes
    assert all(len(run) == 1 or sum(run) <= 1_000 for run in runs)


def test_taken_along_as_a_capture_each_message_stands_where_it_stood(tmp_path: Path) -> None:
    """Also among those of equal times, and what came too late."""
    path, again = tmp_path / "capture.jsonl", tmp_path / "again.jsonl"
    lines = [request(1, 1), request(1, 2), plain(1, "news"), answer(1, 2), answer(30, 1)]
    lines += [b'{"at": 31.0, "gap": 1.0, "reason": "r"}', request(33, 3), plain(33, "one", "1"), plain(33, "one", "1")]
    path.write_bytes(HEADER + b"\n".join(lines) + b"\n")
    again.write_text(export("capture", Recording(path).exchanges()))
    with CaptureReader(path) as one, CaptureReader(again) as other:
        assert list(one) == list(other)
    twice = export("capture", Recording(again).exchanges()).splitlines()
    assert twice[1:] == again.read_text().splitlines()[1:]


def test_a_part_that_was_not_seen_is_taken_along(tmp_path: Path) -> None:
    path, again = tmp_path / "capture.jsonl", tmp_path / "again.jsonl"
    begin = b'{"at": 2.0, "gap": 0.0, "reason": "r", "partly": true}'
    over = b'{"at": 2.0, "gap": 18.0, "reason": "r", "partly": true}'
    lines = [request(1, 1), begin, request(3, 2), answer(4, 2), request(5, 3), over, request(21, 4), answer(22, 4)]
    path.write_bytes(HEADER + b"\n".join([*lines, plain(40)]) + b"\n")
    again.write_text(export("capture", Recording(path).exchanges()))
    with CaptureReader(path) as one, CaptureReader(again) as other:
        assert list(one) == list(other)
    found = [(one.number, one.request_id, one.state) for one in Recording(path).exchanges()]
    with OfflineSession(path) as session:
        assert session.wait_up(10)
        assert [(one.number, one.request_id, one.state) for one in session.journal.exchanges] == found
    assert [state for _number, _id, state in found].count(State.GAP) == 1


@pytest.mark.parametrize("name", sorted(path.name for path in TRANSCRIPTS.glob("*.jsonl")))
def test_so_it_is_in_every_dialect(tmp_path: Path, name: str) -> None:
    """Once, too, where a message opened several exchanges."""
    again = tmp_path / "again.jsonl"
    again.write_text(export("capture", Recording(TRANSCRIPTS / name).exchanges()))
    with CaptureReader(TRANSCRIPTS / name) as one, CaptureReader(again) as other:
        kept, seen = list(other), list(one)
        assert [frame for frame in kept if isinstance(frame, Frame)] == [frame for frame in seen if frame in kept]
        lost = [frame for frame in seen if frame not in kept]
        assert all(isinstance(frame, Frame) and frame.data.startswith(b'{"daebus_probe"') for frame in lost)


@pytest.mark.parametrize("step", [0.0, 0.001, 0.3, 1.7, 30.0, -0.5])
def test_what_is_taken_together_is_of_one_second(tmp_path: Path, step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "_MOST_AT_ONCE", 50)
    path = tmp_path / "capture.jsonl"
    frames = [Frame(1_000 + step * number, "a", b"%d" % number) for number in range(400)]
    path.write_bytes(HEADER + b"".join(plain(one.at, data=one.data.decode()) + b"\n" for one in frames))
    taken: list[list[tuple[float, bytes]]] = []
    session = OfflineSession(path)
    take = session._take

    def noted(at: float, batches: list[tuple[float, tuple[tuple[str, bytes]]]]) -> None:
        taken.append([(when, data) for when, ((_channel, data),) in batches])
        assert at == batches[-1][0]
        take(at, batches)

    monkeypatch.setattr(session, "_take", noted)
    session.start()
    assert session.wait_up(10)
    session.stop()
    assert [one for some in taken for one in some] == [(frame.at, frame.data) for frame in frames]
    assert all(len(some) <= 50 and len({at // 1 for at, _data in some}) == 1 for some in taken)
    assert all(one[0][0] // 1 != other[0][0] // 1 or len(one) == 50 for one, other in pairwise(taken))


def request(at: float, number: int) -> bytes:
    body = {"action": "a", "reply_to": "c", "request_id": f"r{number}"}
    return plain(at, "s", json.dumps(body))


def answer(at: float, number: int) -> bytes:
    return plain(at, "c", json.dumps({"status": "success", "payload": 1, "request_id": f"r{number}"}))


@pytest.mark.parametrize("block", [64, 300, 4_096])
def test_an_answer_that_came_too_late_is_known_wherever_it_stands(tmp_path: Path, block: int) -> None:
    """However the file is read, and however late it is."""
    path = tmp_path / "capture.jsonl"
    lines = [request(1, 1), request(2, 2), answer(3, 2), request(4, 4), request(20, 3), answer(22, 3), answer(130, 1)]
    lines += [request(140, 5), answer(141, 5), answer(142, 4)]
    path.write_bytes(HEADER + b"\n".join(lines) + b"\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("daebus_console.files.reading.BLOCK", block)
        patch.setattr("daebus_console.engine.replay.reading._AT_ONCE", 1)
        found = [(one.request_id, one.state, one.has(Flag.LATE)) for one in Recording(path).exchanges()]
    assert found == [
        ("r1", State.OK, True),
        ("r2", State.OK, False),
        ("r4", State.OK, True),
        ("r3", State.OK, False),
        ("r5", State.OK, False),
    ]


def lines_of(events: list[tuple[str, int, float]]) -> list[bytes]:
    """Lines of a capture: what happened, to which request, and how many seconds after the one before."""
    at, found, partly = 1.0, [], None
    for what, number, pause in events:
        at = round(at + pause, 3)
        if what == "ask":
            found.append(request(at, number))
        elif what == "answer":
            found.append(answer(at, number))
        elif what == "cast":
            found.append(plain(at, "news"))
        elif what in ("gap", "step"):
            open_, partly = partly, None
            if open_ is not None:
                # As those are written who record.
                found.append(b'{"at": %a, "gap": %a, "reason": "r", "partly": true}' % (open_, at - open_))
            lost = b', "lost": false' if what == "step" else b""
            found.append(b'{"at": %a, "gap": %a, "reason": "r"%b}' % (at, pause / 2, lost))
            at = round(at + pause / 2, 3)
            if open_ is not None:
                partly = at
                found.append(b'{"at": %a, "gap": 0.0, "reason": "r", "partly": true}' % at)
        elif partly is None:
            partly = at
            found.append(b'{"at": %a, "gap": 0.0, "reason": "r", "partly": true}' % at)
        else:
            found.append(b'{"at": %a, "gap": %a, "reason": "r", "partly": true}' % (partly, at - partly))
            partly = None
    return found


@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["ask", "answer", "cast", "gap", "part", "step"]),
            st.integers(1, 4),
            st.sampled_from([0.0, 0.7, 3.1, 12.0]),
        ),
        max_size=16,
        unique_by=lambda event: event[:2],
    ),
    together=st.sampled_from([1, 3, 1_000]),
)
@example(
    events=[
        ("ask", 4, 0.0),
        ("part", 1, 0.0),
        ("ask", 1, 0.5),
        ("answer", 4, 12.0),
        ("gap", 2, 12.0),
        ("part", 2, 0.0),
    ],
    together=3,
)
@example(
    # What was asked is over while a part is seen: nobody knows, however much is paired at once.
    events=[
        ("part", 1, 0.0),
        ("ask", 1, 3.1),
        ("cast", 1, 12.0),
        ("answer", 1, 3.1),
        ("ask", 2, 0.0),
        ("cast", 2, 12.0),
    ],
    together=1_000,
)
@example(
    # Seconds and times differ by a rounding.
    events=[("cast", 1, 0.7), ("part", 1, 3.1), ("gap", 1, 3.1), ("ask", 1, 0.0), ("step", 1, 0.7), ("ask", 2, 12.0)],
    together=3,
)
def test_with_gaps_it_is_known_alike_however_it_is_read(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, int, float]], together: int
) -> None:
    path = tmp_path_factory.mktemp("gaps") / "capture.jsonl"
    again = path.with_name("again.jsonl")
    path.write_bytes(HEADER + b"\n".join(lines_of(events)) + b"\n")

    def told(exchanges: Iterable[Exchange]) -> list[object]:
        return [
            (one.number, one.request_id, one.state, one.has(Flag.LATE), one.latency, len(one.messages))
            for one in exchanges
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("daebus_console.engine.replay.reading._AT_ONCE", together)
        found = sorted(told(Recording(path).exchanges()))
        again.write_text(export("capture", Recording(path).exchanges()))
    with OfflineSession(path) as session:
        assert session.wait_up(10)
        assert told(session.journal.exchanges) == found
    with OfflineSession(again) as session:
        assert session.wait_up(10)
        assert told(session.journal.exchanges) == found
    with CaptureReader(path) as one, CaptureReader(again) as other:
        assert [frame for frame in other if isinstance(frame, Frame)] == [
            each for each in one if isinstance(each, Frame)
        ]


def test_where_times_go_back_what_is_over_by_the_end_is_over(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    path.write_bytes(HEADER + b"\n".join([plain(100, "news"), request(99, 2), request(80, 1)]) + b"\n")

    def told(exchanges: Iterable[Exchange]) -> dict[str | None, State]:
        return {one.request_id: one.state for one in exchanges if one.kind is Kind.REQUEST}

    expected = {"r1": State.TIMEOUT, "r2": State.PENDING}
    assert told(Recording(path).exchanges()) == expected
    with OfflineSession(path) as session:
        assert session.wait_up(10)
        assert told(session.journal.exchanges) == expected
