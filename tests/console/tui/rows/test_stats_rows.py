"""The figures as rows: whole at any width."""

from __future__ import annotations

import pytest

from daebus_console.engine.figures.rows import Row, Slow
from daebus_console.engine.figures.stats import Stats
from daebus_console.text import cells
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.rows.stats import figures_line, heading, slow_line
from tests.console.engine.bus import Bus, answer, request


def figures(row: Row, width: int) -> dict[str, str]:
    """What stands under each name."""
    names, line = text_of(heading(width)), text_of(figures_line(row, width))
    ends = {name: names.index(name) + len(name) for name in names.split()[2:]}
    return {name: line[end - 9 : end].strip() for name, end in ends.items()}


def row_of(service: str, action: str, count: int, errors: int = 0) -> Row:
    """An action of which no time was measured."""
    return Row(service, action, count, 0.0, errors, *[0] * 3, *[None] * 6)


@pytest.mark.parametrize("width", [40, 52, 60, 70, 90, 110, 160])
def test_no_figure_is_cut_and_the_least_are_the_first_to_go(width: int) -> None:
    stats, bus = Stats(), Bus()
    for number in range(120):
        stats.opened(bus >> request("payment", "charge", id=f"r{number}"))
        bus.wait(0.123)
        stats.settled(bus >> answer("caller:1", id=f"r{number}", elapsed=0.1))
    (row,) = [one for one in stats.rows(bus.now) if one.action]
    assert cells(text_of(figures_line(row, width))) <= width
    whole, found = figures(row, 160), figures(row, width)
    assert found == {name: whole[name] for name in found}
    assert found["p95"].endswith("ms")
    slow = text_of(slow_line(stats.slowest(1)[0], width))
    assert cells(slow) <= width
    assert slow.rstrip().endswith("ms")


@pytest.mark.parametrize("width", [40, 52, 60, 70, 90, 110, 160])
def test_a_long_name_of_a_service_does_not_touch_that_of_its_action(width: int) -> None:
    name = "service" * 20
    assert "… charge" in text_of(figures_line(row_of(name, "charge", 1), width))
    assert "… charge" in text_of(slow_line(Slow(0.1, 1, 0.0, name, "charge"), width))


def test_many_errors_are_told_by_their_share_where_both_have_no_room() -> None:
    for errors, told in ((900, "900 25%"), (1100, "25%"), (12_000, "25%")):
        assert f"  {told} " in text_of(figures_line(row_of("payment", "charge", errors * 4, errors), 160))
