"""JSON texts: read without loss, printed as they were, edited in one place."""

from __future__ import annotations

import copy
import json
import pickle
import random
from typing import Any

import pytest
from hypothesis import given

from daebus_console.commands.terms.paths import PathError, parse_path, place, take_away
from daebus_console.engine import jsontext
from tests.console.fidelity.texts import ALL, NUMBERS, payloads, value


def spelled(text: str) -> str:
    """The text without blanks between its tokens, by nobody's rules but JSON's."""
    return "".join(jsontext.dumps(jsontext.loads(text), ascii_only=True).split("\x00"))


@pytest.mark.parametrize("literal", [*NUMBERS, "9" * 5000, "-" + "9" * 5000, "1e99999999999999999999"])
def test_a_number_is_printed_with_the_digits_it_has(literal: str) -> None:
    assert jsontext.dumps(jsontext.loads(literal)) == literal
    assert jsontext.dumps(jsontext.loads(f'{{"a":[{literal}]}}')) == f'{{"a": [{literal}]}}'


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("19.90", "19.9", True),
        ("1e2", "100", True),
        ("1E2", "1.00e2", True),
        ("-0.0", "0", True),
        ("12345678901234567890.10", "12345678901234567890.11", False),
        ("9007199254740993", "9007199254740992.0", False),
        ("9007199254740993", "9007199254740993.0", True),
        ("1e400", "1e401", False),
        ("0.1", "0.10", True),
        ("0.1", "0.1000000000000000055511151231257827", False),
        ("NaN", "NaN", True),
        ("Infinity", "1e400", False),
    ],
)
def test_numbers_are_the_same_that_are_the_same_decimals(one: str, other: str, same: bool) -> None:
    first, second = jsontext.loads(one), jsontext.loads(other)
    assert (jsontext.canonical(first) == jsontext.canonical(second)) is same
    if "NaN" not in one:
        assert (jsontext.exact(first) == jsontext.exact(second)) is same


def test_what_python_knows_already_stays_of_its_types() -> None:
    read = jsontext.loads('{"a": 1, "b": 1.5, "c": [true, null, "x"], "d": {"e": 1}}')
    assert [type(one) for one in read.values()] == [int, float, list, dict]


def test_a_name_that_stands_twice_is_kept_and_told() -> None:
    read = jsontext.loads('{"a": {"id": 1, "x": 0, "id": 2}, "b": [{"y": 1, "y": 1}]}')
    assert read["a"] == {"id": 2, "x": 0}
    assert list(jsontext.pairs_of(read["a"])) == [("id", 1), ("x", 0), ("id", 2)]
    assert sorted(jsontext.repeated(read)) == ["id", "y"]
    assert jsontext.dumps(read["a"]) == '{"id": 1, "x": 0, "id": 2}'


def test_a_copy_that_may_be_changed_no_longer_knows_the_text() -> None:
    read = jsontext.loads('{"a": [1.10]}')
    for made in (copy.deepcopy(read), copy.copy(read), dict(read), pickle.loads(pickle.dumps(read))):
        assert type(made) is dict
        assert jsontext.dumps(made) == '{"a": [1.10]}'


@given(payloads)
def test_reading_and_printing_loses_nothing_but_blanks_and_escapes(text: str) -> None:
    read = jsontext.loads(text)
    assert jsontext.text_of(read) == text
    again = jsontext.loads(jsontext.dumps(read))
    assert jsontext.dumps(again) == jsontext.dumps(read)
    assert json.loads(jsontext.dumps(read), object_pairs_hook=list) == json.loads(text, object_pairs_hook=list)
    for indent in (None, 2):
        shown = jsontext.dumps({"a": read}, indent=indent, verbatim=True)
        assert json.loads(shown, object_pairs_hook=list) == [("a", json.loads(text, object_pairs_hook=list))]
        assert ("\n" in shown) is (indent is not None)


@given(payloads)
def test_the_members_and_their_places_are_those_of_the_text(text: str) -> None:
    members = jsontext.read_members(text)
    spans = jsontext.children(text)
    assert [(one.name, one.start, one.end) for one in members] == [(one.key, one.start, one.end) for one in spans]
    assert [json.loads(text[one.start : one.end]) for one in spans] == [
        one for _name, one in json.loads(text, object_pairs_hook=lambda pairs: pairs)
    ] or any(isinstance(one.value, dict | list) for one in members)


@pytest.mark.parametrize("text", ['{"a":1', '{"a" 1}', '{"a":1,}', "{,}", '{"a":1} x', "[1]", '{"a":01}', "{1:2}", ""])
def test_members_are_refused_where_loads_would_refuse_them(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        jsontext.read_members(text)


# Editing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "written", "edited"),
    [
        ('{"a": 1.10, "b":2}', "b", "3.0", '{"a": 1.10, "b":3.0}'),
        ('{"id":1,"id" : 2}', "id", "9", '{"id":1,"id" : 9}'),
        ("{ }", "a", "1", '{"a":1 }'),
        ('{"a": 1}', "b.c[1]", "2", '{"a": 1, "b": {"c":[null,2]}}'),
        ('{\n  "a": 1,\n  "b": 2\n}', "c", "3", '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}'),
        ('{"a":[1, 2]}', "a[]", "3.0", '{"a":[1, 2, 3.0]}'),
        ('{"a":[]}', "a[2]", "3", '{"a":[null,null,3]}'),
        ('{"a":{"b":null}}', "a.b.c", "1E2", '{"a":{"b":{"c":1E2}}}'),
        (' {"\\u0061" :1}', "a", "2", ' {"\\u0061" :2}'),
    ],
)
def test_one_place_is_set_and_all_else_stays(text: str, path: str, written: str, edited: str) -> None:
    assert place(text, parse_path(path), written) == edited


@pytest.mark.parametrize(
    ("text", "path", "edited"),
    [
        ('{"a": 1.10, "b":2}', "a", '{"b":2}'),
        ('{"a": 1.10, "b":2}', "b", '{"a": 1.10}'),
        ('{"a": 1.10 , "b":2, "c": 3}', "b", '{"a": 1.10, "c": 3}'),
        ('{"id":1, "x":0, "id":2}', "id", '{"x":0}'),
        ('{"a":[1.0, 2.0,3]}', "a[1]", '{"a":[1.0,3]}'),
        ('{ "a": {"b": 1 } }', "a.b", '{ "a": { } }'),
    ],
)
def test_one_place_is_taken_away_and_all_else_stays(text: str, path: str, edited: str) -> None:
    assert take_away(text, parse_path(path)) == edited


@given(payloads)
def test_what_was_put_in_and_taken_away_again_leaves_the_text_as_it_was(text: str) -> None:
    edited = place(text, ("new one",), "1.10")
    assert jsontext.loads(edited)["new one"] == 1.1
    without = take_away(edited, ("new one",))
    assert without == text if jsontext.children(text) else json.loads(without) == {}
    with pytest.raises(PathError):
        take_away(text, ("new one",))


def test_an_editor_s_text_is_put_back_into_the_one_it_came_from() -> None:
    before = '{"a":19.90 ,"s":"\\u00e9\\/", "l":[ 1.0,{"x":1E2 } ,3],  "z":{"q": -0.0}}'
    shown = jsontext.dumps(jsontext.loads(before), indent=2)
    assert jsontext.merged(before, shown) == before
    assert jsontext.merged(before, shown.replace("1E2", "7")) == before.replace("1E2", "7")
    assert jsontext.merged(before, shown.replace('"q": -0.0', '"q": -0.0, "new": [1]')) == before.replace(
        '"q": -0.0', '"q": -0.0, "new": [1]'
    )
    assert jsontext.merged(before, shown.replace("    1.0,\n", "")) == before.replace("1.0,", "")
    assert jsontext.merged(before, shown.replace("19.90", "19.9")) == before.replace("19.90", "19.9")


@given(payloads)
def test_whatever_is_edited_comes_out_as_it_was_edited(text: str) -> None:
    chance = random.Random(text)
    shown = jsontext.dumps(jsontext.loads(text), indent=2)
    assert jsontext.merged(text, shown) == text
    path = _some_path(jsontext.loads(text), chance)
    edited = (
        place(shown, path, value(chance))
        if path and chance.random() < 0.7
        else take_away(shown, path)
        if path
        else shown
    )
    after = jsontext.merged(text, edited)
    assert spelled(after) == spelled(edited)


def _some_path(read: Any, chance: random.Random) -> tuple[Any, ...]:
    path: list[Any] = []
    while isinstance(read, dict | list) and read and (not path or chance.random() < 0.6):
        key = chance.choice(list(read)) if isinstance(read, dict) else chance.randrange(len(read))
        path.append(key)
        read = read[key]
    return tuple(path)


def test_the_example_is_kept_in_every_way() -> None:
    read = jsontext.loads(ALL)
    assert jsontext.dumps(read) == (
        '{"id": 1, "id": 2, "price": 19.90, "n": 12345678901234567890.10, "z": -0.0, "f": 1E2, "s": "é/"}'
    )
    assert jsontext.dumps(read, verbatim=True) == ALL
