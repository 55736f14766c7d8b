"""Numbers of what comes and goes."""

from __future__ import annotations

from daebus_console.engine.holding.labels import Labels


def test_each_keeps_its_number_and_what_is_new_gets_the_lowest_that_is_free() -> None:
    labels = Labels()
    a, b, c, d = (("a",), ("b",), ("c",), ("d",))
    assert labels.of([a, b, c]) == {a: 1, b: 2, c: 3}
    assert labels.of([b, c]) == {b: 2, c: 3}
    assert labels.of([d, c, b]) == {d: 1, c: 3, b: 2}
    assert labels.of([]) == {}
    assert labels.of([c]) == {c: 1}
