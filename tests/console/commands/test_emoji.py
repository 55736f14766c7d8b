"""Emoji made of several characters: one sign, two cells, never parted; and what is none of them stays an escape."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from daebus_console.render import to_json
from daebus_console.text import cells, clean, clean_json, cut, pad, unbroken
from daebus_console.tui.documents.node import _parts
from daebus_console.tui.rows.lines import fit

SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
EMOJI = {
    "family": "👨\u200d👩\u200d👧\u200d👦",
    "couple": "👩\u200d❤\ufe0f\u200d💋\u200d👨",
    "astronaut": "👩🏽\u200d🚀",
    "doctor": "🧑\u200d⚕\ufe0f",
    "rainbow flag": "🏳\ufe0f\u200d🌈",
    "flag": "🇫🇷",
    "scotland": SCOTLAND,
    "heart": "❤\ufe0f",
    "skin": "👍🏽",
    "keycap": "1\ufe0f\u20e3",
    "warning": "⚠\ufe0f",
    "copyright": "©\ufe0f",
}


@pytest.mark.parametrize("sign", EMOJI.values(), ids=EMOJI)
def test_an_emoji_is_shown_as_it_is_and_is_two_cells_wide(sign: str) -> None:
    assert clean(sign) == sign
    assert clean(f"a{sign}b{sign}") == f"a{sign}b{sign}"
    assert cells(sign) == cell_len(sign) == 2
    assert json.loads(to_json({sign: sign})) == {sign: sign}
    assert sign in clean_json(json.dumps([sign], ensure_ascii=False))


@pytest.mark.parametrize("sign", EMOJI.values(), ids=EMOJI)
def test_it_is_whole_or_not_there(sign: str) -> None:
    text = f"ab{sign}{sign}cd"
    for width in range(1, 9):
        for shown in (cut(text, width), pad(text, width).rstrip(), fit(text, width).rstrip()):
            left = shown.removesuffix("…")
            assert left.replace(sign, "").isascii(), (width, shown)
            assert cell_len(shown) <= width
        assert cell_len(fit(text, width)) == width
        assert cells(pad(text, width)) == width
    for length in range(1, len(text) + 1):
        parts = list(_parts(text, length))
        assert "".join(parts) == text
        assert all(part.replace(sign, "").isascii() for part in parts)
    assert unbroken(text, 3) == 2 + len(sign) if len(sign) > 1 else 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200db", "a\\u200db"),
        ("\u200d", "\\u200d"),
        ("👨\u200d", "👨\\u200d"),
        ("\u200d👨", "\\u200d👨"),
        ("a\ufe0f", "a\\ufe0f"),
        ("\ufe0f", "\\ufe0f"),
        ("1\ufe0f", "1\\ufe0f"),
        ("❤\ufe0f\ufe0f", "❤\ufe0f\\ufe0f"),
        ("☺\ufe0e", "☺\\ufe0e"),
        ("a🏽", "a\\U0001f3fd"),
        ("\U000e0041", "\\U000e0041"),
        ("\U0001f3f4\U000e0067\U000e0062", "\U0001f3f4\\U000e0067\\U000e0062"),
        ("❤\u202e\ufe0f", "❤\\u202e\\ufe0f"),
        ("👨\u200d\u202e👩", "👨\\u200d\\u202e👩"),
        ("👩\u200c👩", "👩\\u200c👩"),
    ],
)
def test_what_is_no_emoji_stays_an_escape(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_no_length_of_text_hides_behind_one_sign() -> None:
    shown = clean("\u200d".join(["👨"] * 50))
    assert shown.count("\\u200d") >= 12
    assert cells(shown) > 50


ODD = st.text(
    st.sampled_from([*"".join(EMOJI.values()), *"a1 \u200c\u202e\u0301\ufe0e日🇩", "\u200d", "\ufe0f"]), max_size=24
)


@given(ODD, st.integers(0, 30))
def test_widths_are_those_of_the_screen(text: str, width: int) -> None:
    shown = clean(text)
    assert clean(shown) == shown
    assert cells(cut(shown, width)) <= width
    assert cells(fit(shown, width)) == width
    assert "".join(_parts(shown, max(1, width))) == shown
