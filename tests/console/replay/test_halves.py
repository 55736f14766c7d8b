"""A capture whose second half another process reads: nothing of what is found depends on that."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daebus_console.engine.capture.format import CaptureError
from daebus_console.engine.export import ExportOptions
from daebus_console.engine.export.as_json import lines, numbered
from daebus_console.engine.figures.stats import Stats
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.replay import halves as module
from daebus_console.engine.replay import reading
from daebus_console.engine.replay.halves import Halves, Unfit
from daebus_console.engine.replay.seam import known_at, seam_of
from daebus_console.engine.replay.source import Recording
from daebus_console.files import reading as files
from tests.support.processes import family

Row = dict[str, Any]
ALONE = module.alone
ROOM = 1_000
COUNT = 3_000
SEAM = COUNT * 13 // 25
"""Requests before it, about."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is small is large here, there are processors enough, and no thread of another test keeps from it."""
    monkeypatch.setattr(reading, "MOST_MESSAGES", ROOM)
    monkeypatch.setattr(files, "BLOCK", 4_096)
    monkeypatch.setattr(module, "processors", lambda: 2)
    monkeypatch.setattr(module, "alone", lambda: True)


def asked(number: int, key: str | None = None, **more: Any) -> Row:
    body = {"action": f"get_{number % 3}", "reply_to": "caller:1", "request_id": key or f"r{number}", "service": "web"}
    data = json.dumps({**body, "payload": {"n": number}, **more})
    return {"at": 1_000 + number / 100, "channel": f"svc{number % 4}", "data": data}


def answered(number: int, after: int, key: str | None = None, **more: Any) -> Row:
    body = {"status": "success", "request_id": key or f"r{number}", "payload": {"n": number}, "elapsed": 0.01}
    return {"at": 1_000.005 + (number + after) / 100, "channel": "caller:1", "data": json.dumps({**body, **more})}


def plain(count: int = COUNT) -> Iterator[Row]:
    """Requests, each answered a few requests later, one in seven with an error, one in forty never."""
    for number in range(count):
        yield asked(number)
        before = number - 3
        if before >= 0 and before % 40:
            yield answered(before, 3, **({"status": "error"} if before % 7 == 0 else {}))


def all_sorts(count: int = COUNT) -> Iterator[Row]:
    """Every way in which a request may end, calls that were made for others, and what stands alone."""
    chance = random.Random(22)
    later: dict[int, list[Row]] = {}
    for number in range(count):
        more: Row = {"timeout": chance.choice((0.02, 0.5, 3))} if chance.random() < 0.3 else {}
        if chance.random() < 0.2:
            more["parent_id"] = f"r{number - chance.randrange(1, 9)}"
        yield asked(number, **more)
        after = chance.choice((1, 1, 2, 5, 20, 60))
        if chance.random() < 0.2:
            later.setdefault(number + 1, []).append(answered(number, 1, final=False))
        if chance.random() < 0.9:
            wrong: Row = {"status": "error", "payload": {"error": "no"}} if chance.random() < 0.1 else {}
            later.setdefault(number + after, []).append(answered(number, after, **wrong))
        if chance.random() < 0.05:
            later.setdefault(number + after + 2, []).append(answered(number, after + 2))
        if chance.random() < 0.1:
            at = 1_000.003 + number / 100
            yield {"at": at, "channel": f"news{number % 5}", "data": f"something else {number}"}
            yield {"at": at, "channel": "svc1", "data": json.dumps({"action": "tell", "payload": {"n": number}})}
        if chance.random() < 0.05:
            yield answered(number, 0, f"nobody-{number}")
        yield from later.pop(number, ())


def with_rows(rows: Iterable[Row], *more: tuple[int, Row]) -> Iterator[Row]:
    """Those, with others before the ones of that number."""
    added = dict(more)
    for number, row in enumerate(rows):
        if number in added:
            yield added[number]
        yield row


def at_row(number: int) -> float:
    return 1_000 + number / 200


def written(folder: Path, rows: Iterable[Row | str]) -> Path:
    path = folder / "capture.jsonl"
    texts = (row if isinstance(row, str) else json.dumps(row) for row in [{"daebus_capture": 1}, *rows])
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


Told = list[tuple[str, tuple[object, ...]]]


def exported(exchanges: Iterable[Exchange]) -> Told:
    """Everything that can be told of them."""
    return [
        (
            next(lines([one], ExportOptions())),
            (one.deadline, one.flags, one.reply_to, one.aside.code, one.aside.until, one.replies),
        )
        for one in exchanges
    ]


def in_one(path: Path) -> tuple[Told, list[str]]:
    recording = Recording(path)
    return exported(recording.exchanges()), recording.warnings


def in_two(path: Path) -> tuple[tuple[Told, list[str]], bool]:
    """The same, and whether it was read in two halves."""
    recording = Recording(path)
    with Halves(recording, lambda: exported(recording.exchanges())) as halves:
        found = exported(recording.exchanges())
        second = halves.result
    if second is not None:
        found += [(numbered(text, halves.shift), more) for text, more in second]
    return (found, recording.warnings), second is not None


@pytest.mark.parametrize("rows", [plain, all_sorts])
def test_both_halves_together_are_the_whole(tmp_path: Path, rows: Callable[[], Iterator[Row]]) -> None:
    path = written(tmp_path, rows())
    found, halved = in_two(path)
    assert halved
    assert found == in_one(path)


def test_all_sorts_have_all_sorts(tmp_path: Path) -> None:
    found = list(Recording(written(tmp_path, all_sorts())).exchanges())
    assert {one.state for one in found} >= {State.OK, State.ERROR, State.TIMEOUT, State.ORPHAN, State.SENT}
    assert {one.kind for one in found} >= {Kind.REQUEST, Kind.RESPONSE, Kind.BROADCAST, Kind.ONE_WAY}
    for flag in (Flag.LATE, Flag.DUPLICATE, Flag.STREAM, Flag.DECLARED):
        assert any(one.has(flag) for one in found)


GAP = {"gap": 0.5, "reason": "lost"}
STEP = {"gap": 50.0, "reason": "the clock of this machine was set forward by 50 s", "lost": False}
DIALECT = {
    "channel": "sum",
    "data": '{"pattern":"sum","data":[1],"id":"6c1c0d3c90ad4b0f9d204"}',
}
EARLY, LATE = SEAM // 2 * 2, SEAM * 3


@pytest.mark.parametrize(
    "added",
    [
        (EARLY, GAP | {"at": at_row(EARLY)}),
        (LATE, GAP | {"at": at_row(LATE)}),
        (EARLY, STEP | {"at": at_row(EARLY)}),
        (LATE, STEP | {"at": at_row(LATE)}),
        (EARLY, {"partly": True, "gap": 0.0, "reason": "only some channels", "at": at_row(EARLY)}),
        (EARLY, DIALECT | {"at": at_row(EARLY)}),
    ],
)
def test_what_the_second_half_cannot_know_is_read_in_one(tmp_path: Path, added: tuple[int, Row]) -> None:
    path = written(tmp_path, with_rows(plain(), added))
    found, halved = in_two(path)
    assert not halved
    assert found == in_one(path)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_traffic_is_both_say_the_same(tmp_path: Path, seed: int) -> None:
    """Ids that are used twice, answers from far away and times that go back, here and there."""
    chance = random.Random(seed)
    rows = list(all_sorts(COUNT // 2))
    for _ in range(chance.randrange(4)):
        number = chance.randrange(len(rows))
        rows[number:number] = [answered(number // 2, 0, f"r{chance.randrange(COUNT // 2)}")]
        number = chance.randrange(len(rows))
        rows[number:number] = [asked(number // 2, f"r{chance.randrange(COUNT // 2)}")]
    if chance.random() < 0.3:
        number = chance.randrange(len(rows) - 9)
        rows[number], rows[number + 8] = rows[number + 8], rows[number]
    path = written(tmp_path, rows)
    assert in_two(path)[0] == in_one(path)


def test_some_of_those_are_read_in_two_and_some_in_one(tmp_path: Path) -> None:

    def halved(row: int) -> bool:
        """Whether it is where an id is used again, in that row."""
        twice = asked(row // 2, f"r{row // 2 - 5}") | {"at": at_row(row)}
        found, in_halves = in_two(path := written(tmp_path, with_rows(plain(), (row, twice))))
        assert found == in_one(path)
        return in_halves

    assert [halved(row) for row in (SEAM // 2, SEAM * 2 - 200, SEAM * 3)] == [True, False, True]


def test_lines_that_cannot_be_read_are_told_by_their_numbers(tmp_path: Path) -> None:
    """In what the first reads, in what both read, and in what the second reads; and the last one is torn."""
    places = (SEAM // 2, SEAM * 2 - 200, SEAM * 3)
    rows: list[Row | str] = list(plain())
    for place in reversed(places):
        rows.insert(place, '{"at": 1, "channel"')
    path = written(tmp_path, rows)
    path.write_bytes(path.read_bytes()[:-20])
    (found, warnings), halved = in_two(path)
    assert halved
    assert [warning.split()[1].strip(",") for warning in warnings] == ["782", "2923", "4684", "5926"]
    assert (found, warnings) == in_one(path)


# What is known at the seam -------------------------------------------------------------------------------------


def known(folder: Path, rows: Iterable[Row]) -> bytes | None:
    recording = Recording(written(folder, rows))
    here = recording.reading()
    for _exchange in here.until(None):
        pass
    return known_at(here)


def test_what_came_before_all_that_is_held_makes_no_difference(tmp_path: Path) -> None:
    rows = list(plain())
    assert known(tmp_path, rows) == known(tmp_path, rows[1_000:]) is not None


def lately(number: int, *more: Row) -> list[Row]:
    """Plain traffic to which that is added, among the last of it, in place of the answer to that request."""
    rows = [row for row in plain() if row != answered(number, 3)]
    at = next(place for place, row in enumerate(rows) if row["at"] >= more[0]["at"])
    return [*rows[:at], *more, *rows[at:]]


OLD = COUNT - 100


STANDING: list[list[Row]] = [
    [answered(OLD, 3)],
    [answered(OLD, 2)],
    [answered(OLD, 3, status="error")],
    [answered(OLD, 3, status="error", payload={"error": "x", "code": "busy"})],
    [answered(OLD, 2, final=False), answered(OLD, 3)],
    [answered(OLD, 2), answered(OLD, 3, final=False)],
    [answered(OLD, 2, final=False), answered(OLD, 3, final=False)],
    [answered(OLD, 2), answered(OLD, 3)],
    [answered(OLD, 3, "nobody")],
    [asked(OLD + 3, "another")],
    [asked(OLD + 3, "another", timeout=8)],
    [asked(OLD + 3, "another", timeout=9)],
    [asked(OLD + 3, "another", timeout=9), answered(OLD, 3)],
    [{"at": answered(OLD, 3)["at"], "channel": "news", "data": "x"}],
    [{"at": answered(OLD, 3)["at"], "channel": "svc1", "data": '{"action": "tell"}'}],
    [{"at": answered(OLD, 3)["at"], "channel": "daebus.control.svc1", "data": asked(OLD, "c")["data"]}],
]


def test_whose_answer_is_whose_is_told(tmp_path: Path) -> None:
    first, second = answered(OLD, 3), answered(OLD + 1, 2)
    rows = [row for row in plain() if row != answered(OLD + 1, 3)]
    place = rows.index(first)
    found = [known(tmp_path, [*rows[:place], *both, *rows[place + 1 :]]) for both in ([first, second], [second, first])]
    assert found[0] != found[1]


def test_what_stands_otherwise_is_told_from_it(tmp_path: Path) -> None:
    found = [known(tmp_path, lately(OLD, *more)) for more in STANDING]
    assert None not in found
    assert len(set(found)) == len(STANDING)


@pytest.mark.parametrize(
    "more",
    [
        [asked(OLD + 3, f"r{OLD - 5}")],
        [asked(OLD + 3) | {"data": '{"action": "tell", "message_id": "m"}'}] * 2,
        [GAP | {"at": at_row(OLD * 2)}],
        [DIALECT | {"at": at_row(OLD * 2)}],
        [asked(OLD + 3, "ahead"), asked(OLD - 9, "behind")],
        [{"partly": True, "gap": 0.0, "reason": "only some channels", "at": at_row(OLD * 2)}],
    ],
)
def test_what_cannot_be_told_in_full_is_not_told(tmp_path: Path, more: list[Row]) -> None:
    assert known(tmp_path, lately(OLD, *more)) is None


def test_answers_from_far_away_are_seen_to_make_a_difference(tmp_path: Path) -> None:
    """Half of what is held lies between each request and its answer: too much of that began before."""
    rows = [row for number in range(COUNT) for row in (asked(number), answered(number - 400, 400))]
    path = written(tmp_path, rows)
    assert in_two(path) == (in_one(path), False)


# What may go wrong ---------------------------------------------------------------------------------------------


def cannot() -> Told:
    raise OSError("no room")


def one_that_is_gone() -> Told:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("not reached")


def not_told_apart() -> Told:
    raise Unfit


@pytest.mark.parametrize("work", [cannot, one_that_is_gone, not_told_apart, lambda: threading.Lock()])
def test_whatever_ends_the_other_process_the_rest_is_read_here(tmp_path: Path, work: Callable[[], Told]) -> None:
    path = written(tmp_path, plain())
    recording, before = Recording(path), family([os.getpid()])
    with Halves(recording, work) as halves:
        assert exported(recording.exchanges()) == in_one(path)[0]
        assert halves.result is None
    assert family([os.getpid()]) <= before


def test_a_machine_that_forks_no_more_reads_all_of_it_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError("too many processes")

    monkeypatch.setattr(os, "fork", refused)
    path = written(tmp_path, plain())
    assert in_two(path) == (in_one(path), False)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM} == set()


def test_a_process_with_threads_forks_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "alone", ALONE)
    path = written(tmp_path, plain())
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    try:
        assert in_two(path) == (in_one(path), False)
    finally:
        go.set()
        thread.join()


def test_whoever_stops_early_leaves_no_process(tmp_path: Path) -> None:
    recording, before = Recording(written(tmp_path, plain())), family([os.getpid()])
    with Halves(recording, lambda: exported(recording.exchanges())):
        assert next(iter(recording.exchanges())).number == 1
        assert len(family([os.getpid()])) > len(before)
    assert family([os.getpid()]) <= before
    assert sum(1 for _ in recording.exchanges()) == COUNT


def test_an_interrupt_at_the_beginning_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fork = os.fork

    def interrupted() -> int:
        pid = fork()
        if pid:
            # To this thread: another one, as tests may have, would take it while it is held back here.
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return pid

    monkeypatch.setattr(os, "fork", interrupted)
    recording, before = Recording(written(tmp_path, plain())), family([os.getpid()])
    with pytest.raises(KeyboardInterrupt), Halves(recording, lambda: exported(recording.exchanges())):
        pytest.fail("it was interrupted")
    assert family([os.getpid()]) <= before


def test_a_line_beyond_all_reason_in_the_second_half_is_an_error_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daebus_console.engine.capture.source.LONGEST_LINE", 50_000)
    rows = with_rows(plain(), (SEAM * 3, {"at": at_row(SEAM * 3), "channel": "x", "data": "x" * 60_000}))
    recording = Recording(written(tmp_path, rows))
    with (
        pytest.raises(CaptureError, match="longer than"),
        Halves(recording, lambda: exported(recording.exchanges())),
    ):
        exported(recording.exchanges())


@pytest.mark.parametrize(("end", "told"), [("", 0), ('\n{"at": 1', 1)])
def test_a_line_across_the_seam_that_is_the_last_is_there_once(tmp_path: Path, end: str, told: int) -> None:
    """As is what is left of one after it: whoever looks for the seam finds the end of the file instead."""
    path = written(tmp_path, plain())
    before = path.stat().st_size
    with path.open("a") as file:
        file.write(json.dumps({"at": at_row(COUNT * 2), "channel": "x", "data": "x" * before}) + end)
    seam = seam_of(Recording(path).stored)
    assert seam is not None
    assert before < seam.at
    (found, warnings), halved = in_two(path)
    assert not halved
    assert len(warnings) == told
    assert (found, warnings) == in_one(path)


@pytest.mark.parametrize("suffix", ["gz", "small", "long"])
def test_what_gains_nothing_is_read_in_one(tmp_path: Path, suffix: str) -> None:
    if suffix == "gz":
        import gzip

        path = tmp_path / "capture.jsonl.gz"
        path.write_bytes(gzip.compress(written(tmp_path, plain()).read_bytes()))
    elif suffix == "small":
        path = written(tmp_path, plain(ROOM))
    else:
        path = written(tmp_path, [{"at": 1, "channel": "x", "data": "x" * 3_000_000}])
    assert seam_of(Recording(path).stored) is None
    assert in_two(path) == (in_one(path), False)


def test_statistics_of_two_halves_are_those_of_the_whole(tmp_path: Path) -> None:
    exchanges = list(Recording(written(tmp_path, all_sorts())).exchanges())
    whole, first, second = Stats(max_series=7), Stats(max_series=7), Stats()
    whole.took_place(exchanges)
    first.took_place(exchanges[: len(exchanges) // 3])
    second.took_place(exchanges[len(exchanges) // 3 :])
    first.merge(second)
    assert whole.full
    assert first.rows(0) == whole.rows(0)
    assert first.totals(0) == whole.totals(0)
    assert (first.broadcasts, first.orphans) == (whole.broadcasts, whole.orphans)


def test_what_comes_first_has_room_wherever_the_seam_is(tmp_path: Path) -> None:
    """One that is never answered is counted at once, those that are many at a time."""
    rows = [asked(1, action="first"), answered(1, 0), asked(2, action="second")]
    exchanges = list(Recording(written(tmp_path, rows)).exchanges())
    whole, first, second = Stats(max_series=1), Stats(max_series=1), Stats()
    whole.took_place(exchanges)
    first.took_place(exchanges[:1])
    second.took_place(exchanges[1:])
    first.merge(second)
    assert [row.action for row in whole.rows(0)] == ["first", "…"]
    assert first.rows(0) == whole.rows(0)


def test_statistics_that_had_no_room_are_not_merged(tmp_path: Path) -> None:
    full = Stats(max_series=1)
    full.took_place(Recording(written(tmp_path, plain(99))).exchanges())
    with pytest.raises(ValueError, match="cannot be told apart"):
        Stats().merge(full)
