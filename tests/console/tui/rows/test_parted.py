"""Lines that are parted between words keep all that stands in them, with its roles, and no row is too wide."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from daebus_console.tui.rows.lines import parted, text_of

lines = st.lists(st.tuples(st.text("ab →日", max_size=12), st.sampled_from(["dim", "name"])), max_size=5)


@given(lines, st.integers(1, 30))
def test_nothing_but_blanks_at_the_ends_of_rows_is_left_out(line: list[tuple[str, str]], width: int) -> None:
    rows = list(parted(line, width))
    assert all(cell_len(text_of(row)) <= width or len(text_of(row)) == 1 for row in rows)
    assert "".join(map(text_of, rows)).replace(" ", "") == text_of(line).replace(" ", "")
    roles = [(sign, role) for text, role in line for sign in text if sign != " "]
    assert [(sign, role) for row in rows for text, role in row for sign in text if sign != " "] == roles


def test_it_is_parted_between_words_and_within_those_that_are_too_long() -> None:
    line = [("one two", "name"), (" three", "dim"), (" unendinglylong", "name"), ("  end", "dim")]
    assert [text_of(row) for row in parted(line, 9)] == ["one two", "three", "unendingl", "ylong", "end"]
    assert [text_of(row) for row in parted(line, 100)] == [text_of(line)]
    assert list(parted([], 5)) == [[]]
