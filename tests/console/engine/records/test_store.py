"""The store: what was told twice counts once, rings that begin anew, losses, and no more room than there is."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from daebus_console.engine.records.record import batch_in
from daebus_console.engine.records.store import MOST_SOURCES, Records
from tests.console.engine.bus import Sent
from tests.console.engine.records.told import batch, cast, handled, recent, record


def take(records: Records, sent: Sent, at: float = 1_000.1, *, late: bool = False) -> list[Any]:
    found = batch_in(*sent)
    assert found is not None
    return records.take(at, found, watched=sent.channel.startswith("daebus.watch."), late=late)


def test_what_is_told_twice_counts_once() -> None:
    records = Records()
    assert len(take(records, recent("users", handled(1, "a"), handled(2, "b")))) == 2
    assert len(take(records, batch("users", handled(2, "b"), handled(3, "c")))) == 1
    assert not take(records, recent("users", handled(1, "a"), handled(3, "c")))
    assert len(take(records, recent("users", handled(1, "a"), instance="i2"))) == 1
    assert [(one.source.instance, one.seq) for one in records.of("a")] == [("i1", 1), ("i2", 1)]
    assert len(records) == 4


@pytest.mark.parametrize("fields", [{"action": "act"}, {"action": "act", "id": True}, {"channel": "", "digest": "0"}])
def test_what_has_no_id_is_told_twice_and_counts_once(fields: dict[str, Any]) -> None:
    records, told = Records(room=6_000), [record(number, "refused", code="busy", **fields) for number in (1, 2)]
    assert len(take(records, recent("users", *told))) == 2
    assert not take(records, recent("users", *told))
    assert len(take(records, recent("users", *told, instance="i2"))) == 2
    assert len(records) == 4
    # What was forgotten since is new.
    take(records, batch("orders", *(handled(number, f"o{number}", outcome="no") for number in range(1, 20))))
    assert len(take(records, recent("users", *told))) == 2


def test_older_ones_that_were_not_told_before_are_taken() -> None:
    records = Records()
    take(records, batch("users", handled(50, "z")))
    assert [one.seq for one in take(records, recent("users", handled(7, "a"), record(8, "logged", id="a")))] == [7, 8]


def test_a_ring_that_begins_anew() -> None:
    records = Records()
    take(records, batch("users", handled(90, "a"), handled(91, "b")))
    assert len(take(records, batch("users", handled(1, "c"), handled(2, "d")))) == 2
    (source,) = records.sources.values()
    assert source.seq == 2
    assert len(take(records, batch("users", handled(3, "e")))) == 1


def test_what_is_read_after_later_ones_is_no_new_beginning() -> None:
    records = Records()
    take(records, batch("users", handled(3, "c")))
    take(records, batch("users", handled(6, "f"), handled(7, "g")))
    found = take(records, batch("users", handled(3, "c"), handled(4, "d"), handled(5, "e")), late=True)
    assert [one.seq for one in found] == [4, 5]


def test_losses_are_summed_up() -> None:
    records = Records()
    take(records, batch("users", handled(1, "a"), lost=3, left_out=5))
    take(records, batch("users", left_out=2))
    (source,) = records.sources.values()
    assert (source.lost, source.left_out) == (3, 7)


def test_after_many_restarts_the_newest_instance_is_taken_as_the_first_was() -> None:
    records = Records()
    take(records, batch("orders", handled(1, "x")))
    for number in range(MOST_SOURCES + 5):
        assert len(take(records, batch("users", handled(1, f"id{number}"), instance=f"i{number}"))) == 1
        take(records, batch("orders", handled(number + 2, f"o{number}")))
    assert len(records) == 2 * MOST_SOURCES + 11
    assert len(records.sources) == MOST_SOURCES
    # Who tells all the time stays known.
    assert not take(records, batch("orders", handled(2, "o0")))


def test_what_goes_well_does_not_drive_out_trouble() -> None:
    records = Records(room=60_000)
    take(records, batch("users", handled(1, "bad", outcome="handler_error", error="no"), record(2, "logged", id="bad")))
    for first in range(10, 1_010, 100):
        take(records, batch("users", *(handled(seq, f"id{seq}") for seq in range(first, first + 100))))
    assert len(records.of("bad")) == 2
    assert not records.of("id10")
    assert records.of("id1009")
    assert len(records) == len(list(records)) < 200


def test_clocks_that_are_off_are_told_from_those_that_are_not() -> None:
    records = Records()
    take(records, batch("users", handled(1, "a", at=1_000.0)), at=1_000.09)
    take(records, batch("orders", handled(1, "b", at=400.0)), at=1_000.09)
    take(records, recent("mailer", handled(1, "c", at=700.0)), at=1_000.09)
    off = {source.service: source.off for source in records.sources.values()}
    # What was recorded long ago tells nothing of a clock.
    assert (off["users"], round(off["orders"], 2), off["mailer"]) == (0.0, 600.09, 0.0)


def test_a_clock_that_is_set_right_is_off_no_more() -> None:
    records = Records()
    for seq in range(1, 31):
        take(records, batch("orders", handled(seq, f"a{seq}", at=1_090.0)), at=1_000.0)
    (source,) = records.sources.values()
    assert source.off == -90.0
    for seq in range(31, 72):
        take(records, batch("orders", handled(seq, f"a{seq}", at=1_000.0)), at=1_000.0)
    assert source.off == 0.0


def test_broadcasts_are_found_by_their_bytes_and_forgotten() -> None:
    records = Records(room=20_000)
    take(records, batch("users", cast("heard", 1, "orders", b"{}", id="r1", listener="on_order", outcome="ok")))
    assert records.has_channel("orders")
    assert [one.kind for one in records.of_cast(("orders", f"{zlib.crc32(b'{}'):08x}", 2))] == ["heard"]
    for seq in range(2, 60):
        take(records, batch("users", handled(seq, f"id{seq}")))
    assert not records.has_channel("orders")
    assert not records.of("r1")


def test_a_program_with_no_end_of_names_is_bounded() -> None:
    records = Records()
    for number in range(1_100):
        take(records, batch("users", handled(1, "a"), instance=f"i{number}"))
    assert len(records.sources) == 1_000


def test_what_is_left_of_an_id_is_found_when_its_oldest_is_forgotten() -> None:
    records = Records(room=6_000)
    take(records, batch("users", handled(1, "a"), handled(2, "a", "again")))
    left = []
    for number in range(3, 60):
        take(records, batch("users", handled(number, f"b{number}")))
        seqs = [one.seq for one in records.of("a")]
        if seqs not in left:
            left.append(seqs)
    assert left == [[1, 2], [2], []]
