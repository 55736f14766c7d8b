"""Which records go into a batch for those who watch."""

from __future__ import annotations

import json

from daebus.recorder.recorder import Recorder
from daebus.recorder.records import Wanted
from daebus.service.control.watch import BATCH, MOST, MOST_WAITING, batch_of

ALL = Wanted()


def test_what_is_new_goes_in_its_order() -> None:
    recorder = Recorder()
    for number in range(5):
        recorder.handled(f"r{number}", "a", None, 0, 0, "ok")
    batch, seq, left_out, lost = batch_of(*recorder.ring.since(2), 2, ALL)
    assert [json.loads(each)["seq"] for each in batch] == [3, 4, 5]
    assert (seq, left_out, lost) == (5, 0, 0)
    assert batch_of(*recorder.ring.since(seq), seq, ALL) == ([], 5, 0, 0)


def test_of_too_many_failures_go_first_and_the_rest_is_counted() -> None:
    recorder = Recorder()
    for number in range(MOST_WAITING + 1):
        recorder.handled(f"r{number}", "a", None, 0, 0, "handler_error" if number % 10 == 9 else "ok")
    batch, seq, left_out, lost = batch_of(*recorder.ring.since(0), 0, ALL)
    told = [json.loads(each) for each in batch]
    assert len(told) == MOST
    assert sum(each["outcome"] != "ok" for each in told) == MOST_WAITING // 10
    assert [each["seq"] for each in told] == sorted(each["seq"] for each in told)
    assert (seq, left_out, lost) == (MOST_WAITING + 1, MOST_WAITING + 1 - MOST, 0)


def test_what_comes_all_at_once_goes_with_the_batches_to_come() -> None:
    recorder = Recorder()
    for number in range(MOST_WAITING):
        recorder.handled(f"r{number}", "a", None, 0, 0, "ok")
    seen, seq = [], 0
    while seq < MOST_WAITING:
        batch, seq, left_out, lost = batch_of(*recorder.ring.since(seq), seq, ALL)
        assert (len(batch), left_out, lost) == (MOST, 0, 0)
        seen += [json.loads(each)["seq"] for each in batch]
    assert seen == list(range(1, MOST_WAITING + 1))


def test_what_does_not_fit_comes_with_the_next_batch() -> None:
    recorder = Recorder()
    for number in range(20):
        recorder.handled(f"r{number}", "a", None, 0, 0, "e", error=ValueError(f"{number} " + "x" * 8000))
    seen, seq = [], 0
    while seq < 20:
        batch, seq, left_out, _lost = batch_of(*recorder.ring.since(seq), seq, ALL)
        assert 0 < sum(map(len, batch)) < BATCH
        assert not left_out
        seen += [json.loads(each)["seq"] for each in batch]
    assert seen == list(range(1, 21))


def test_a_record_larger_than_a_batch_is_sent_without_its_texts() -> None:
    recorder = Recorder()
    recorder.handled("r", "a", None, 0, 0, "e", error=ValueError("\U0001f600" * 9000))
    batch, seq, _left_out, _lost = batch_of(*recorder.ring.since(0), 0, ALL, size=3000)
    assert [json.loads(each)["cut"] for each in batch] == [True]
    assert seq == 1


def test_what_fell_out_before_it_was_sent_is_counted() -> None:
    recorder = Recorder(10)
    for _each in range(30):
        recorder.refused("r", "a", "busy", 0)
    batch, seq, left_out, lost = batch_of(*recorder.ring.since(5), 5, ALL)
    assert (len(batch), seq, left_out, lost) == (10, 30, 0, 15)


def test_other_kinds_are_passed_by() -> None:
    recorder = Recorder()
    recorder.handled("r", "a", None, 0, 0, "ok")
    recorder.refused("r", "a", "busy", 0)
    batch, seq, _left_out, _lost = batch_of(*recorder.ring.since(0), 0, Wanted({"handled"}))
    assert [json.loads(each)["kind"] for each in batch] == ["handled"]
    assert seq == 2
