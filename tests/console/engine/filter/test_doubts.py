"""Words in a filter that others have operators for: told of, and looked for all the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.filter.doubts import doubt_of
from daebus_console.engine.filter.language import parse


@pytest.mark.parametrize(
    ("text", "word", "instead"),
    [
        ("status:error or status:timeout", "or", "status:error,timeout is either"),
        ("status:error OR status:timeout", "OR", "status:error,timeout is either"),
        ('to:"a b",c || to:d,e', "||", 'to:"a b",c,d,e is either'),
        ("payload.a:1 | payload.a:2", "|", "payload.a:1,2 is either"),
        ("stock or order", "or", "stock,order is either"),
        ("status:error or to:users", "or", "either takes values of one key"),
        ("-status:error or status:ok", "or", "either takes values of one key"),
        ("status:error and to:users", "and", "terms side by side all have to hold"),
        ("status:error && to:users", "&&", "terms side by side all have to hold"),
        ("not status:ok", "not", "-status:ok is “not”"),
        ("to:users NOT -status:ok", "NOT", "-status:ok is “not”"),
        ("status=error", "status=error", "status:error is a term"),
        ("to:users latency>100ms", "latency>100ms", "latency:>100ms is a term"),
        ("payload.n>=5 to:users", "payload.n>=5", "payload.n:>=5 is a term"),
        ("payload.user.name==Ann", "payload.user.name==Ann", "payload.user.name:Ann is a term"),
        ("status!=ok", "status!=ok", "-status:ok is a term"),
        ("-Status=ok", "-Status=ok", "-Status:ok is a term"),
        ("latency > 100", ">", "latency:>100 is a term"),
        ("status == error", "==", "status:error is a term"),
    ],
)
def test_a_word_where_others_have_an_operator_is_told_of(text: str, word: str, instead: str) -> None:
    doubt = doubt_of(text)
    assert doubt is not None
    assert str(doubt).startswith(instead)
    assert doubt.told == f"`{word}` is looked for as a word"
    assert text[doubt.position :].startswith(word)
    parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "or",
        "or status:ok",
        "status:ok or",
        "status:ok order",
        'a "or" b',
        "a 'and' b",
        "is:or",
        "action:or x",
        "a:",
        "a=1",
        '"status=error"',
        "payload.a:b=1",
        "text=status:error",
        "status=",
        "=error",
        "a > 1",
    ],
)
def test_what_is_no_operator_is_not_doubted(text: str) -> None:
    assert doubt_of(text) is None


@given(st.lists(st.sampled_from(["or", "not", "&&", "a", "b,c", "k:v", '"x', "-", "-a", "'q r'", "k:"]), max_size=6))
def test_whatever_is_typed_can_be_asked_about(words: list[str]) -> None:
    doubt_of(" ".join(words))
