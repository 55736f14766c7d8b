"""A sorted set of numbers, whichever way they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daebus_console.tui.flow.numbers import RowNumbers

MIDDLE = 1000


@given(
    st.lists(
        st.tuples(st.sampled_from(["append", "prepend", "add", "remove", "trim"]), st.integers(1, 2000)), max_size=80
    )
)
def test_it_is_what_a_sorted_set_would_be(steps: list[tuple[str, int]]) -> None:
    rows, model, floor = RowNumbers(), set[int](), 0
    low, high = MIDDLE, MIDDLE
    for step, number in steps:
        if step == "append":
            high += 1
            rows.append(high)
            model.add(high)
        elif step == "prepend" and low > floor + 1:
            low -= 1
            if low < min(model, default=low + 1):
                rows.prepend(low)
                model.add(low)
        elif step == "add" and low <= number <= high and number >= floor:
            rows.add(number)
            model.add(number)
        elif step == "remove":
            rows.remove(number)
            model.discard(number)
        elif step == "trim":
            floor = max(floor, min(number, high))
            low = max(low, floor)
            rows.trim(floor)
            model = {one for one in model if one >= floor}
    expected = sorted(model)
    assert [rows[index] for index in range(len(rows))] == expected
    assert [rows.index(one) for one in expected] == list(range(len(expected)))
    assert all((one in rows) == (one in model) for one in range(MIDDLE - 30, MIDDLE + 30))


def test_many_are_trimmed_without_keeping_them() -> None:
    rows = RowNumbers()
    for number in range(1, 50_001):
        rows.append(number)
        rows.trim(number - 100)
    assert [rows[0], len(rows), rows.index(50_000)] == [49_900, 101, 100]
