"""carries:VALUE: a value anywhere in a payload, whole, however it is written; and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus_console.engine.filter import language as filters
from daebus_console.engine.filter import writing
from tests.console.engine.bus import Bus, answer, raw, request


def carried(value: str, *payloads: Any) -> list[bool]:
    """Of each payload, whether it passes: in a request, which is also what its message says."""
    accepts = filters.parse(f"carries:{value}")
    found = []
    for payload in payloads:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        exchange = Bus() >> raw(
            "shop", '{"action": "act", "request_id": "x", "reply_to": "r", "payload": ' + text + "}"
        )
        found.append(accepts(exchange))
        assert accepts.matches_message(exchange.opened, exchange) is found[-1]
    return found


@pytest.mark.parametrize(
    ("value", "yes", "no"),
    [
        ("ord-17", [{"id": "ord-17"}, {"a": [{"b": ["ORD-17"]}]}, ["ord-17"], {"ord-17": 1}, '"ord-17"'],
         [{"id": "ord-171"}, {"id": "an ord-17"}, {"id": 17}]),
        ("17", [{"id": 17}, {"id": "17"}, {"17": {}}, {"a": [[17]]}, '{"a": 17.0}', '{"a": 1.7e1}', '{"a": 1700E-2}'],
         [{"id": 171}, {"id": 1.7}, {"id": "x17"}]),
        ("0.5", ['{"a": 0.5}', '{"a": 5e-1}', '{"a": 0.50}', '{"a": "0.5"}'], [{"a": 5}, {"a": 0.05}]),
        ("0", [{"a": 0}, '{"a": 0.00}', {"a": "0"}], [{"a": 10}, {"a": None}]),
        ("12345678901234567890", ['{"a": 12345678901234567890}'], ['{"a": 12345678901234567891}']),
        (">100", [{"a": {"b": 101}}, [1, 2, 300]], [{"a": 100}, {"a": "200"}]),
        ("ann*", [{"a": "Anna"}, {"annual": 1}], [{"a": "joann"}]),
        ('"a b, \\"c\\" *"', [{"x": 'a b, "c" and'}], [{"x": "a b"}]),
        ("true", [{"a": True}], [{"a": 1}]),
        ("null", [{"a": [None]}], [{"a": 0}]),
        ("x,y", [{"a": "x"}, {"a": ["y"]}], [{"a": "z"}]),
        ("straße", ['{"a": "stra\\u00dfe"}', {"a": "STRAßE"}, {"a": "straße"}], [{"a": "strase"}]),
    ],
)  # fmt: skip
def test_what_carries_a_value(value: str, yes: list[Any], no: list[Any]) -> None:
    assert carried(value, *yes) == [True] * len(yes)
    assert carried(value, *no) == [False] * len(no)


def test_the_answer_counts_and_the_envelope_does_not() -> None:
    bus = Bus()
    bus >> request("ord-17", "ord-17", id="ord-17", service="ord-17")
    assert not filters.parse("carries:ord-17")(bus["ord-17"])
    bus >> answer("caller:1", id="ord-17", payload={"made": {"id": "ord-17"}})
    assert filters.parse("carries:ord-17")(bus["ord-17"])
    assert not filters.parse("-carries:ord-17")(bus["ord-17"])


def test_payloads_that_are_text_or_no_payload_at_all() -> None:
    assert carried("ord-17", json.dumps(json.dumps({"id": "ord-17"}))) == [True]
    bus = Bus()
    for data in ('{"id": "ord-17"}', '["ord-17"]', '{"action": "tell", "id": "ord-17"}', "ord-17"):
        assert filters.parse("carries:ord-17")(bus >> raw("news", data))
    for data in (
        b"ord-17 and more",
        b'{"id": "ord-17"',
        b'\xff"ord-17"',
        b"[" * 900 + b'"ord-17"',
        b'{"a": "ord-17"}' + b"]" * 9,
    ):
        assert not filters.parse("carries:ord-17")(bus >> raw("news", data))


@pytest.mark.parametrize("levels", [400, 900])
def test_however_deep_it_is(levels: int) -> None:
    text = '{"a": ' * levels + '"ord-17"' + "}" * levels
    assert carried("ord-17", text) == [levels == 400]


@pytest.mark.parametrize("text", ["carries:", "carries:>x", "carries:a,", 'carries:"open'])
def test_what_is_no_value_is_told(text: str) -> None:
    with pytest.raises(filters.FilterError):
        filters.parse(text)


@pytest.mark.parametrize(
    "text", ["plain", "", "a b", 'say "hi"', "back\\slash", "\\n", "star*", "-x", "a..b", "a,b", "ünï", ">5", "é" * 300]
)
def test_a_value_is_written_so_that_it_means_itself(text: str) -> None:
    term = f"carries:{writing.literal(text)}"
    if text:
        assert carried(writing.literal(text), {"a": text}, {"a": text + "x"}) == [True, False], term
