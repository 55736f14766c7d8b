"""The debugger on the screen, as tests drive it."""

from __future__ import annotations

from tests.console.holding.conftest import Asked, Shop
from tests.console.tui.support import Driver


async def knows(console: Driver, shop: Shop) -> None:
    """Wait until the console knows both services, and that they may be debugged."""
    services = console.app.session.directory.services
    await console.until(lambda: all(name in services and services[name].instances for name in (shop.orders,)))
    await console.until(lambda: console.app.main.keeper is not None)


async def held(console: Driver, count: int, place: str | None = None, service: str | None = None) -> None:
    """Wait until so many messages are held, at that place and service where they are named."""

    def there() -> bool:
        keeper = console.app.main.keeper
        with console.app.session.lock:
            several = [one.first for one in keeper.desk.held()] if keeper is not None else []
        fitting = [one for one in several if place in (None, one.place) and service in (None, one.service)]
        return len(fitting) == count

    await console.until(there, what=f"{count} held at {place} of {service}")


async def breaks(console: Driver, shop: Shop, action: str = "ping") -> None:
    """Set a breakpoint by typing."""
    await knows(console, shop)
    await console.command(f"break {shop.orders} {action}")
    await console.until(lambda: console.app.main.keeper.desk.reports and console.app.main.keeper.desk.settings)
    await console.sees("`unbreak 1` ends it")
    await console.press("escape", "escape")


async def ended(asked: Asked, console: Driver) -> object:
    """The answer, waited for without standing still."""
    await console.until(lambda: asked.done, what="the answer")
    return asked.result()


def at(console: Driver, screen: type) -> bool:
    return isinstance(console.app.screen, screen)
