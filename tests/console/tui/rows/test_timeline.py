"""When what happened in an exchange: nothing is told that nobody knows, and nothing is cut without a sign."""

from __future__ import annotations

import pytest

from daebus_console.engine.conversation.drawing import HANDLER, UNTOLD, WAY, bar
from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.conversation.waterfall import waterfall
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.pairing.clock import Step
from daebus_console.text import cells
from daebus_console.tui.documents.timeline import marks, timeline
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.rows.sequence import steps
from tests.console.engine.bus import Bus, answer, progress, request


def held(times: int) -> tuple[Bus, Exchange]:
    """A request that was held before its handler, of which its asker was told so often."""
    bus = Bus()
    exchange = bus >> request("orders", "ship", id="a", timeout=60)
    for _ in range(times):
        bus.wait(1)
        bus >> progress("caller:1", id="a", held=2.0)
    mark = {"by": "console", "did": ["held"]}
    bus.wait(0.5)
    bus >> answer("caller:1", id="a", elapsed=0.01, instance="b1", debug=mark if times else ...)
    return bus, exchange


def test_of_what_was_held_nobody_tells_when_it_was_picked_up() -> None:
    _bus, exchange = held(0)
    assert [mark.name for mark in marks(exchange)] == ["asked by web", "picked up", "answered"]
    _bus, exchange = held(4)
    assert [mark.name for mark in marks(exchange)] == ["asked by web", "held", "answered"]
    assert "10ms in the handler" in marks(exchange)[-1].more


@pytest.mark.parametrize(("times", "sign"), [(0, WAY), (4, UNTOLD)])
def test_what_was_held_is_not_drawn_as_on_its_way(times: int, sign: str) -> None:
    bus, exchange = held(times)
    found = waterfall(Conversation(exchange, list(bus.journal.exchanges)), bus.now)
    assert set(bar(found.rows[0], found.length, 60)) == {sign, HANDLER}


@pytest.mark.parametrize("width", [36, 40, 48, 60, 69, 70, 88, 120, 200])
def test_no_line_is_wider_than_the_pane_and_what_is_cut_says_so(width: int) -> None:
    bus, exchange = held(4)
    whole = [mark.more for mark in marks(exchange)]
    for line, more in zip(timeline(exchange, width, bus.now)[1:], whole, strict=True):
        text = text_of(line)
        assert cells(text.rstrip()) <= width
        assert text.rstrip().endswith((more, "…"))
        assert width < 88 or text.endswith(more)


@pytest.mark.parametrize("far", [3600.0, -2.0, -3600.0])
def test_where_the_clock_stepped_what_happened_is_told_in_order_and_no_times(far: float) -> None:
    bus = Bus()
    exchange = bus >> request("orders", "ship", id="a", timeout=60)
    bus.wait(1)
    bus >> progress("caller:1", id="a")
    bus.correlator.step(Step(bus.now, bus.now + far, 0.0))
    bus.now += far
    bus >> answer("caller:1", id="a")
    lines = [text_of(line) for line in timeline(exchange, 80, bus.now)]
    assert max(map(cells, lines)) <= 80
    head, asked, part, answered, _empty, said = lines
    assert head.rstrip().endswith("?")
    assert [line.split("  ")[0] for line in (asked, part, answered)] == ["asked by web", "part 1", "answered"]
    assert "?" not in asked
    assert all(" ? " in line for line in (part, answered))
    assert asked.index("●") < part.index("◆") < answered.index("■")
    assert "the clock stepped" in said


def test_a_clock_that_goes_back_a_little_unsaid_spreads_no_line() -> None:
    bus = Bus()
    exchange = bus >> request("orders", "ship", id="a", timeout=60)
    bus.now -= 0.5
    bus >> answer("caller:1", id="a")
    lines = [text_of(line) for line in timeline(exchange, 80, bus.now)]
    assert max(map(cells, lines)) <= 80
    assert [line.split("  ")[0] for line in lines[1:]] == ["asked by web", "answered"]


@pytest.mark.parametrize("far", [3600.0, -3600.0])
def test_where_the_clock_stepped_arrows_are_in_the_order_in_which_they_passed(far: float) -> None:
    bus = Bus()
    asked = bus >> request("orders", "ship", id="a", timeout=60)
    bus.wait(1)
    bus >> answer("caller:1", id="a")
    bus >> request("stock", "take", id="b", timeout=60, parent_id="a")
    bus.correlator.step(Step(bus.now, bus.now + far, 0.0))
    bus.now += far
    bus.wait(1)
    bus >> answer("caller:1", id="b")
    bus >> request("stock", "give", id="c", timeout=60, parent_id="a")
    found = Conversation(asked, list(bus.journal.exchanges))
    drawn = [(step.number, step.at - 1_000) for step in steps(found.exchanges(), found.times)]
    assert drawn == [(1, 0), (1, 1), (2, 1), (2, 2), (4, 2)]
    assert found.times.has_stepped(found.exchanges())
    assert not found.times.has_stepped([asked])
