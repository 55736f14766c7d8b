"""Exchanges that are sent again whenever an instance of their service comes back with a new id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daebus import Daebus, DaebusCaller
from daebus.errors import RequestTimeout
from daebus_console.commands.under_way import under_way
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.message.exchange import Flag
from daebus_console.engine.offline import OfflineSender, OfflineSession
from daebus_console.engine.replay import pins
from daebus_console.engine.replay.pins import Pins, Return
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.replay.conftest import Shop
from tests.console.replay.prompt import Prompt
from tests.console.tui.support import Driver, drive
from tests.support.waiting import eventually


@pytest.fixture
def prompt(shop: Shop) -> Iterator[Prompt]:
    with Prompt(Session(shop.url)) as prompt:
        yield prompt


def restart(shop: Shop, **options: Any) -> None:
    """Stop the service, and start it anew: another instance."""
    shop.app.stop(grace=5)
    shop.app = shop._make()
    shop.app.start(service=shop.name, redis_url=shop.url, **options)


def pinned(prompt: Prompt, shop: Shop, caller: DaebusCaller, options: str = "") -> int:
    """Ask for a price, and pin that once the service is known; the number."""
    caller.send_request("price", {"sku": "a"})
    number = prompt.seen(target=shop.name, action="price").number
    assert prompt(f"pin #{number} {options}") == 0, prompt.said.all
    # From here on, whatever comes is new.
    eventually(lambda: shop.app.instance in prompt.session.directory.services[shop.name].instances, what="it is known")
    return number


def said(prompt: Prompt, text: str) -> Callable[[], bool]:
    return lambda: any(text in line for line in prompt.said.results)


def test_the_same_changed_and_failed(shop: Shop, caller: DaebusCaller, prompt: Prompt) -> None:
    number = pinned(prompt, shop, caller, "--ignore payload.at")
    exchange = prompt.context.exchange(number)
    assert exchange.flags & Flag.PINNED
    assert f"is sent again whenever {shop.name} comes back" in prompt.said.all
    restart(shop)
    eventually(said(prompt, f"= #{number} {shop.name} price: same"), what="one line says that it is the same")
    assert len(shop.asked) == 2
    (again,) = exchange.aside.replays or []
    assert f"as #{again}, instance {shop.app.instance}" in prompt.said.results[-1]

    shop.price = 120
    restart(shop)
    eventually(said(prompt, f"≠ #{number} {shop.name} price: changed: response.payload.cents 100 → 120"))

    shop.app.stop(grace=5)
    shop.app = Daebus(shop.name)
    shop.app.action("other")(dict)
    shop.app.start(service=shop.name, redis_url=shop.url)
    eventually(said(prompt, 'price: changed: ok → error: "unknown action'), what="that it has no such action now")
    assert prompt("pins --json") == 0
    assert prompt.said.records == [
        {"exchange": number, "service": shop.name, "action": "price", "sent": 3, "last": "changed"}
    ]
    assert prompt("unpin") == 0
    assert not exchange.flags & Flag.PINNED
    restart(shop)
    eventually(lambda: shop.app.instance in prompt.session.directory.services[shop.name].instances)
    assert len(shop.asked) == 3
    assert prompt("pins") == 0
    assert "nothing is pinned" in prompt.said.all


def test_an_instance_that_does_not_answer_is_told_as_failed(shop: Shop, caller: DaebusCaller, prompt: Prompt) -> None:
    caller.send_request("sleep", {"seconds": 0})
    number = prompt.seen(target=shop.name, action="sleep").number
    assert prompt(f"pin #{number} --timeout 20ms") == 0
    eventually(lambda: shop.app.instance in prompt.session.directory.services[shop.name].instances)
    shop.app.stop(grace=5)
    shop.app = Daebus(shop.name, unknown_action="ignore")
    shop.app.start(service=shop.name, redis_url=shop.url)
    eventually(said(prompt, f"✗ #{number} {shop.name} sleep: failed: no answer within 0.02 s"))


def test_what_is_too_late_as_then_is_the_same(shop: Shop, caller: DaebusCaller, prompt: Prompt) -> None:
    with pytest.raises(RequestTimeout):
        caller.send_request("sleep", {"seconds": 0.3}, timeout=0.1)
    number = prompt.seen(target=shop.name, action="sleep").number
    exchange = prompt.context.exchange(number)
    eventually(lambda: exchange.answer is not None, what="the answer that came too late is seen")
    assert prompt(f"pin #{number}") == 0
    eventually(lambda: shop.app.instance in prompt.session.directory.services[shop.name].instances)
    restart(shop)
    eventually(said(prompt, f"= #{number} {shop.name} sleep: same: not answered in time, as then in "))


def test_a_service_that_was_away_when_it_was_pinned(shop: Shop, caller: DaebusCaller, prompt: Prompt) -> None:
    caller.send_message("note", {"n": 1})
    number = prompt.seen(target=shop.name, action="note").number
    eventually(lambda: len(shop.told) == 1)
    entry = prompt.session.directory.services[shop.name]
    eventually(lambda: shop.app.instance in entry.instances, what="it is known")
    shop.app.stop(grace=5)
    eventually(lambda: entry.gone is not None, what="that it has gone is known")
    assert prompt(f"pin #{number}") == 0
    shop.app = shop._make()
    shop.app.start(service=shop.name, redis_url=shop.url)
    eventually(said(prompt, f"#{number} {shop.name} note: sent"))
    eventually(lambda: len(shop.told) == 2)


def test_what_is_forgotten_stays_pinned(shop: Shop, caller: DaebusCaller, prompt: Prompt) -> None:
    number = pinned(prompt, shop, caller, "--ignore payload.at")
    assert prompt("clear") == 0
    restart(shop)
    eventually(said(prompt, f"= #{number}"))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("pin", "expected #N"),
        ("pin #9999", "there is no exchange #9999"),
        ("pin nothing", "expected the number of an exchange"),
        ("pin #{news}", "only requests and one-way messages to services are"),
        ("pin #{price} #{news}", "only requests and one-way messages to services are"),
        ("pin #{price} --tolerance x", "no tolerance"),
        ("unpin #{price}", "is not pinned"),
    ],
)
def test_bad_input_pins_nothing(
    shop: Shop, caller: DaebusCaller, prompt: Prompt, publish: Callable[[Any], None], line: str, says: str
) -> None:
    caller.send_request("price", {})
    publish({"news": 1})
    numbers = {
        "price": prompt.seen(target=shop.name, action="price").number,
        "news": prompt.seen(target=f"{shop.name}.news").number,
    }
    assert prompt(line.format(**numbers)) == 2
    assert says in prompt.said.all
    assert prompt("unpin") == 0
    assert "nothing is pinned" in prompt.said.all


def test_read_only_refuses_it(shop: Shop, caller: DaebusCaller) -> None:
    session = Session(shop.url)
    with Prompt(session, Sender(session, read_only=True)) as prompt:
        caller.send_request("price", {})
        assert prompt(f"pin #{prompt.seen(target=shop.name).number}") == 2
        assert "read-only" in prompt.said.all
        assert under_way(session).pins is None


def test_a_capture_has_nobody_that_comes_back(
    shop: Shop, caller: DaebusCaller, capture: Callable[[Callable[[], Any]], Any]
) -> None:
    session = OfflineSession(capture(lambda: caller.send_request("price", {})))
    with Prompt(session, OfflineSender(session)) as prompt:
        assert prompt("pin #1") == 2
        assert "this is a capture" in prompt.said.all


def test_a_pins_the_selected_in_the_flow(shop: Shop, caller: DaebusCaller) -> None:
    async def story(console: Driver) -> None:
        await console.press("A")
        await console.sees("Select an exchange first")
        caller.send_request("echo", {"n": 1})
        await console.sees("echo")
        await console.press("down", "A")
        await console.sees("↻ 1 pinned", "is sent again whenever")
        directory = console.app.main.session.directory
        await console.until(lambda: shop.app.instance in directory.services[shop.name].instances)
        restart(shop)
        await console.sees("echo: same")
        await console.press("A")
        await console.sees("is pinned no longer")
        await console.loses("1 pinned")

    drive(shop.url, story, size=(120, 50), notifications=True)


def test_what_is_sent_again_waits_until_the_instance_is_ready(
    shop: Shop, caller: DaebusCaller, prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "_READY_WITHIN", 60.0)
    handled: list[int] = []
    caller.send_request("price", {"sku": "a"})
    exchange = prompt.seen(target=shop.name, action="price")
    came: list[Return] = []

    def ready(service: str, instance: str) -> bool:
        assert (service, instance) == (shop.name, shop.app.instance)
        handled.append(len(shop.asked))
        return len(handled) > 3

    pinned = Pins(prompt.session, came.append, ready)
    pinned.add(exchange, Rules())
    eventually(lambda: shop.app.instance in prompt.session.directory.services[shop.name].instances, what="it is known")
    restart(shop)
    eventually(lambda: came)
    pinned.close()
    # It was not sent as long as the new one was not ready.
    assert handled == [1, 1, 1, 1]
    assert len(shop.asked) == 2


def test_what_is_pinned_meets_our_rules_in_the_instance_that_has_come_back(
    shop: Shop, caller: DaebusCaller, prompt: Prompt
) -> None:
    restart(shop, debugger=True)
    services = prompt.session.directory.services
    eventually(lambda: shop.name in services and list(services[shop.name].instances) == [shop.app.instance])
    pinned(prompt, shop, caller)
    rule = f"fault {shop.name} price answer by=rule"
    assert prompt(rule) == 0, prompt.said.all
    restart(shop, debugger=True)
    eventually(lambda: under_way(prompt.session).pins.all()[0].sent == 1)  # type: ignore[union-attr]
    assert len(shop.asked) == 1
