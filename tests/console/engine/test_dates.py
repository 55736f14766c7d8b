"""Durations as sentences have them."""

from __future__ import annotations

import pytest

from daebus_console.dates import seconds


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0 ms"),
        (0.0001234, "123 µs"),
        (0.0009996, "1 ms"),
        (0.0123, "12.3 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (2.5, "2.5 s"),
        (999.4, "999 s"),
        (999.6, "1,000 s"),
        (86_400.0, "86,400 s"),
    ],
)
def test_three_figures_and_no_power_of_ten(value: float, said: str) -> None:
    assert seconds(value) == said
