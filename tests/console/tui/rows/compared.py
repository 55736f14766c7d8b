"""Two exchanges that are compared, and any JSON to do that with."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from daebus_console.engine.diff.values import How
from daebus_console.engine.message.exchange import Exchange
from daebus_console.tui.compare.rows import Heading, Row
from tests.console.engine.bus import Bus, answer, request

TEXTS = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.recursive(
    st.none() | st.integers() | TEXTS, lambda inner: st.dictionaries(TEXTS, inner, max_size=3), max_leaves=10
)


def two(before: Any, after: Any, *, asked: tuple[Any, Any] = ({}, {})) -> tuple[Exchange, Exchange]:
    """Two answered exchanges of one action."""
    bus = Bus()
    for number, (payload, question) in enumerate(((before, asked[0]), (after, asked[1]))):
        bus >> request("users", "get_user", id=f"r{number}", payload=question, reply_to="caller:1")
        bus.wait(0.012 + number * 0.019)
        bus >> answer("caller:1", id=f"r{number}", payload=payload)
    one, other = bus.exchanges
    return one, other


def told(rows: list[Row]) -> list[str]:
    """The rows in short: `response 2/1` for a heading, `~path` for what counts, `(path)` for what does not."""
    signs = {How.CHANGED: "~", How.ADDED: "+", How.REMOVED: "-"}
    return [
        f"{row.part} {row.differing}/{row.ignored}"
        if isinstance(row, Heading)
        else f"({row.change.path})"
        if row.ignored_by
        else signs[row.change.how] + row.change.path
        for row in rows
    ]
