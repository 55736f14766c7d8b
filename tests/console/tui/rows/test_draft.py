"""The text of a draft apart from the screen: what may stand in it, what is hidden in it, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.document._document import Document

from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.replay.item import Resend, Unsendable
from daebus_console.text import clean
from daebus_console.tui.draft.draft import Draft
from daebus_console.tui.draft.text import (
    LONGEST,
    first_place,
    laid_out,
    line_and_column,
    new_line,
    partner,
    parts,
    safe,
    token_at,
)
from tests.console.tui.test_safety import CORPUS, unsafe

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SECRETS = ["password", "Token"]


def request(payload: Any, **body: Any) -> Resend:
    """A request to be edited."""
    return Resend(Kind.REQUEST, "users", "login", {"action": "login", "payload": payload, **body}, 12)


def sent(draft: Draft, text: str) -> Any:
    """The payload that the text would send."""
    verdict = draft.check(text)
    assert verdict.item is not None, verdict
    return verdict.item.payload


# What may stand in it ----------------------------------------------------------------------------------------------


def test_no_sign_that_is_obeyed_or_not_shown_is_left_in_it() -> None:
    assert unsafe("".join(clean(chr(code)) for code in range(0x110000))) == []


@given(VALUES)
def test_whatever_is_edited_means_the_same_and_is_safe_to_show(value: Any) -> None:
    text = safe(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert unsafe(text) == []
    assert Document(text).text == text, "its lines end at newlines and nowhere else"


@pytest.mark.parametrize("kind", CORPUS)
def test_the_corpus_as_key_and_value_means_the_same_and_is_safe_to_show(kind: str) -> None:
    value = {CORPUS[kind]: [CORPUS[kind]]}
    text = safe(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert unsafe(text) == []


def test_marks_are_not_piled_up() -> None:
    assert safe("Z" + "\u0335" * 5) == "Z" + "\u0335" * 3 + "\\u0335" * 2


def test_line_ends_and_tabs_of_other_programs_are_blanks_and_newlines() -> None:
    assert safe('\ufeff{\r\n\t"a": 1\r}') == '{\n  "a": 1\n}'


@given(VALUES)
def test_laying_out_changes_no_value(value: Any) -> None:
    text = json.dumps(value)
    assert json.loads(laid_out(text)) == value


def test_laying_out_keeps_numbers_and_escapes_as_they_were_written() -> None:
    assert laid_out('{"a":1e2,"b":"\\u001b","c":[],"a":12345678901234567890.0}') == (
        '{\n  "a": 1e2,\n  "b": "\\u001b",\n  "c": [],\n  "a": 12345678901234567890.0\n}'
    )


@pytest.mark.parametrize("text", ["{", "[" * 100_000 + "]" * 100_000, '{"a": NaN}'])
def test_what_cannot_be_laid_out_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        laid_out(text)


# Colours, brackets, places -----------------------------------------------------------------------------------------


def test_each_line_is_coloured_by_itself() -> None:
    line = '  "na\\nme": ["x", -1.5e3, null, "***1***"],'
    found = {(line[part.start : part.end], part.role) for part in parts(line)}
    assert {('"na\\nme"', "key"), ("\\n", "accent"), ('"x"', "string"), ("-1.5e3", "number")} <= found
    assert {("null", "literal"), ('"***1***"', "accent"), ("[", "dim")} <= found
    assert parts("x" * (LONGEST + 1)) == ()


@pytest.mark.parametrize(
    ("row", "column", "other"),
    [(0, 0, (3, 0)), (3, 0, (0, 0)), (1, 7, (2, 1)), (2, 1, (1, 7)), (1, 4, None), (2, 4, None), (9, 0, None)],
)
def test_the_other_bracket_is_found_unless_it_is_in_a_string(
    row: int, column: int, other: tuple[int, int] | None
) -> None:
    assert partner(["{", '  "{": [', ' ], "}": 1', "}"], row, column) == other


def test_a_bracket_that_is_closed_wrongly_or_far_away_has_no_partner() -> None:
    assert partner(["{", "]"], 0, 0) is None
    assert partner(["{", *["  1,"] * 100_000, "}"], 0, 0) is None


@pytest.mark.parametrize(
    ("before", "after", "text", "behind"),
    [
        ('    "a": 1,', "", "\n    ", 0),
        ('  "a": {', "", "\n    ", 0),
        ('  "a": {', "}", "\n    \n  ", 3),
        ("[", "1]", "\n  ", 0),
    ],
)
def test_a_new_line_is_indented_as_it_belongs(before: str, after: str, text: str, behind: int) -> None:
    assert new_line(before, after) == (text, behind)


@pytest.mark.parametrize(
    ("payload", "place"), [({"id": 7}, (4, 4)), ({}, (3, 14))], ids=["at the first member", "between the braces"]
)
def test_one_begins_in_the_payload(payload: dict[str, Any], place: tuple[int, int]) -> None:
    assert first_place(Draft(request(payload)).text) == place


@pytest.mark.parametrize(
    ("line", "column", "token"),
    [
        ('  "a" 1', 6, (6, 7)),
        ('  "a" 1', 9, (6, 7)),
        ('  "abc": 1', 4, (2, 7)),
        ("  $", 2, (2, 3)),
        ("", 0, (0, 0)),
        ("w" * 9000, 8999, (8999, 9000)),
    ],
)
def test_what_is_wrong_is_lit_as_a_whole(line: str, column: int, token: tuple[int, int]) -> None:
    assert token_at(line, column) == token


def test_places_count_from_one() -> None:
    assert [line_and_column("ab\nc", index) for index in (0, 1, 3, 4)] == [(1, 1), (1, 2), (2, 1), (2, 2)]


TRAILING = (
    ("illegal trailing comma before end of object", (1, 20))
    if sys.version_info >= (3, 13)
    else ("expecting property name enclosed in double quotes", (2, 1))
)

# What is wrong with it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told", "place"),
    [
        ('{\n  "service": users\n}', "expecting value", (2, 14)),
        ('{"service": "users",\n}', *TRAILING),
        ("", "expecting value", (1, 1)),
        ("[]", "expected an object with just action, payload, service", (0, 0)),
        ('{"service": "users", "action": "x"}', "expected an object with just", (0, 0)),
        ('{"service": "users", "action": "x",\n "payload":\n  [1]}', "`payload` must be an object", (3, 3)),
        ('{"service": "", "action": "x", "payload": {"service": 1}}', "`service` must be a text", (1, 13)),
        ('{"service": "users", "action": 5, "payload": {}}', "`action` must be a text", (1, 32)),
        ('{"service": "u", "action": "NaN",\n"payload": {"a": [1, NaN]}}', "NaN is no JSON value", (2, 22)),
        ('{"service": "u", "action": "a",\n"payload": {"a": -Infinity}}', "-Infinity is no JSON value", (2, 18)),
        ("[" * 100_000, "recursion", (0, 0)),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, told: str, place: tuple[int, int]) -> None:
    verdict = Draft(request({"id": 7})).check(text)
    assert verdict.item is None
    assert told in verdict.told
    assert (verdict.line, verdict.column) == place


def test_what_may_be_sent_is_said_with_its_size() -> None:
    draft = Draft(request({"id": 7}, timeout=2))
    verdict = draft.check(draft.text)
    assert verdict.item == draft.resend
    size = len(draft.resend.encode("caller:" + "0" * 32, "0" * 32, 0.0))
    assert verdict.told == f"may be sent: request to users.login, {size} bytes"


def test_a_member_that_is_there_twice_is_told() -> None:
    draft = Draft(request({"id": 7}))
    verdict = draft.check(draft.text.replace('"id": 7', '"id": 7, "id": 8'))
    assert verdict.item is not None
    assert verdict.item.payload == {"id": 8}
    assert verdict.told.endswith('; "id" is there twice, and the last counts')


def test_what_is_nested_too_deeply_is_refused_at_once() -> None:
    deep: Any = {}
    for _level in range(3000):
        deep = {"a": deep}
    with pytest.raises(Unsendable, match="too deeply"):
        Draft(request(deep))


def test_a_payload_that_is_no_object_is_not_shown_as_one() -> None:
    item = request({})
    with pytest.raises(Unsendable, match="only be sent again as it was"):
        Draft(replace(item, body=item.body | {"payload": [1, 2]}))


# What is hidden in it ----------------------------------------------------------------------------------------------


def logged_in() -> Draft:
    """A draft with four hidden values."""
    payload = {
        "users": [{"name": "ann", "password": "hunter2"}, {"name": "bob", "PASSWORD": {"old": "qwerty"}}],
        "note": json.dumps({"token": "s3cret", "id": 1}),
        "token": None,
    }
    return Draft(request(payload), Redactor(SECRETS))


def test_hidden_values_are_not_in_the_text_and_are_sent_as_they_were() -> None:
    draft = logged_in()
    assert not any(secret in draft.text for secret in ("hunter2", "qwerty", "s3cret"))
    verdict = draft.check(draft.text)
    assert verdict.item == draft.resend
    assert verdict.told.endswith("bytes, 4 hidden values as they were")


def test_hidden_values_go_with_what_they_stand_in() -> None:
    draft = logged_in()
    value = json.loads(draft.text)
    users = value["payload"]["users"]
    users.pop(0)
    assert sent(draft, json.dumps(value))["users"] == [{"name": "bob", "PASSWORD": {"old": "qwerty"}}]
    users += [{"name": "eve", "password": "letmein"}]
    assert sent(draft, json.dumps(value))["users"][1] == {"name": "eve", "password": "letmein"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"name": "ann"', '"name": "***1***"', "***1*** stands for a hidden value"),
        ('"name": "ann"', '"***1***": "ann"', "***1*** stands for a hidden value and cannot be a name"),
        ('"password": "***1***"', '"password": "Bearer ***1***"', "***1*** stands for a hidden value"),
        ('"password": "***1***"', '"password": ["***1***"]', "***1*** stands for a hidden value"),
        ('"password": "***1***"', '"password": "***"', "*** hides a value: write the value itself"),
        ('\\"id\\": 1', '\\"id\\": 2', "***3*** is hidden in this text"),
    ],
)
def test_what_stands_for_a_hidden_value_is_never_sent_itself(old: str, new: str, told: str) -> None:
    draft = logged_in()
    assert old in draft.text
    text = draft.text.replace(old, new)
    verdict = draft.check(text)
    assert verdict.item is None
    assert told in verdict.told
    changed = text.count("\n", 0, text.index(new)) + 1
    assert verdict.line == changed, "the place is where it was changed"


def test_what_looks_like_a_stand_in_and_is_none_is_sent() -> None:
    draft = Draft(request({"note": "***1***", "password": "x"}), Redactor(SECRETS))
    assert '"password": "***2***"' in draft.text
    assert sent(draft, draft.text) == {"note": "***1***", "password": "x"}


def test_a_whole_payload_can_be_hidden() -> None:
    draft = Draft(request({"pin": 1234}), Redactor(["payload"]))
    assert "1234" not in draft.text
    assert sent(draft, draft.text) == {"pin": 1234}


def test_broken_text_with_hidden_values_is_told_as_any_other() -> None:
    draft = logged_in()
    verdict = draft.check(draft.text[:-1])
    assert (verdict.item, verdict.line) == (None, draft.text.count("\n") + 1)


@given(VALUES)
def test_hiding_and_sending_changes_nothing(value: Any) -> None:
    resend = request({"a": value, "password": value, "b": {"token": [value]}})
    draft = Draft(resend, Redactor(SECRETS))
    assert sent(draft, draft.text) == resend.payload
