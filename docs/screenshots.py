"""Makes the pictures of the README from the demo as it runs: `python -m docs.screenshots` (`make screenshots`).

The shop's services run on a Redis of their own; the console is the one that `daebus-console demo` shows, driven by
keys. Each picture is taken when there is something to be seen, which takes a minute or two.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from daebus_console.demo.demo import Demo, DemoError
from daebus_console.engine.message.exchange import Exchange, State
from daebus_console.engine.session import Session
from daebus_console.tui.app import ConsoleApp
from docs.svg import draw

PLACE = Path(__file__).parent
SIZE = (150, 40)
ORDERS_A_SECOND = 5.0
ENOUGH = 2000
"""Messages after which the charts are worth a look."""
PATIENCE = 180.0


async def until(pilot: Pilot[int], probe: Callable[[], Any], what: str) -> None:
    """Wait until the probe is true; raises TimeoutError that says what never came."""
    deadline = time.monotonic() + PATIENCE
    while not probe():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE:.0f} s for {what}")
        await pilot.pause(0.05)


async def take(pilot: Pilot[int], name: str) -> None:
    """Write the screen as it stands."""
    await pilot.pause()
    lines = pilot.app.screen._compositor.render_strips()
    path = PLACE / f"{name}.svg"
    path.write_text(draw(lines, SIZE[0], "daebus-console"), encoding="utf-8")
    print(f"{path.relative_to(Path.cwd())}  {path.stat().st_size:,} bytes")


def shows(app: ConsoleApp, text: str) -> bool:
    """Whether the text stands on the screen."""
    return any(text in "".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


async def select(pilot: Pilot[int], app: ConsoleApp, wanted: Callable[[Exchange], bool]) -> None:
    """Go up until the detail is of an exchange one wants, and is drawn."""
    for _row in range(400):
        await pilot.press("up")
        exchange = app.main.detail.exchange
        if exchange is not None and wanted(exchange):
            return
    raise LookupError("no exchange of the kind wanted")


def placed(exchange: Exchange) -> bool:
    """An order that went well."""
    return exchange.action == "place_order" and exchange.state is State.OK


def failed(exchange: Exchange) -> bool:
    """An order that did not."""
    return exchange.action == "place_order" and exchange.state is State.ERROR


async def tour(app: ConsoleApp, session: Session) -> None:
    """From screen to screen, as somebody would who looks for what the orders do."""
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: session.status.messages >= ENOUGH, "the shop to do business")
        await pilot.press("colon", *"request", "space", *"stock", "space", *"check", "space", *"skus", "colon")
        await pilot.press("equals_sign", "left_square_bracket", "quotation_mark", *"cof", "minus", *"02")
        await pilot.press("quotation_mark", "right_square_bracket", "space", "minus", "minus", *"json", "enter")
        await until(pilot, lambda: shows(app, "answered in"), "an answer to a request")
        await pilot.press("escape")
        await until(pilot, lambda: app.main.flow.has_focus, "the keys to be the flow's")
        await select(pilot, app, placed)
        await until(pilot, lambda: shows(app, "order_id: "), "the answer of an order")
        await take(pilot, "main")

        await pilot.press("S")
        await until(pilot, lambda: shows(app, "all together"), "the statistics")
        await pilot.press("down", "down")
        await until(pilot, lambda: not shows(app, "Statistics  all together"), "the figures of one action")
        await take(pilot, "statistics")
        await pilot.press("escape")

        # A diagram of one order needs no more rows.
        await pilot.resize_terminal(SIZE[0], 18)
        while not shows(app, "release"):
            await pilot.press("escape")
            await select(pilot, app, failed)
            await pilot.press("D")
            await until(pilot, lambda: shows(app, "Sequence"), "the sequence diagram")
        await take(pilot, "sequence")


def main() -> int:
    """Make all pictures; returns the exit status."""
    try:
        with Demo(rate=ORDERS_A_SECOND, seed="7", announce=print) as demo, Session(demo.url) as session:
            asyncio.run(tour(ConsoleApp(session), session))
    except (DemoError, TimeoutError, LookupError) as error:
        print(f"no pictures were made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
