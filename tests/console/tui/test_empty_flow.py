"""Where the flow shows nothing it says what would bring rows back."""

from __future__ import annotations

import pytest

from daebus_console.engine.message.exchange import Flag
from daebus_console.tui.flow.visibility import Hidden, Mute, Visibility
from daebus_console.tui.titles.hints import no_flow
from tests.console.engine.bus import Bus, request

KEYS = ("/", "X", "c", "K")


@pytest.mark.parametrize("kind", ["plain", "control", "quiet"])
@pytest.mark.parametrize("muted", [False, True])
@pytest.mark.parametrize("filtered", [False, True])
def test_an_empty_flow_names_the_keys_that_bring_rows_back_and_no_others(
    kind: str, muted: bool, filtered: bool
) -> None:
    def seen(*keys: str) -> tuple[int, list[str]]:
        """How many rows there are after those keys, and which keys are named where there are none."""
        bus = Bus()
        bus >> request("daebus.control.users" if kind == "control" else "users", "get_user", id="A-1", service="web")
        if kind == "quiet":
            bus["A-1"].flags |= Flag.QUIET
        visibility = Visibility()
        if muted and "X" not in keys:
            visibility.mute(Mute("web"))
        if filtered and "/" not in keys:
            visibility.set_filter(lambda _exchange: False)
        if "c" in keys:
            visibility.toggle_control()
        if "K" in keys:
            visibility.toggle_quiet()
        hidden = Hidden()
        rows = sum(visibility.shows(one, hidden) for one in bus.journal.exchanges)
        told = ["".join(text for text, _role in line).split()[0] for line in no_flow(total=1, hidden=hidden)[1:]]
        return rows, [key for key in KEYS if key in told]

    rows, named = seen()
    if rows:
        return
    assert named == [key for key in KEYS if seen(key)[0]]
