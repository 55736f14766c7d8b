"""Numbers of what comes and goes."""

from __future__ import annotations

from daebus_console.engine.holding.labels import Labels, Numbers


def test_what_is_new_gets_the_next_number_and_keeps_it() -> None:
    numbers = Numbers()
    assert [numbers.of((key,)) for key in "abacb"] == [1, 2, 1, 3, 2]
    assert ("a",) in numbers
    assert ("d",) not in numbers


def test_of_very_many_the_oldest_are_forgotten() -> None:
    numbers = Numbers()
    for number in range(6_000):
        numbers.of((str(number),))
    assert ("0",) not in numbers
    assert numbers.of(("0",)) == 6_001
    assert numbers.of(("5999",)) == 6_000


def test_each_keeps_its_number_and_what_is_new_gets_the_lowest_that_is_free() -> None:
    labels = Labels()
    a, b, c, d = (("a",), ("b",), ("c",), ("d",))
    assert labels.of([a, b, c]) == {a: 1, b: 2, c: 3}
    assert labels.of([b, c]) == {b: 2, c: 3}
    assert labels.of([d, c, b]) == {d: 1, c: 3, b: 2}
    assert labels.of([]) == {}
    assert labels.of([c]) == {c: 1}
