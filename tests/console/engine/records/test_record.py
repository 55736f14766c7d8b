"""Records out of messages: whatever is in them, nothing raises, and what cannot be read is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus.recorder.records import FIELDS
from daebus_console.engine.records.lines import how_ended
from daebus_console.engine.records.record import KINDS, Batch, batch_in
from tests.console.engine.records.told import batch, handled, recent, record


def read(*records: Any, **fields: Any) -> Batch:
    found = batch_in(*batch("users", *records, **fields))
    assert found is not None
    return found


def test_all_kinds_with_all_their_fields() -> None:
    assert set(KINDS) == set(FIELDS)
    texts = {"digest": "0a1b2c3d", "queued": 0.1, "elapsed": 0.2, "length": 7, "frames": [{"file": "a.py", "line": 3}]}
    for number, (kind, fields) in enumerate(FIELDS.items(), 1):
        told = {field: texts.get(field, field) for field in fields}
        found = read({"seq": number, "at": 5.5, "kind": kind, **told})
        (one,) = found.records
        assert (one.kind, one.seq, one.at) == (kind, number, 5.5)
        for field in fields:
            name = "sender" if field == "from" else field
            value = getattr(one, name)
            assert value == told[field] if field != "frames" else value[0].line == 3


def test_an_answer_to_recent_is_read_as_well() -> None:
    found = batch_in(*recent("users", handled(4, "a"), lost=2))
    assert found is not None
    assert (found.service, found.instance, found.lost) == ("users", "i1", 2)
    assert [one.seq for one in found.records] == [4]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(record(1, "levitated", id="a"), id="kind"),
        pytest.param({"seq": 1, "at": 5.0}, id="without a kind"),
        pytest.param({"at": 5.0, "kind": "handled"}, id="without a number"),
        pytest.param({"seq": 1, "kind": "handled"}, id="without a time"),
        pytest.param(handled(0, "a"), id="number nought"),
        pytest.param(handled(-3, "a"), id="negative number"),
        pytest.param(handled(1 << 70, "a"), id="huge number"),
        pytest.param(handled(1, "a", at=-1.0), id="time before all"),
        pytest.param(handled(1, "a", at=1e300), id="time after all"),
        pytest.param(handled(1, "a", elapsed=-0.5), id="negative seconds"),
        pytest.param(handled(1, "a", queued="long"), id="seconds as text"),
        pytest.param(handled(1, "a", action=["act"]), id="action as list"),
        pytest.param(handled(1, {"a": 1}), id="id as object"),  # type: ignore[arg-type]  # as it may come
        pytest.param(handled(1, "a", elapsed=float("nan")), id="not a number"),
        pytest.param("handled", id="text"),
        pytest.param(None, id="null"),
        pytest.param([1, 2], id="list"),
    ],
)
def test_a_record_that_is_none_takes_no_other_with_it(bad: Any) -> None:
    found = batch_in(*batch("users", handled(1, "first"), bad, handled(2, "last")))
    if found is None:
        # JSON has no NaN: all of that message is unreadable.
        assert isinstance(bad, dict)
        assert bad["elapsed"] != bad["elapsed"]
        return
    assert [one.seq for one in found.records] == [1, 2]


@pytest.mark.parametrize(
    ("channel", "data"),
    [
        ("daebus.watch.users", b""),
        ("daebus.watch.users", b'{"records"'),
        ("daebus.watch.users", b'{"records": []}'),
        ("daebus.watch.users", b'{"service": "users", "instance": "i", "records": 5}'),
        ("daebus.watch.users", b'{"service": "users", "instance": 7, "records": []}'),
        ("daebus.watch.users", b'{"service": "orders", "instance": "i", "records": []}'),
        ("daebus.watch.users", b'\xff{"records": []}'),
        ("daebus.watch.users", b'{"service": "users", "instance": "i", "records": ' + b"[" * 50_000),
        ("caller:1", b'{"service": "users", "instance": "i", "payload": {"records": {}}}'),
        ("caller:1", b'{"service": "users", "instance": "i", "payload": "records", "x": "records"}'),
        ("caller:1", b'{"status": "error", "payload": {"error": "no \\"records\\""}}'),
    ],
)
def test_what_is_no_batch_is_none(channel: str, data: bytes) -> None:
    assert batch_in(channel, data) is None


def test_figures_of_a_batch_that_cannot_be_are_nought() -> None:
    for odd in (-1, 1 << 80, "many", 1.5, None, [1]):
        found = read(handled(1, "a"), lost=odd, left_out=odd)
        assert (found.lost, found.left_out, len(found.records)) == (0, 0, 1)


def test_hostile_texts_are_kept_as_they_are() -> None:
    text = "\x1b[31m[red]\u202e" + "x" * 3
    found = read(record(1, "logged", text=text, logger=text, level=text, id="a"))
    assert json.dumps(found.records[0].text) == json.dumps(text)  # type: ignore[union-attr]  # it is a line of the log


def test_how_a_run_ended_is_said_with_its_error() -> None:
    runs = [
        handled(1, "a"),
        handled(2, "b", outcome="deferred", queued=None),
        handled(3, "c", outcome="handler_error", type="KeyError", error="'sku'", elapsed=None),
        record(4, "ran", what="task", name="sync", outcome="error"),
    ]
    found = [how_ended(one) for one in read(*runs).records]  # type: ignore[arg-type]  # they are runs
    assert found == [
        "act: ended well (waited 2 ms, took 10 ms)",
        "act: put its answer off (took 10 ms)",
        "act: handler_error (waited 2 ms): KeyError: 'sku'",
        "task sync: error",
    ]
