"""Messages nested deeper than a parser should be led."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.filter.language import parse
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message import nesting
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.message.nesting import DEEPEST, is_too_deep
from tests.console.engine.bus import Bus, raw

texts = st.text(alphabet='ab"\\[]{}:, é\n', max_size=8)
values = st.recursive(
    texts | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=30,
)


def levels(value: Any) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(levels, inner), default=0)


@given(values, st.integers(1, 8), st.booleans())
def test_it_is_told_by_the_levels_and_not_by_what_stands_in_texts(value: Any, deepest: int, ascii_only: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nesting, "DEEPEST", deepest)
        assert is_too_deep(json.dumps(value, ensure_ascii=ascii_only).encode()) == (levels(value) > deepest)


def test_it_takes_little_room_beside_the_message() -> None:
    data = b"[" + b'{"name":"xyz","tags":["a","b"]},' * 100_000 + b"0]"
    tracemalloc.start()
    try:
        assert not is_too_deep(data)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"]}]}":'])
def test_the_deepest_that_is_read_is_read_and_no_deeper(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    deep = (opening * DEEPEST + "1" + closing * DEEPEST).encode()
    assert not is_too_deep(deep)
    wire.decode(deep)
    for end in (closing.encode(), b""):
        assert is_too_deep(opening.encode() + deep + end)


@pytest.mark.parametrize("depth", [DEEPEST + 1, 990, 1_000, 10_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"payload":', "}"), ('[{"b":[', "]}]")])
@pytest.mark.parametrize("more", ["", '"n":NaN,'])
def test_a_message_of_any_depth_is_shown_as_unreadable(depth: int, opening: str, closing: str, more: str) -> None:
    bus = Bus()
    deep = opening * depth + "1" + closing * depth
    text = f'{{"action":"a","request_id":"1","reply_to":"caller:1",{more}"payload":{deep}}}'
    torn = text[: -1 - len(closing) * depth]
    for sent in (text, torn):
        exchange = bus >> raw("orders.responses", sent)
        assert exchange.kind is Kind.UNREADABLE
        with pytest.raises(wire.Unreadable, match="nested too deeply"):
            wire.payload_of(exchange.opened.data)
        assert not parse("payload.payload.b:1")(exchange)
        assert Redactor(["action"])(exchange.opened.data) != exchange.opened.data
    assert [message.data for message in bus.journal.messages] == [text.encode(), torn.encode()]


def test_a_payload_that_is_a_text_of_any_depth_is_shown_as_that_text() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    exchange = Bus() >> raw("orders", json.dumps({"action": "a", "payload": deep}))
    assert exchange.kind is Kind.ONE_WAY
    assert wire.payload_of(exchange.opened.data) == deep


def test_what_is_too_deep_never_gets_to_a_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def parser(*_arguments: object) -> object:
        raise AssertionError("it was parsed")

    monkeypatch.setattr("daebus_console.engine.pairing.correlator.read_fast", parser)
    monkeypatch.setattr(wire, "read_fast", parser)
    monkeypatch.setattr(wire, "_decode_any", parser)
    data = b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1)
    assert (Bus() >> raw("orders", data)).kind is Kind.BROADCAST
    with pytest.raises(wire.Unreadable, match="nested too deeply"):
        wire.read(data)


def test_many_brackets_side_by_side_are_no_depth() -> None:
    data = ('{"a":[' + "[[[[[1]]]]]," * 5_000 + "{}]}").encode()
    assert not is_too_deep(data)
    assert not is_too_deep(b'{"a": "' + b"[{" * 5_000 + b'"}')
