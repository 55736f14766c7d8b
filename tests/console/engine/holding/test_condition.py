"""Conditions on a payload: what can be written, what cannot, and what they mean."""

from __future__ import annotations

import re
from typing import Any

import pytest

from daebus.gates.reading import read_rule
from daebus_console.commands.doing.holding.debugging import condition, conditions
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.terms.words import split as words
from daebus_console.engine.filter.lexer import FilterError, split
from daebus_console.engine.filter.payload import parse_path
from daebus_console.engine.holding.condition import Condition, ConditionError, of_wire, offered, read_condition

PAYLOAD: dict[str, Any] = {
    "id": 17,
    "name": "Ann",
    "vip": True,
    "items": [{"sku": "A1"}],
    "total": 2.5,
    "note": None,
    "tags": [],
    "big": 12345678901234567890123,
    "on": "2026-11-30",
}


def holds(condition: Condition, payload: Any) -> bool:
    """Whether a service finds it so."""
    rule = read_rule({"place": "request", "hold": True, "where": [condition.wire]})
    return all(one.holds(payload) for one in rule.where)


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("payload.id=17", [["id"], "=", 17]),
        ("id=17", [["id"], "=", 17]),
        ("payload.name=Ann", [["name"], "=", "Ann"]),
        ('payload.id="17"', [["id"], "=", "17"]),
        ("payload.vip=true", [["vip"], "=", True]),
        ("payload.note=null", [["note"], "=", None]),
        ("payload.total>2", [["total"], ">", 2]),
        ("payload.total<-1.5", [["total"], "<", -1.5]),
        ("payload.name!=Bob", [["name"], "!=", "Bob"]),
        ("payload.name~A*", [["name"], "~", "A*"]),
        ("payload.items[0].sku=A1", [["items", "0", "sku"], "=", "A1"]),
        ("payload.items.0.sku=A1", [["items", "0", "sku"], "=", "A1"]),
        ("payload.coupon", [["coupon"], "exists", True]),
        ("payload.payload.id=1", [["payload", "id"], "=", 1]),
        ("payload.url=a=b", [["url"], "=", "a=b"]),
        ("payload.name=", [["name"], "=", ""]),
        ("payload.x=[1, 2]", [["x"], "=", [1, 2]]),
        ('payload.x!={"a": "é"}', [["x"], "!=", {"a": "é"}]),
        ('payload.x="[1]"', [["x"], "=", "[1]"]),
        ("payload.x=[NaN]", [["x"], "=", "[NaN]"]),
        ("payload.x=1e999", [["x"], "=", "1e999"]),
        ("payload.x=NaN", [["x"], "=", "NaN"]),
        ('payload.x="=3"', [["x"], "=", "=3"]),
        ('payload.x!="~/here"', [["x"], "!=", "~/here"]),
        ("payload.x~=*", [["x"], "~", "=*"]),
        ("payload.name = Ann", [["name"], "=", "Ann"]),
        ("payload.total > 2", [["total"], ">", 2]),
        ("payload.name ~ A* ", [["name"], "~", "A*"]),
        ('payload.name~" A*"', [["name"], "~", " A*"]),
        ('payload.name~"A*', [["name"], "~", '"A*']),
        ("payload.id~17", [["id"], "~", "17"]),
        ('payload.name=" Ann"', [["name"], "=", " Ann"]),
        ("payload.name=Ann Lee", [["name"], "=", "Ann Lee"]),
        ("payload.name~Ann L*", [["name"], "~", "Ann L*"]),
        ("payload.name=it's", [["name"], "=", "it's"]),
        (r'payload.name=a"b\c', [["name"], "=", r'a"b\c']),
        (r'payload.name~a"b\c', [["name"], "~", r'a"b\c']),
        ('payload.x=[{"a b": "it\'s"}, "c\\"d e"]', [["x"], "=", [{"a b": "it's"}, 'c"d e']]),
        ('payload."card.no"=1', [["card.no"], "=", 1]),
        ("payload.'card.no'=1", [["card.no"], "=", 1]),
        ('payload["card.no"]=1', [["card.no"], "=", 1]),
        ("payload[card.no]=1", [["card.no"], "=", 1]),
        (r"payload.card\.no=1", [["card.no"], "=", 1]),
        ('payload.cards[0]."card.no".x~4*', [["cards", "0", "card.no", "x"], "~", "4*"]),
        ('payload."a=b">3', [["a=b"], ">", 3]),
        ('payload."a b"', [["a b"], "exists", True]),
        (r'payload."a\"b\\"=1', [['a"b\\'], "=", 1]),
        ('payload."*"=1', [["*"], "=", 1]),
        ('payload.""=1', [[""], "=", 1]),
        ("payload.xml:id=1", [["xml:id"], "=", 1]),
        ('payload."xml:"=1', [["xml:"], "=", 1]),
        (r"payload.xml\:=1", [["xml:"], "=", 1]),
        ("payload[0].id=1", [["0", "id"], "=", 1]),
        ("payload.payload=1", [["payload"], "=", 1]),
        ("payload.größe=1", [["größe"], "=", 1]),
    ],
)
def test_what_can_be_written(text: str, wire: list[Any]) -> None:
    found = read_condition(text)
    assert found.wire == wire
    again = of_wire(found.wire)
    assert again is not None
    assert read_condition(str(again)).wire == wire
    (word,) = words(str(again))
    assert condition(word).wire == wire, "it is one word of a command, as it is shown"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "payload",
        "payload.",
        "payload.=1",
        "coupon",
        "=1",
        "a b=1",
        "payload.x>",
        "payload.x>true",
        "payload.x>[1]",
        "payload.x~",
        "payload.a..b=1",
        "payload.a.=1",
        "payload.a]=1",
        "payload.a[]=1",
        "payload.a[0=1",
        "payload.a b",
        'payload."a=1',
        'payload."a"b=1',
        "payload=1",
    ],
)
def test_what_is_no_condition_is_told_with_what_is(text: str) -> None:
    with pytest.raises(ConditionError):
        read_condition(text)


@pytest.mark.parametrize(
    "path",
    [
        ".a.b",
        '."a.b"',
        ".'a.b'",
        '["a.b"].c',
        "['a.b'][0]",
        ".a[b]",
        r".a\.b",
        '."a\\"b".""',
        ".0[1]",
        '.a"b"',
        '."a"b',
        ".a[-1]",
        ".a[]",
        ".a[0",
        '["a',
        ".a..b",
    ],
)
def test_a_path_is_read_as_that_of_a_filter_is(path: str) -> None:
    try:
        expected = [str(step) for step in parse_path(split(f"payload{path}:1")[0])]
    except FilterError:
        with pytest.raises(ConditionError):
            read_condition(f"payload{path}=1")
    else:
        assert list(read_condition(f"payload{path}=1").names) == expected


@pytest.mark.parametrize(
    ("text", "sign", "told"),
    [
        ("payload.items[*].qty>3", "*", "looks at one place"),
        ("payload.items.*.qty>3", "*", "looks at one place"),
        ('payload."a:b".id:17', ":17", "as in payload.id=17"),
        ("payload.total:=3", ":=3", "no item of a payload"),
        ("total:=3", ":=3", "no item of a payload"),
    ],
)
def test_what_filters_and_items_take_and_conditions_do_not_is_told(text: str, sign: str, told: str) -> None:
    with pytest.raises(ConditionError, match=told) as caught:
        read_condition(text)
    assert text[caught.value.column :].startswith(sign)


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("payload.total>=3", ">="),
        ("payload.total<=3", "<="),
        ("payload.id==17", "=="),
        ("payload.id===17", "==="),
        ("payload.id!==17", "!=="),
        ("payload.id<>17", "<>"),
        ("payload.total=>3", "=>"),
        ("payload.total=<3", "=<"),
        ("payload.name=~A*", "=~"),
    ],
)
def test_an_operator_that_there_is_none_of_is_refused_with_those_that_there_are(text: str, operator: str) -> None:
    told = f"there is no operator {operator}: there are !=, =, <, >, ~"
    with pytest.raises(ConditionError, match=re.escape(told)) as caught:
        read_condition(text)
    assert text[caught.value.column :].startswith(operator)
    # Whoever means that text says so.
    sign = next(one for one in ("!=", "=", "<", ">") if operator.startswith(one))
    path, _, value = text.partition(sign)
    assert read_condition(f"{path}{sign}{value}", quoted=True).value == value


@pytest.mark.parametrize(
    ("text", "so"),
    [
        ("payload.id=17", True),
        ("payload.id=17.0", True),
        ('payload.id="17"', False),
        ("payload.id=true", False),
        ("payload.vip=1", False),
        ("payload.missing=1", False),
        ("payload.missing!=1", True),
        ("payload.missing", False),
        ("payload.note", True),
        ("payload.total>2", True),
        ("payload.name>2", False),
        ("payload.name>Aa", True),
        ("payload.name~*n", True),
        ("payload.id~1?", True),
        ("payload.items[0].sku=A1", True),
        ("payload.items[9].sku=A1", False),
        ("payload.tags=[]", True),
        ("payload.tags!=[]", False),
        ('payload.items=[{"sku": "A1"}]', True),
        ('payload.items[0]={"sku": "A2"}', False),
        ("payload.big=12345678901234567890123", True),
        ("payload.big=12345678901234567890124", False),
        ("payload.on>2026-11", True),
    ],
)
def test_what_it_means(text: str, so: bool) -> None:
    assert holds(read_condition(text), PAYLOAD) is so


def test_what_a_payload_offers_fulfils_it() -> None:
    found = offered(PAYLOAD)
    assert [one.path for one in found] == [".id", ".name", ".vip", ".total", ".big", ".on", ".items[0].sku"]
    assert all(holds(one, PAYLOAD) for one in found)
    assert offered([1, 2]) == [Condition(("0",), "=", 1), Condition(("1",), "=", 2)]
    assert offered({"x" * 100: 2, "long": "y" * 100, "nul": "\0", "\0": 1}) == []
    assert list(map(str, offered({"a b": 1, "card.no": 2}))) == ['payload."a b"=1', 'payload."card.no"=2']


@pytest.mark.parametrize("told", [None, [], ["a"], ["a", "?", 1], [1, "=", 2], [None, "=", 1], {"a": 1}])
def test_what_a_service_tells_that_makes_no_sense_is_none(told: object) -> None:
    assert of_wire(told) is None


def test_that_something_is_not_there_is_told_as_that() -> None:
    told = of_wire(["coupon", "exists", False])
    assert told is not None
    assert told.wire == [["coupon"], "exists", False]
    assert str(told) == "without payload.coupon"


@pytest.mark.parametrize("value", [" foo*", "*\t ", "~x", "a b", '"a"', "[ab]*"])
@pytest.mark.parametrize("operator", ["~", "=", "!="])
def test_what_is_written_means_the_same_when_it_is_read(operator: str, value: str) -> None:
    written = Condition(("name",), operator, value)
    again = read_condition(str(written))
    assert again == written
    for name in (" foo", "foo", " foo ", "x \t ", "~x", "a b", '"a"', value):
        assert holds(again, {"name": name}) is holds(written, {"name": name})


@pytest.mark.parametrize("value", [" foo*", "~x", "a b", '"a"', "it's", "#1", "&", "a &", "a\\", "@a", "-1", "{a}"])
@pytest.mark.parametrize("operator", ["~", "=", "!="])
def test_what_is_written_can_be_typed_in_a_command(operator: str, value: str) -> None:
    written = Condition(("name", "a b"), operator, value)
    command = parse(f"break orders place --once {written}")
    assert command is not None
    assert conditions(command, command["match"][1:]) == (written,)
