"""A capture larger than what may be held: it is streamed, in the plan as in the replay."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus_console.engine.export import FORMATS, ExportOptions
from daebus_console.engine.message.exchange import Flag, Kind, State
from daebus_console.engine.replay import reading as replay_reading
from daebus_console.engine.replay.plan import Choice, Plan
from daebus_console.engine.replay.source import Recording
from daebus_console.files import reading

COUNT = 4_200
FILLING = "x" * 700
"""Makes few messages of a kilobyte a file that is larger than what may be held of it."""


def lines(count: int, *, answer_after: int = 3) -> Iterator[str]:
    """A request every millisecond, each answered a few requests later."""
    yield json.dumps({"daebus_capture": 1, "redis": "redis://localhost", "started": 0})
    for index in range(count + answer_after):
        at = 1_000 + index / 1000
        if index < count:
            body = {
                "action": "get",
                "payload": {"n": index, "filling": FILLING},
                "reply_to": "caller:1",
                "request_id": f"r{index}",
            }
            yield json.dumps({"at": at, "channel": f"svc{index % 3}", "data": json.dumps(body)})
        asked = index - answer_after
        if asked >= 0:
            body = {
                "status": "success",
                "payload": {"n": asked, "filling": FILLING},
                "request_id": f"r{asked}",
                "final": True,
            }
            yield json.dumps({"at": at, "channel": "caller:1", "data": json.dumps(body)})


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.jsonl"
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in lines(COUNT))
    return path


def test_the_memory_it_takes_does_not_grow_with_the_file(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_reading, "MOST_MESSAGES", 400)
    recording = Recording(large)
    gc.collect()
    tracemalloc.start()
    try:
        plan = Plan().add_all(recording.exchanges(), Choice())
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert plan.kinds[Kind.REQUEST] == COUNT
    assert plan.services == {"svc0": COUNT // 3, "svc1": COUNT // 3, "svc2": COUNT // 3}
    assert plan.describe() == f"{COUNT} requests to 3 services over 4.2 s"
    assert peak < 5 * 1024 * 1024 < large.stat().st_size


def test_every_exchange_comes_once_in_order_and_answered(large: Path) -> None:
    last = 0
    for exchange in Recording(large).exchanges():
        assert exchange.state is State.OK
        assert exchange.number > last
        last = exchange.number
    assert last == COUNT


def test_an_answer_beyond_what_is_held_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_reading, "MOST_MESSAGES", 100)
    path = tmp_path / "far.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines(1_000, answer_after=500)))
    found = [one for one in Recording(path).exchanges() if one.kind is Kind.REQUEST]
    assert len(found) == 1_000
    assert all(one.answer is None for one in found[:400])


def test_a_recording_by_filter_is_put_back_into_order(tmp_path: Path) -> None:
    """What matched late stands late in the file, and is replayed when it was sent."""
    path = tmp_path / "disorder.jsonl"
    body = '{"action": "a", "reply_to": "c", "request_id": "%s"}'
    reply = '{"status": "error", "payload": {"error": "x"}, "request_id": "%s"}'
    shown = [
        (1001.0, "s", body % "b"),
        (1002.0, "c", reply % "b"),
        (1000.0, "s", body % "a"),
        (1005.0, "c", reply % "a"),
    ]
    shown += [(1006.0, "s", body % "c"), (1007.0, "c", reply % "c")]
    rows = [{"at": at, "channel": channel, "data": data} for at, channel, data in shown]
    path.write_text("".join(json.dumps(row) + "\n" for row in [{"daebus_capture": 1}, *rows]))
    found = list(Recording(path).exchanges())
    assert [one.request_id for one in found] == ["a", "b", "c"]
    assert all(one.state is State.ERROR for one in found)


def test_of_what_is_out_of_order_no_more_is_held_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_reading, "MOST_MESSAGES", 20)
    path = tmp_path / "backwards.jsonl"
    rows = [{"at": 1_000 - n, "channel": "news", "data": f"x{n}"} for n in range(100)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [{"daebus_capture": 1}, *rows]))
    read = Recording(path).exchanges()
    assert next(read).number <= 60
    assert len(list(read)) == 99


@pytest.mark.parametrize("room", [50, 100_000])
def test_what_comes_long_after_belongs_to_its_request_as_long_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """A second final answer, minutes and thousands of messages later; else it is one of its own. None is lost."""
    monkeypatch.setattr(replay_reading, "MOST_MESSAGES", room)
    path, again = tmp_path / "twice.jsonl", tmp_path / "again.jsonl"
    second = {"status": "success", "payload": "again", "request_id": "r3"}
    row = json.dumps({"at": 1_500, "channel": "caller:1", "data": json.dumps(second)})
    path.write_text("".join(f"{line}\n" for line in [*lines(1_500), row]))
    with again.open("w") as file:
        file.writelines(FORMATS["capture"].write(Recording(path).exchanges(), ExportOptions()))
    for one in (path, again):
        found = list(Recording(one).exchanges())
        twice = [exchange.request_id for exchange in found if exchange.has(Flag.DUPLICATE)]
        orphans = [exchange.request_id for exchange in found if exchange.state is State.ORPHAN]
        assert (twice, orphans) == ((["r3"], []) if room > 50 else ([], ["r3"]))


def mixed() -> Iterator[dict[str, object]]:
    """Every way in which a request may end, several times over, with heartbeats, foreign messages and gaps between."""
    for number in range(300):
        at, key, wait = 1_000 + number / 10, f"r{number}", (None, 0.25, 3)[number % 3]
        asked = {"action": "get", "reply_to": "caller:1", "request_id": key, "payload": {"n": number}}
        yield {"at": at, "channel": "svc", "data": json.dumps({**asked, "timeout": wait} if wait else asked)}
        if number % 5 == 0:
            yield {"at": at, "channel": "svc", "data": f'{{"daebus_probe":{number}}}'}
        if number % 7 == 0:
            yield {"at": at + 0.01, "channel": "news", "data": f"something else {number}"}
        if number % 50 == 49:
            yield {"at": at + 0.02, "gap": 0.03, "reason": "lost"}
        # Late, in time, with an error, in parts, never, or to what nobody had asked.
        asked_before = number - (1, 4, 12)[number // 3 % 3]
        answer = {"status": "success", "request_id": f"r{asked_before}", "payload": {"n": asked_before}}
        if number % 4 == 1:
            yield {"at": at + 0.03, "channel": "caller:1", "data": json.dumps({**answer, "final": False})}
        if number % 11:
            status = {"status": "error"} if number % 6 == 0 else {}
            yield {"at": at + 0.04, "channel": "caller:1", "data": json.dumps({**answer, **status})}


@pytest.mark.parametrize("block", [100, 4_000])
@pytest.mark.parametrize("at_once", [1, 7])
def test_nothing_depends_on_how_much_is_read_and_paired_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, at_once: int
) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [{"daebus_capture": 1}, *mixed()]))

    def told() -> list[tuple[object, ...]]:
        # What comes too late is known where it comes before the exchange is given, and is not waited for.
        found = list(Recording(path).exchanges())
        in_time = [None if one.state is State.TIMEOUT else (one.answer, one.progress) for one in found]
        return [
            (one.number, one.kind, one.state, one.opened, answered)
            for one, answered in zip(found, in_time, strict=True)
        ]

    before = told()
    assert len({state for _number, _kind, state, _opened, _answered in before}) >= 5
    monkeypatch.setattr(reading, "BLOCK", block)
    monkeypatch.setattr(replay_reading, "_AT_ONCE", at_once)
    assert told() == before


def test_a_message_larger_than_all_that_may_be_held_takes_nothing_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_reading, "MOST_BYTES", 20_000)
    path = tmp_path / "one_large.jsonl"
    sizes = [10] * 20 + [200_000] + [10] * 20
    rows = [{"at": 1_000 + n, "channel": "news", "data": "x" * size} for n, size in enumerate(sizes)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [{"daebus_capture": 1}, *rows]))
    assert [len(one.opened.data) for one in Recording(path).exchanges()] == sizes


def test_stopping_early_gives_the_file_back(large: Path) -> None:
    found = Recording(large).exchanges()
    assert next(iter(found)).number == 1
    found.close()  # type: ignore[attr-defined]  # it is a generator
