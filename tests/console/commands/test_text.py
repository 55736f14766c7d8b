"""What is shown commands no terminal, and takes the room it says."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.grammar.explain import explain, pointer
from daebus_console.render import (
    Span,
    duration,
    fit,
    hanging,
    json_lines,
    line,
    size,
    table,
    to_json,
    to_text,
    width_of,
)
from daebus_console.text import beginning, cells, clean, clean_json, cut, folded, pad, showable

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße 日本 ☀", "Grüße 日本 ☀"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x9b\x85\x7f\x00", "\\x9b\\x85\\x7f\\x00"),
        ("\u202eabc\u2069", "\\u202eabc\\u2069"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("e\u0301", "e\u0301"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(("text", "shown"), [("12345", "12345"), ("123456", "1234…"), ("1\n3456", "1\\n34…"), ("", "")])
def test_the_beginning_of_a_text_says_that_there_is_more(text: str, shown: str) -> None:
    assert beginning(text, 5) == shown


@given(ANY_TEXT)
def test_nothing_cleaned_can_command_or_hide(text: str) -> None:
    shown = clean(text)
    for sign in shown:
        assert unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp"), repr(sign)
        assert unicodedata.bidirectional(sign) not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    assert clean(shown) == shown


@given(ANY_TEXT)
def test_what_is_showable_stays_so_and_has_no_sign_more(text: str) -> None:
    kept = showable(text)
    assert clean(kept) == kept == showable(kept)
    assert clean(text) != text or kept == text


@pytest.mark.parametrize(
    ("text", "kept"), [("a\x1b[31mb", "a[31mb"), ("tab\there", "tabhere"), ("ünal \u202e\U0001f600", "ünal \U0001f600")]
)
def test_signs_that_cannot_be_shown_are_left_out(text: str, kept: str) -> None:
    assert showable(text) == kept


@given(ANY_TEXT, st.integers(min_value=30, max_value=60))
def test_what_hangs_behind_its_head_is_all_there(text: str, width: int) -> None:
    head = [Span("do", "dim"), Span("  ")]
    first, *others = hanging(head, Span(text, "bold"), width)
    assert first[:2] == tuple(head)
    assert all(one[0] == Span("    ") for one in others)
    assert all(width_of(one) <= width for one in (first, *others))
    kept = "".join(to_text([one[-1]]) for one in (first, *others))
    assert kept.replace(" ", "") == clean(text).replace(" ", "")


@given(ANY_TEXT)
def test_cleaned_json_says_the_same(text: str) -> None:
    shown = clean_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(shown) == {text: [text]}
    assert "\x1b" not in shown
    assert shown.isprintable() or all(
        unicodedata.category(sign) in ("Cn", "Co", "Zs", "Cf") for sign in shown if not sign.isprintable()
    )


@given(ANY_TEXT, st.integers(min_value=0, max_value=40))
def test_cut_and_pad_keep_to_the_width(text: str, width: int) -> None:
    shown = clean(text)
    assert cells(cut(shown, width)) <= width
    assert cells(pad(shown, width)) == width
    if cells(shown) <= width:
        assert cut(shown, width) == shown


def test_wide_characters_take_two_cells() -> None:
    assert cells("日本") == 4
    assert cut("日本語", 4) == "日…"
    assert pad("日", 4) == "日  "


def test_colour_is_of_our_making_only() -> None:
    spans = line(Span("bad\x1b[31m", "error"), " plain")
    assert to_text(spans) == "bad\\x1b[31m plain"
    assert to_text(spans, colour=True) == "\x1b[31mbad\\x1b[31m\x1b[0m plain"


def test_json_is_shown_as_it_is_even_where_it_is_none() -> None:
    assert to_json({"a": float("nan"), "b": [float("-inf")]}) == '{"a": NaN, "b": [-Infinity]}'
    deep: object = 1
    for _level in range(100_000):
        deep = [deep]
    assert "nested too deeply" in to_text(json_lines(deep)[0])


def test_pretty_json_keeps_its_meaning() -> None:
    value = {"a": [1, -2.5e-7, True, None], 'b:"': "x\ny: 1, \x1b", "日": {}}
    text = "\n".join(to_text(one) for one in json_lines(value))
    assert json.loads(text) == value


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    lines = [to_text(one) for one in table(("NAME", "N"), [["日本", "1"], ["x\x1b", "100"]], right=frozenset({1}))]
    assert lines == ["NAME     N", "日本     1", "x\\x1b  100"]


def test_a_cell_of_any_width_moves_its_own_row_alone() -> None:
    lines = [to_text(one) for one in table(["NAME", "COUNT"], [["n" * 5_000, "7"], ["users", "12"]], frozenset({1}))]
    assert lines[1].startswith("n" * 5_000)
    assert lines[1].endswith("  " + "7".rjust(len("COUNT")))
    assert max(len(lines[0]), len(lines[2])) < 200


def test_a_line_is_fitted() -> None:
    assert to_text(fit(line("abc", Span("def", "ok")), 5)) == "abcd…"
    assert to_text(fit(line("abc", "def"), 6)) == "abcdef"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0, "<1 ms"),
        (0.0000123, "12.3 µs"),
        (0.00123, "1.23 ms"),
        (0.0456, "45.6 ms"),
        (0.789, "789 ms"),
        (1.5, "1.50 s"),
        (59.0, "59.0 s"),
        (600, "10.0 min"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_sizes() -> None:
    assert [size(count) for count in (0, 999, 1500, 10_000_000, 2_500_000_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "10.0 MB",
        "2.5 GB",
    ]


def explained(text: str) -> list[str]:
    with pytest.raises(CommandError) as caught:
        parse(text)
    return [to_text(one) for one in explain(caught.value)]


def test_the_caret_stands_under_the_place() -> None:
    _first, shown, caret, usage = explained('request 日本 get "x\ty"=1 b:={"k": nul}')
    assert cells(caret[: caret.index("^")]) == cells(shown[: shown.index("nul")])
    assert usage.startswith("usage: request SERVICE ACTION")


def test_a_long_line_is_shown_around_the_place() -> None:
    _first, shown, caret, _usage = explained("request users get " + " ".join(f"k{n}=v" for n in range(200)) + " oops")
    assert cells(shown) < 100
    assert shown[caret.index("^") :].startswith("oops")


@pytest.mark.parametrize("width", [30, 60, 80, 200])
@pytest.mark.parametrize("words", [0, 3, 30])
@pytest.mark.parametrize("behind", [0, 3, 30])
def test_the_line_and_its_carets_have_room_in_one_row(width: int, words: int, behind: int) -> None:
    with pytest.raises(CommandError) as caught:
        parse(f"request users get {' '.join(['漢字=wort'] * words)} --timeot {' '.join(['漢字=wort'] * behind)}")
    shown, caret = (to_text(one) for one in pointer(caught.value, width))
    assert cells(shown) <= width
    at = cells(caret[: caret.index("^")])
    assert at == cells(shown[: shown.index("--timeot")])
    assert caret.count("^") == len("--timeot")


def test_of_several_lines_the_one_with_the_mistake_is_shown() -> None:
    _first, shown, caret, _usage = explained('request users get {\n  "a": 1,\n  "b": oops\n}')
    assert shown.strip() == '"b": oops'
    assert shown[caret.index("^") :].startswith("oops")


@given(
    st.lists(st.sampled_from(["a", "word", "\u6f22\u5b57", "e\u0301", "\U0001f469\u200d\U0001f4bb", " ", "  "])).map(
        "".join
    ),
    st.integers(1, 30),
)
def test_a_folded_text_is_no_wider_and_loses_nothing_but_blanks(text: str, width: int) -> None:
    lines = folded(text, width)
    assert all(cells(line) <= max(width, 2) for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, [""]),
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 6, ["one", "two", "three"]),
        ("    in file", 11, ["    in file"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a bcdefgh", 3, ["a", "bcd", "efg", "h"]),
        ("\u5728\u5eab\u304c 36", 5, ["\u5728\u5eab", "\u304c 36"]),
    ],
)
def test_a_text_is_folded_behind_blanks(text: str, width: int, lines: list[str]) -> None:
    assert folded(text, width) == lines
