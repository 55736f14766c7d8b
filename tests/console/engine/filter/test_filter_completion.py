"""What is offered while a filter is typed."""

from __future__ import annotations

import pytest

from daebus_console.engine.directory import Directory
from daebus_console.engine.filter.completion import Completion, completions, known_names, quote
from daebus_console.engine.filter.keys import KEYS
from daebus_console.engine.filter.language import parse
from tests.console.engine.bus import Bus, raw, request

KNOWN = {
    "service": ["orders", "users", "web shop"],
    "channel": ["order_events", "orders"],
    "target": ["orders"],
    "action": ["create_order", "get_user"],
    "path": ["user.name", "total"],
    "code": ["out_of_stock"],
}


def offered(text: str, cursor: int | None = None) -> list[str]:
    return [offer.text for offer in completions(text, len(text) if cursor is None else cursor, KNOWN)]


def test_nothing_typed_offers_every_key() -> None:
    assert len(offered("")) == len(KEYS)
    assert offered("from:web ") == offered("")


def test_a_key_is_completed_with_its_colon_and_told_what_it_is() -> None:
    offers = completions("-st", 3, KNOWN)
    assert [offer.text for offer in offers] == ["status:"]
    assert isinstance(offers[0], Completion)
    assert (offers[0].start, "timeout" in offers[0].meta) == (1, True)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("s", ["service:", "status:", "size:"]),
        ("status:ok,t", ["timeout"]),
        ("status:e", ["error"]),
        ("is:l", ["late"]),
        ("service:", ["orders", "users", '"web shop"']),
        ("service:w", ['"web shop"']),
        ('service:"web', ['"web shop"']),
        ("service:'we", ['"web shop"']),
        ("to:", ["orders"]),
        ("channel:ord", ["order_events", "orders"]),
        ("action:get_user,cr", ["create_order"]),
        ("action:ORDER", ["create_order"]),
        ("payload.u", ["payload.user.name:"]),
        ("code:out", ["out_of_stock"]),
        ("latency:", [">10ms"]),
        ("from:web latency:>1", [">10ms", ">100ms", ">1s"]),
    ],
)
def test_what_is_offered_first(text: str, first: list[str]) -> None:
    assert offered(text)[: len(first)] == first


@pytest.mark.parametrize("text", ["nokey:", "nokey:x", '"some te', "'some", "status:ok", 'payload."a', "xyz"])
def test_nothing_is_offered_where_nothing_fits(text: str) -> None:
    assert [offer for offer in offered(text) if offer.startswith("ok")] == []
    if text != "status:ok":
        assert offered(text) == []


def test_what_stands_behind_the_cursor_does_not_matter() -> None:
    assert offered("st status:ok", 2) == ["status:"]


@pytest.mark.parametrize("text", ["-st", "status:ok,t", "service:we", 'x service:"we', "payload.to", "a -is:l"])
def test_what_is_inserted_replaces_what_was_typed_and_parses(text: str) -> None:
    for offer in completions(text, len(text), KNOWN):
        done = text[: offer.start] + offer.text
        parse(done if not done.endswith(":") else done + "*" if "payload" in done else "x")


@pytest.mark.parametrize(
    "name",
    ["orders", "web shop", "a,b", 'say "hi"', "50*", "back\\slash", "-x", "#3", "it's", ">5", "1..2", "a:b", "é"],
)
def test_a_quoted_name_means_exactly_itself(name: str) -> None:
    bus = Bus()
    exchange = bus >> request("orders", name, id="1")
    other = bus >> request("orders", name.replace("*", "0") + "z", id="2")
    accepts = parse(f"action:{quote(name)}")
    assert accepts(exchange)
    assert not accepts(other)


def test_names_come_from_the_directory() -> None:
    bus, directory = Bus(), Directory()
    opened = [bus >> request("orders", "create", id="1"), bus >> raw("news", '{"a": 1}')]
    directory.saw(opened)
    names = known_names(directory)
    assert names["service"] == ["orders"]
    assert names["action"] == ["create"]
    assert names["channel"] == ["news", "orders"]
