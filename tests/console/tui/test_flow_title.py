"""The title of the flow: how many rows there are, and how many of how many where some are hidden."""

from __future__ import annotations

from daebus_console.tui.rows.lines import text_of
from tests.console.tui.support import Driver, drive, fed

NOON = 1_700_000_000.0


def test_what_has_just_come_and_what_waits_is_not_told_as_hidden() -> None:
    session = fed(NOON)
    session.on_batch(NOON - 1, [("jobs", b"{}")] * 3)

    async def story(console: Driver) -> None:
        main = console.app.main

        def title() -> str:
            main.tell()
            return text_of(main.flow_title.left).strip()

        await console.sees("Flow  3 ")
        session.on_batch(NOON - 1, [("jobs", b"{}")] * 5)
        assert title() == "Flow  3"
        await console.sees("Flow  8 ")
        await console.press("space")
        session.on_batch(NOON - 1, [("jobs", b"{}"), ("news", b"{}")])
        main.flow.tick()
        assert title() == "Flow  8"
        await console.sees("paused, 2 waiting")
        await console.press("space")
        main.narrow_to("channel:news")
        await console.sees("Flow  1 of 10 ")

    drive(session, story)
