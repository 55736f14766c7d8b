"""Messages nested so deep that reading them could end the process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus.wire.nesting import DEEPEST, is_too_deep, nesting
from daebus.wire.objects import decode_object

texts = st.text(alphabet='ab"\\[]{}:, é\n', max_size=8)
values = st.recursive(
    texts | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=30,
)


def _levels(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_levels, value), default=0) if isinstance(value, list) else 0


@given(values, st.booleans())
def test_the_levels_are_those_of_the_value_whatever_its_texts_hold(value: Any, ascii_only: bool) -> None:
    assert nesting(json.dumps(value, ensure_ascii=ascii_only).encode()) == _levels(value)


@given(values, st.integers(0, 200))
def test_a_torn_text_has_no_more_levels_than_are_found(value: Any, cut: int) -> None:
    text = json.dumps(value).encode()[:cut]
    assert nesting(text + b"[") >= nesting(text) >= 0


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":', '[["]]]]",', '{"\\\\":{"\\"}}":'])
@pytest.mark.parametrize("more", [0, 1])
def test_the_deepest_that_is_read_is_read_and_no_deeper(opening: str, more: int) -> None:
    levels = sum(opening.split('"')[::2][0].count(bracket) for bracket in "[{") or 1
    per_opening = nesting(opening.encode())
    assert per_opening >= levels
    text = opening * (DEEPEST // per_opening) + "[" * (DEEPEST % per_opening + more)
    assert is_too_deep(text) == bool(more)


def test_many_brackets_side_by_side_are_no_depth() -> None:
    assert decode_object('{"a": [' + "[]," * 5000 + "{}]}") != "is nested too deeply"
    assert decode_object('{"a": "' + "[{" * 5000 + '"}') == {"a": "[{" * 5000}


def test_what_is_too_deep_never_gets_to_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def parse(text: str, _at: int) -> tuple[dict[str, Any], int]:
        parsed.append(text)
        return {}, len(text)

    monkeypatch.setattr("daebus.wire.objects._scan", parse)
    for opening in ("[", '{"payload":', '{"action":"x","payload":'):
        for depth in (DEEPEST + 1, 990, 100_000):
            assert decode_object((opening * depth + "1").encode()) == "is nested too deeply"
    assert parsed == []
    assert decode_object("[" * DEEPEST) == {}
