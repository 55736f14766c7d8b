"""Figures by service and action, over time, and the histogram behind them."""

from __future__ import annotations

import math
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.figures.histogram import LARGEST, SMALLEST, Histogram
from daebus_console.engine.figures.rows import Row
from daebus_console.engine.figures.stats import OTHERS, Stats
from daebus_console.engine.message.exchange import Exchange
from tests.console.engine.bus import Bus, Sent, answer, progress, raw, request


class Measured:
    """A bus whose exchanges are counted, as a session does it."""

    def __init__(self, **options: float) -> None:
        self.bus = Bus()
        self.stats = Stats(**options)  # type: ignore[arg-type]  # as given

    def __rshift__(self, sent: Sent) -> Exchange:
        before = len(self.bus.journal.exchanges)
        exchange = self.bus >> sent
        if len(self.bus.journal.exchanges) > before:
            self.stats.opened(exchange)
        elif exchange.answer is not None and exchange.messages[-1] is exchange.answer:
            self.stats.settled(exchange)
        return exchange

    def wait(self, seconds: float) -> None:
        for exchange in self.bus.wait(seconds):
            self.stats.settled(exchange)

    def gap(self, seconds: float) -> None:
        self.bus.gap(seconds)
        self.stats.lost()

    def call(self, action: str = "act", *, took: float = 0.1, target: str = "orders", **fields: object) -> None:
        """A request and its answer after `took` seconds."""
        request_id = f"id-{self.bus.journal.next_seq}"
        self >> request(target, action, id=request_id)
        self.wait(took)
        self >> answer("caller:1", id=request_id, **fields)  # type: ignore[arg-type]  # as given

    def row(self, action: str = "act", service: str = "orders") -> Row:
        return next(row for row in self.stats.rows(self.bus.now) if (row.service, row.action) == (service, action))

    def answered(self, action: str | None = "act", service: str | None = "orders") -> int:
        """How many latencies were measured."""
        return self.stats.histogram(service, action).count

    @property
    def totals(self) -> Row:
        return self.stats.totals(self.bus.now)


def near(seconds: float) -> object:
    return pytest.approx(seconds, rel=0.021)


# Counting -------------------------------------------------------------------------------------------------------------


def test_answers_errors_and_one_way_messages_are_counted_by_action() -> None:
    on = Measured()
    for _ in range(3):
        on.call("create", took=0.2)
    on.call("create", status="error")
    on.call("list", took=0.01, elapsed=0.004)
    on >> request("orders", "note", reply_to=...)
    create, listed, note = on.row("create"), on.row("list"), on.row("note")
    assert (create.count, on.answered("create"), create.errors, create.in_flight) == (4, 4, 1, 0)
    assert create.p50 == near(0.2)
    assert create.handler_p50 is None
    assert (listed.handler_p50, listed.handler_p95) == (near(0.004), near(0.004))
    assert (note.count, on.answered("note"), note.in_flight, note.p50, note.largest) == (1, 0, 0, None, None)
    assert [row.action for row in on.stats.rows(on.bus.now)] == ["create", "list", "note"]
    assert (on.totals.count, on.answered(None, None), on.totals.errors) == (6, 5, 1)
    assert on.totals.handler_p50 == near(0.004)


def test_what_is_neither_request_nor_one_way_is_counted_apart() -> None:
    on = Measured()
    on >> raw("prices", '{"a": 1}')
    on >> answer("caller:1", id="zzz")
    on >> raw("prices", b"?")
    on >> raw("caller:1", b'{"request_id": ?')
    on >> request("daebus.control.orders", "info", id="i")
    on >> answer("caller:1", id="i")
    on >> raw("daebus.watch.orders", '{"service": "orders", "instance": "i", "seq": 1, "records": []}')
    together = Stats()
    together.took_place(on.bus.exchanges)
    for stats in (on.stats, together):
        assert stats.rows(on.bus.now) == []
        assert stats.totals(on.bus.now).count == 0
        assert (stats.broadcasts, stats.orphans, stats.unreadable) == (2, 1, 1)


def test_progress_and_duplicates_do_not_count_again() -> None:
    on = Measured()
    on >> request("orders", "act", id="a")
    on >> progress("caller:1", id="a")
    assert on.row().in_flight == 1
    on >> answer("caller:1", id="a")
    on >> answer("caller:1", id="a")
    assert (on.row().count, on.answered(), on.row().in_flight) == (1, 1, 0)


def test_what_is_under_way_is_in_flight_until_its_time_runs_out() -> None:
    on = Measured()
    on >> request("orders", "act", id="a", timeout=2)
    on.wait(1)
    assert (on.row().in_flight, on.row().timeouts) == (1, 0)
    on.wait(2)
    assert (on.row().in_flight, on.row().timeouts, on.totals.timeouts) == (0, 1, 1)


@given(
    fates=st.lists(
        st.tuples(
            st.sampled_from(["create", "list"]),
            st.sampled_from(["ok", "error", "late", "unanswered", "one way", "broadcast", "in a gap"]),
            st.floats(0.0, 3.0),
        ),
        max_size=40,
    ),
    together=st.integers(1, 50),
)
def test_what_took_place_is_counted_as_it_would_have_been_one_by_one(
    fates: list[tuple[str, str, float]], together: int
) -> None:
    on = Measured()
    for action, fate, took in fates:
        if fate in ("ok", "error"):
            on.call(action, took=took, status="error" if fate == "error" else "success", elapsed=took / 2)
        elif fate == "late":
            on.call(action, took=12.0)
        elif fate == "broadcast":
            on >> raw("news", b'{"n": 1}')
        else:
            on >> request("orders", action, reply_to=... if fate == "one way" else "caller:1")
            if fate == "in a gap":
                on.bus.gap(1.0)
            on.wait(took)
    exchanges = list(on.bus.journal.exchanges)
    one_by_one, some = Stats(), Stats()
    for each in exchanges:
        one_by_one.opened(each)
        if each.state != "pending":
            one_by_one.settled(each)
    for start in range(0, len(exchanges), together):
        some.took_place(exchanges[start : start + together])

    def told(stats: Stats) -> object:
        rows = [*stats.rows(on.bus.now), stats.totals(on.bus.now)]
        beside = stats.broadcasts, stats.orphans, stats.unreadable, stats.slowest(100)
        return [msgspec.structs.replace(row, rate=0.0) for row in rows], beside

    assert told(some) == told(one_by_one)


def test_a_late_answer_takes_a_guessed_timeout_back() -> None:
    on = Measured()
    on >> request("orders", "act", id="a")
    on.wait(11)
    on >> answer("caller:1", id="a", status="error")
    assert (on.row().timeouts, on.row().errors, on.row().in_flight) == (0, 1, 0)
    assert on.row().p50 == near(11)


def test_a_late_answer_leaves_a_declared_timeout_one() -> None:
    on = Measured()
    on >> request("orders", "act", id="a", timeout=1)
    on.wait(2)
    on >> answer("caller:1", id="a")
    assert (on.row().timeouts, on.answered(), on.row().in_flight) == (1, 1, 0)
    assert on.totals.timeouts == 1


def test_a_gap_makes_what_is_under_way_unknown_and_an_answer_takes_that_back() -> None:
    on = Measured()
    on >> request("orders", "act", id="a")
    on >> request("orders", "act", id="b")
    on >> request("orders", "act", id="c", timeout=0.5)
    on.wait(1)
    on.gap(1)
    assert (on.row().unknown, on.row().timeouts, on.row().in_flight) == (2, 1, 0)
    on >> answer("caller:1", id="a")
    on >> answer("caller:1", id="c")
    on.call()
    assert (on.row().unknown, on.row().timeouts, on.row().in_flight, on.answered()) == (1, 1, 0, 3)
    assert (on.totals.unknown, on.totals.in_flight) == (1, 0)


def test_what_the_journal_drops_is_no_longer_in_flight() -> None:
    on = Measured()
    pending = on >> request("orders", "act", id="a")
    done = on >> request("orders", "act", id="b")
    on >> answer("caller:1", id="b")
    on.stats.dropped(pending)
    on.stats.dropped(done)
    assert on.row().in_flight == 0


def test_clear_begins_anew_and_does_not_count_what_was_under_way() -> None:
    on = Measured()
    on >> request("orders", "act", id="a")
    on.stats.clear()
    on >> answer("caller:1", id="a")
    assert on.stats.rows(on.bus.now) == []
    on.call()
    on >> request("orders", "act", id="b")
    assert (on.row().count, on.answered(), on.row().in_flight) == (2, 1, 1)


def test_there_are_so_many_series_and_one_for_all_others() -> None:
    on = Measured(max_series=3)
    for number in range(10):
        on.call(f"act{number}", took=0.1)
    rows = on.stats.rows(on.bus.now)
    assert len(rows) == 4
    assert (rows[0].service, rows[0].action, rows[0].count, on.answered(OTHERS, OTHERS)) == (OTHERS, OTHERS, 7, 7)
    assert [row.beyond for row in rows] == [3, 0, 0, 0]
    assert on.answered(None, None) == 10
    assert sum(slot.count for slot in on.stats.series(OTHERS, OTHERS, on.bus.now)) == 7


@pytest.mark.parametrize("options", [{"slot": 0}, {"slots": 0}, {"max_series": 0}])
def test_senseless_bounds_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="need at least"):
        Stats(**options)


# Over time ------------------------------------------------------------------------------------------------------------


def test_rates_are_of_the_last_whole_seconds() -> None:
    on = Measured()
    for _ in range(100):
        on.call(took=0.1)
    assert on.row().rate == pytest.approx(10, abs=0.5)
    on.wait(10)
    assert (on.row().rate, on.totals.rate) == (0, 0)


def test_slots_hold_what_happened_in_them() -> None:
    on = Measured(slot=1.0)
    assert on.stats.series(None, None, on.bus.now) == []
    on.call("fast", took=0.25)
    on.call("fast", took=0.25, status="error")
    on.wait(1.5)
    on.call("slow", took=0.5)
    on.wait(2.2)
    slots = on.stats.series(None, None, on.bus.now)
    assert [slot.at for slot in slots] == [1000.0, 1001.0, 1002.0, 1003.0, 1004.0]
    assert [slot.count for slot in slots] == [2, 0, 1, 0, 0]
    assert [slot.errors for slot in slots] == [1, 0, 0, 0, 0]
    assert [slot.p95 for slot in slots] == [near(0.25), None, near(0.5), None, None]
    fast = on.stats.series("orders", "fast", on.bus.now)
    assert [slot.count for slot in fast] == [2, 0, 0, 0, 0]
    assert on.stats.series("nobody", "act", on.bus.now) == []


def test_timeouts_stand_in_the_slot_of_their_deadline() -> None:
    on = Measured()
    on >> request("orders", "act", id="a", timeout=2)
    on.wait(1.5)
    on.wait(3)
    assert [slot.timeouts for slot in on.stats.series(None, None, on.bus.now)] == [0, 0, 1, 0, 0]


def test_only_the_latest_slots_are_kept() -> None:
    on = Measured(slots=5)
    for _ in range(50):
        on.call(took=0.5)
    slots = on.stats.series("orders", "act", on.bus.now)
    assert len(slots) == 5
    assert slots[-1].at == on.bus.now // 1
    assert on.row().count == 50


def test_latencies_of_all_are_in_the_slot_in_which_they_were_measured() -> None:
    on = Measured()
    on.call("a", took=0.1)
    on.wait(1)
    on.call("b", took=0.3)
    on.wait(1)
    # The first action is seen again only now; its latency of then must not appear here.
    on.call("a", took=0.2)
    slots = on.stats.series(None, None, on.bus.now)
    assert [slot.p95 for slot in slots if slot.count] == [near(0.1), near(0.3), near(0.2)]


def test_the_slowest_are_kept_and_named() -> None:
    on = Measured()
    for number in range(300):
        on.call("act", took=0.001 * ((number * 7) % 300 + 1))
    slowest = on.stats.slowest(3)
    assert [round(slow.latency, 3) for slow in slowest] == [0.3, 0.299, 0.298]
    assert (slowest[0].service, slowest[0].action) == ("orders", "act")
    exchange = on.bus.journal.exchange(slowest[0].number)
    assert exchange is not None
    assert exchange.latency == slowest[0].latency
    assert len(on.stats.slowest(1_000)) == 100


def test_an_answer_that_seems_older_than_its_question_has_no_part_in_the_latencies() -> None:
    on = Measured()
    on.call("act", took=-0.5)
    row = on.row("act")
    assert (row.count, row.in_flight, row.p50, row.largest) == (1, 0, None, None)
    assert on.stats.slowest(3) == []
    on.call("act", took=0.2)
    assert on.row("act").p50 == near(0.2)


# The histogram --------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(SMALLEST, LARGEST), min_size=1, max_size=200), st.floats(0, 1))
def test_a_quantile_is_within_two_per_cent_of_the_exact_one(durations: list[float], fraction: float) -> None:
    one_by_one, at_once = Histogram(), Histogram()
    for duration in durations:
        one_by_one.add(duration)
    at_once.add_all(durations)
    exact = sorted(durations)[max(1, math.ceil(fraction * len(durations))) - 1]
    assert one_by_one.quantile(fraction) == pytest.approx(exact, rel=0.0201)
    assert one_by_one.counts == at_once.counts
    assert (one_by_one.smallest, one_by_one.largest) == (at_once.smallest, at_once.largest)


@given(st.lists(st.floats(0, 100), max_size=50), st.lists(st.floats(0, 100), max_size=50))
def test_merging_is_the_same_as_adding_all_to_one(first: list[float], second: list[float]) -> None:
    left, right, both = Histogram(), Histogram(), Histogram()
    left.add_all(first)
    right.add_all(second)
    both.add_all([*first, *second])
    left.merge(right)
    assert left.counts == both.counts
    assert (left.count, left.smallest, left.largest) == (both.count, both.smallest, both.largest)


def test_what_took_no_time_that_could_be_told_counts_as_none() -> None:
    histogram = Histogram()
    histogram.add_all([0.0, 0.0, 0.0, 0.5])
    assert histogram.quantiles((0.5, 1.0)) == [0.0, pytest.approx(0.5)]


def test_what_is_less_than_nothing_is_no_duration() -> None:
    one_by_one, at_once = Histogram(), Histogram()
    for seconds in (-1.0, 0.2, -0.5, 0.1):
        one_by_one.add(seconds)
    at_once.add_all([-1.0, 0.2, -0.5, 0.1])
    for histogram in (one_by_one, at_once):
        assert (histogram.count, histogram.smallest) == (2, 0.1)
        assert histogram.quantile(0.5) == pytest.approx(0.1, rel=0.02)
    at_once.add_all([-2.0])
    assert at_once.count == 2


def test_a_histogram_keeps_its_size() -> None:
    chance = random.Random(1)
    histogram = Histogram()
    histogram.add_all([math.exp(chance.uniform(-20, 15)) for _ in range(200_000)])
    assert len(histogram.counts) < 640
    assert histogram.count == 200_000


def test_durations_out_of_range_are_counted_at_its_ends() -> None:
    histogram = Histogram()
    histogram.add_all([0.0, 1e-9, 1e9])
    assert histogram.count == 3
    assert histogram.quantile(0) == pytest.approx(0, abs=2e-6)
    assert histogram.quantile(1) == near(LARGEST)


def test_an_empty_histogram_has_no_quantiles() -> None:
    assert Histogram().quantiles((0.5, 0.9)) == [None, None]
    assert Histogram().bars() == []


def test_bars_tile_what_they_count() -> None:
    histogram = Histogram()
    histogram.add_all([0.001, 0.0011, 0.5])
    bars = histogram.bars()
    assert sum(count for _low, _high, count in bars) == 3
    assert all(low < high for low, high, _count in bars)
    assert bars[0][0] <= 0.001 <= bars[0][1]
