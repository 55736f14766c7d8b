"""Records as they are asked for: by number, id, kind and count, within so many bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus.recorder.recorder import SIZE, Recorder, digest_of
from daebus.recorder.records import ANSWER, KINDS, Wanted, found_in, is_failure, told

LONG = "x" * 100_000


@pytest.fixture
def recorder() -> Recorder:
    """One with a record of each kind, a request's own first."""
    recorder = Recorder()
    recorder.logged("INFO", "shop", "taken", "r1")
    recorder.called("r2", "stock", "reserve", "r1", 0.25, "timeout")
    recorder.published("orders", digest_of(b"{}"), "r1")
    recorder.handled("r1", "order", "web", 0.001, 0.3, "ok")
    recorder.heard("run1", "orders", digest_of(b"{}"), "on_order", 0.1, error=ValueError("no"))
    recorder.ran("run2", "task", "sync", 2.0)
    recorder.refused("r3", "ordr", "unknown_action", 0.0)
    return recorder


def records(recorder: Recorder, **wanted: Any) -> list[dict[str, Any]]:
    after, limit = wanted.pop("after", 0), wanted.pop("limit", None)
    return found_in(recorder.ring, Wanted(**wanted), after, limit).records


def test_a_record_is_a_flat_object_by_its_kind(recorder: Recorder) -> None:
    found = records(recorder)
    assert [record["kind"] for record in found] == [
        "logged",
        "called",
        "published",
        "handled",
        "heard",
        "ran",
        "refused",
    ]
    assert [record["seq"] for record in found] == list(range(1, 8))
    for record in found:
        del record["seq"], record["at"], record["kind"]
    trace = found[4].pop("traceback")
    assert trace == "ValueError: no\n"
    assert found == [
        {"level": "INFO", "logger": "shop", "text": "taken", "id": "r1"},
        {"id": "r2", "service": "stock", "action": "reserve", "parent": "r1", "elapsed": 0.25, "outcome": "timeout"},
        {"channel": "orders", "digest": "a3a6bf43", "length": 2, "parent": "r1"},
        {"id": "r1", "action": "order", "from": "web", "queued": 0.001, "elapsed": 0.3, "outcome": "ok"},
        {
            "id": "run1",
            "channel": "orders",
            "digest": found[2]["digest"],
            "length": 2,
            "listener": "on_order",
            "elapsed": 0.1,
            "outcome": "error",
            "type": "ValueError",
            "error": "no",
        },
        {"id": "run2", "what": "task", "name": "sync", "elapsed": 2.0, "outcome": "ok"},
        {"id": "r3", "action": "ordr", "code": "unknown_action", "queued": 0.0},
    ]


def test_the_digest_is_the_checksum_of_the_bytes_in_hexadecimal() -> None:
    recorder = Recorder()
    recorder.published("c", digest_of(b'{"n":1}'), None)
    assert records(recorder)[0]["digest"] == "d44b3b7e"


def test_those_of_an_id_are_its_own_and_what_was_done_for_it(recorder: Recorder) -> None:
    assert [each["kind"] for each in records(recorder, id="r1")] == ["logged", "called", "published", "handled"]
    assert [each["kind"] for each in records(recorder, id="run1")] == ["heard"]
    assert records(recorder, id="nobody") == []


def test_one_and_true_are_different_ids() -> None:
    recorder = Recorder()
    for id in (1, True, 1.5, "1"):
        recorder.handled(id, "a", None, 0, 0, "ok")
    assert [each["id"] for each in records(recorder, id=1)] == [1]
    assert records(recorder, id=1)[0]["id"] is not True
    assert [each["id"] for each in records(recorder, id=True)] == [True]


def test_kinds_and_failures(recorder: Recorder) -> None:
    assert [each["seq"] for each in records(recorder, kinds={"ran", "heard"})] == [5, 6]
    _first, entries = recorder.ring.since(0)
    assert [told(0, entry)["kind"] for entry in entries if is_failure(entry)] == ["called", "heard", "refused"]


def test_after_a_number_they_are_read_on_from_there(recorder: Recorder) -> None:
    first = found_in(recorder.ring, Wanted(), 2, 3)
    assert ([each["seq"] for each in first.records], first.seq, first.more, first.lost) == ([3, 4, 5], 5, True, 0)
    rest = found_in(recorder.ring, Wanted(), first.seq, 3)
    assert ([each["seq"] for each in rest.records], rest.seq, rest.more) == ([6, 7], 7, False)


def test_going_on_passes_by_what_is_not_wanted(recorder: Recorder) -> None:
    found = found_in(recorder.ring, Wanted({"logged"}), 0, None)
    assert (len(found.records), found.seq, found.more) == (1, 7, False)


def test_without_a_number_they_are_the_newest_in_their_order(recorder: Recorder) -> None:
    found = found_in(recorder.ring, Wanted(), None, 2)
    assert ([each["seq"] for each in found.records], found.seq, found.more) == ([6, 7], 7, True)


def test_a_number_of_another_life_finds_nothing_and_tells_where_it_is(recorder: Recorder) -> None:
    found = found_in(recorder.ring, Wanted(), 1000, None)
    assert (found.records, found.seq, found.lost, found.more) == ([], 7, 0, False)


def test_what_fell_out_is_counted() -> None:
    recorder = Recorder(10)
    for _each in range(25):
        recorder.refused("r", "a", "busy", 0)
    assert found_in(recorder.ring, Wanted(), 5, None).lost == 10
    assert found_in(recorder.ring, Wanted(), 20, None).lost == 0


def test_two_thousand_tracebacks_stay_within_their_bytes() -> None:
    recorder = Recorder()
    error = ValueError(LONG)
    for _each in range(2000):
        recorder.handled("r", "a", "s", 0, 0, "handler_error", said=LONG, error=error)
    assert recorder.ring.seq == 2000
    assert recorder.ring.size <= SIZE
    assert 100 < len(recorder.ring) < 2000
    seen, after = 0, 0
    while True:
        found = found_in(recorder.ring, Wanted(), after, None)
        assert len(json.dumps(found.records, separators=(",", ":"))) <= ANSWER
        seen += len(found.records)
        after = found.seq
        if not found.more:
            break
    assert seen == len(recorder.ring)


@pytest.mark.parametrize("text", [LONG, "\x00" * 9000, "\U0001f600" * 9000, "\ud800" * 9000])
def test_whatever_is_told_it_can_be_written_and_is_cut(text: str) -> None:
    recorder = Recorder(debug=True)
    error = type("E" * 10_000, (Exception,), {})(text)
    recorder.handled(text, text, text, 0, 0, text, said=text, error=error, payload={"a": text})
    recorder.heard(text, text, (1, 2), text, 0, error=error, payload={text: text})
    recorder.ran(text, "task", text, 0, error)
    recorder.called("id", text, text, text, 0, text)
    recorder.published(text, (1, 2), text)
    recorder.refused(text, text, text[:20], 0)
    recorder.logged(text, text, text, text, text)
    for kind in KINDS:
        found = records(recorder, kinds={kind})
        assert [each["kind"] for each in found] == [kind]
        assert len(json.dumps(found)) < ANSWER


def test_a_record_that_is_too_large_alone_is_told_without_its_texts() -> None:
    recorder = Recorder()
    recorder.handled("r", "a", "s", 0, 0, "handler_error", said="s", error=ValueError("\U0001f600" * 9000))
    found = found_in(recorder.ring, Wanted(), 0, None, size=2000)
    assert [(each["id"], each["outcome"], each["cut"]) for each in found.records] == [("r", "handler_error", True)]
    assert "traceback" not in found.records[0]
