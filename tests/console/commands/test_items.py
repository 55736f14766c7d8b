"""ITEMS: what they mean, and where exactly they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daebus_console.commands.errors import CommandError
from daebus_console.commands.terms.items import SourceError, parse_items
from daebus_console.commands.terms.paths import dig, find, parse_path, take_away
from daebus_console.commands.terms.words import split


class Known:
    """Sources with fixed contents."""

    def text(self, path: str) -> str:
        files = {
            "a.txt": "two\nlines\n",
            "a.json": '{"k": [1, 2]}',
            "list.json": "[1]",
            "bad.json": '{"a":\n x}',
            "e": " ",
        }
        if path not in files:
            raise SourceError(f"there is no file {path}")
        return files[path]

    def stdin(self) -> str:
        return '{"from": "stdin"}'

    def reference(self, name: str, path: tuple[Any, ...]) -> Any:
        if name == "$gone":
            raise SourceError("nothing is called $gone")
        return [name, *path]


def build(line: str) -> dict[str, Any]:
    return parse_items(split(line)).build(Known())


@pytest.mark.parametrize(
    ("line", "payload"),
    [
        ("", {}),
        ("name=Ann", {"name": "Ann"}),
        ('name="Ann Lee"', {"name": "Ann Lee"}),
        ("name=", {"name": ""}),
        ("expr=a=b", {"expr": "a=b"}),
        ("at=12:30", {"at": "12:30"}),
        ("age:=29", {"age": 29}),
        ("a:=1.5e3 b:=true c:=null d:=-2", {"a": 1500.0, "b": True, "c": None, "d": -2}),
        ('tags:=["a", "b c"]', {"tags": ["a", "b c"]}),
        ('o:={"a": {"b": [1]}}', {"o": {"a": {"b": [1]}}}),
        ('s:="a text"', {"s": "a text"}),
        ("user.name=Ann user.age:=3", {"user": {"name": "Ann", "age": 3}}),
        ("user[name]=Ann", {"user": {"name": "Ann"}}),
        ("tags[]=x tags[]=y", {"tags": ["x", "y"]}),
        ("items[0].id:=1 items[0].n=a items[1].id:=2", {"items": [{"id": 1, "n": "a"}, {"id": 2}]}),
        ("items[2]=x", {"items": [None, None, "x"]}),
        ("m[0][1]:=5", {"m": [[None, 5]]}),
        ("a[][]=x a[].k=y", {"a": [["x"], {"k": "y"}]}),
        ("a\\.b=1", {"a.b": "1"}),
        ("a\\=b=1", {"a=b": "1"}),
        ("a\\:=5", {"a:": "5"}),
        ("a\\[0\\]=1", {"a[0]": "1"}),
        ("note=\\@home", {"note": "@home"}),
        ("note=@a.txt", {"note": "two\nlines\n"}),
        ("rows:=@a.json", {"rows": {"k": [1, 2]}}),
        ("@a.json", {"k": [1, 2]}),
        ("@a.json k[0]:=9 x=1", {"k": [9, 2], "x": "1"}),
        ("@a.json k.0:=9 k.2:=3", {"k": [9, 2, 3]}),
        ('{"a": [{"b": [1]}]} a.0.b.0:=2 a.0.c=x', {"a": [{"b": [2], "c": "x"}]}),
        ('{"a": {"0": 1}} a.0:=2 b.0=x', {"a": {"0": 2}, "b": {"0": "x"}}),
        ("-", {"from": "stdin"}),
        ("- more=1", {"from": "stdin", "more": "1"}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": {"b": "x y", "c": "}"}}', {"a": {"b": "x y", "c": "}"}}),
        ('{\n  "a": [1,\n 2]\n}', {"a": [1, 2]}),
        ('{"a": {"b": 1}} a.c=2 a.b:=3', {"a": {"b": 3, "c": "2"}}),
        ("grüße=日本", {"grüße": "日本"}),
        ("id:=$last.user.id n:=#12.rows[0]", {"id": ["$last", "user", "id"], "n": ["#12", "rows", 0]}),
        ("price=$5 tag=#12", {"price": "$5", "tag": "#12"}),
        ("a:=null a.b=1", {"a": {"b": "1"}}),
    ],
)
def test_meaning(line: str, payload: dict[str, Any]) -> None:
    assert build(line) == payload


@pytest.mark.parametrize(
    ("line", "marked", "message"),
    [
        ("name", "name", "no item"),
        ("a=1 foo:bar", "foo:bar", "no item"),
        ("age:=", ":=", "expected a JSON value"),
        ("a=1 age:=abc", "a", "no JSON: expecting value"),
        ('a:={"x": }', "}", "no JSON"),
        ("a:=[1,2", "[", "never closed"),
        ("a:='[1, 2'", "", "at its end"),
        ("a:=NaN", "NaN", "no JSON value"),
        ("a:=01", "1", "extra data"),
        ("=5", "=", "expected a name"),
        ("a..b=1", ".", "expected a name"),
        ("a.=1", ".", "expected a name"),
        (".a=1", ".", "expected a name"),
        ("[0]=1", "[", "a payload is an object"),
        ("a[=1", "[", "never closed"),
        ("a[-1]=1", "-", "expected a place"),
        ("a[0]b=1", "b", "expected . or ["),
        ("a[10000]=1", "1", "at most 9999"),
        ("a=1 a.b=2", "a.b=2", "a is not an object"),
        ("a[]=1 a.b=2", "a.b=2", "a is not an object"),
        ("a.b=1 a[]=2", "a[]=2", "a is not a list"),
        ("a=1 a=2", "a=2", "set twice"),
        ('a=1 {"b": 1}', '{"b": 1}', "must be the first"),
        ("a=1 -", "-", "must be the first"),
        ("a=@", "@", "name of a file"),
        ("@", "@", "name of a file"),
        ('a="x', '"', "never closed"),
        ("a='x", "'", "never closed"),
        ('{"a": 1', "{", "never closed"),
        ("a:=$last[]", "$last[]", "appends"),
        ("a=1 b=@nowhere", "b=@nowhere", "there is no file nowhere"),
        ("a=1 b:=@bad.json", "b:=@bad.json", "line 2, column 2"),
        ("@e", "@e", "is empty"),
        ("@list.json", "@list.json", "this is a list"),
        ("a:=$gone.x", "a:=$gone.x", "nothing is called"),
        ("@a.json k.x=1", "k.x=1", "k is not an object"),
        ("@a.json k.10000=1", "k.10000=1", "k is not an object"),
        ("a=\udc80", "a=\udc80", "not UTF-8"),
    ],
)
def test_mistakes_are_pointed_at(line: str, marked: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        build(line)
    error = caught.value
    assert message in error.message
    assert line[error.position : error.position + max(error.length, 1)] == marked


def test_a_member_of_a_text_is_refused_before_anything_is_read() -> None:
    for line in ("a=1 a.b=2", "x=@nowhere a=1 a=2", 'a:={"b": 1} a.b.c=2'):
        with pytest.raises(CommandError):
            parse_items(split(line))


def test_members_of_files_and_references_are_judged_only_when_they_are_read() -> None:
    assert len(parse_items(split("r:=@f r[0].id=1 s:=$last s.x=2")).items) == 4


def test_a_bare_word_after_a_raw_assignment_is_offered_as_text() -> None:
    with pytest.raises(CommandError) as caught:
        parse_items(split("name:=Ann"))
    assert caught.value.suggestion == "name=Ann"


def test_building_twice_gives_two_payloads() -> None:
    items = parse_items(split('{"a": []} a[]=x'))
    assert items.build(Known()) == items.build(Known()) == {"a": ["x"]}


def test_a_value_nested_too_deeply_is_refused() -> None:
    with pytest.raises(CommandError, match="nested too deeply"):
        parse_items(split("a:=" + "[" * 100_000 + "]" * 100_000))


def test_a_pasted_megabyte_is_read(tmp_path: Path) -> None:
    text = '{"rows": [' + ", ".join('{"name": "x y", "n": 12345}' for _ in range(40_000)) + "]}"
    assert len(text) > 1_000_000
    assert len(build(text)["rows"]) == 40_000


@pytest.mark.parametrize(
    ("path", "left"), [("a.0.b", '{"a": [{}, 2]}'), ("a.1", '{"a": [{"b": 1}]}'), ("a[1]", '{"a": [{"b": 1}]}')]
)
def test_a_name_of_digits_is_a_place_where_a_list_stands(path: str, left: str) -> None:
    text = '{"a": [{"b": 1}, 2]}'
    steps = parse_path(path)
    begin, end = find(text, steps)
    assert json.loads(text[begin:end]) == dig(json.loads(text), steps)
    assert take_away(text, steps) == left
