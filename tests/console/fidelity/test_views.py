"""What is shown has the digits of the wire, and a member that stands twice is there twice."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.commands.grammar.template import template
from daebus_console.commands.terms.entries import Entry, Liner, record
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.render import json_lines, repeated_line, to_record, to_text
from daebus_console.tui.acting.resend import as_command
from daebus_console.tui.documents import lazy
from daebus_console.tui.documents.exchange import request_document
from daebus_console.tui.documents.node import Node
from daebus_console.tui.documents.tree import Tree
from daebus_console.tui.rows.lines import text_of
from tests.console.engine.bus import Bus, raw
from tests.console.fidelity.texts import ALL

NO_KEYS = Redactor(())


def lines(data: str) -> list[str]:
    """The tree of a message as text."""
    root = Node(lazy.payload_of(data.encode()))
    root.label, root.open = [("payload", "strong")], True
    tree = Tree([root])
    return [text_of(tree.line(index, 200)) for index in range(tree.count())]


@pytest.mark.parametrize("padding", [0, lazy.WHOLE])
def test_the_tree_shows_digits_and_marks_what_stands_twice(padding: int) -> None:
    shown = lines(f'{{"id":1,"id":2,"price":19.90,"z":-0.0,"f":1E2,"n":[NaN,1e400],"pad":"{"x" * padding}"}}')
    assert [one.strip() for one in shown[1:6]] == ["‼ id: 1", "‼ id: 2", "price: 19.90", "z: -0.0", "f: 1E2"]
    assert any("NaN" in one for one in shown)
    assert "1e400" in "".join(shown)


@pytest.mark.parametrize("blanks", ["", " ", "\n"])
def test_a_large_object_without_repetition_is_told_from_one_with(blanks: str) -> None:
    members = [f'"k{number}":{blanks}{number}.0' for number in range(8_000)]
    read = lazy.opened(lazy.payload_of(f"{{{f',{blanks}'.join(members)}}}".encode()))
    assert type(read) is dict
    members[1] = members[0]
    read = lazy.opened(lazy.payload_of(f"{{{f',{blanks}'.join(members)}}}".encode()))
    assert (len(read), len(read.pairs)) == (7_999, 8_000)


@pytest.mark.parametrize(
    ("beside", "shown"),
    [
        ('"retry_of": "first", "traceparent": "00-a-b-01",', ["retry_of    first", "traceparent 00-a-b-01"]),
        ('"retry_of": "a\\nb", "traceparent": 5,', ["retry_of    a\\nb"]),
        ('"other": "retry_of",', []),
        ("", []),
    ],
)
def test_a_request_says_what_it_belongs_to(beside: str, shown: list[str]) -> None:
    bus = Bus()
    asked = bus >> raw("shop", f'{{"action":"ok","reply_to":"r","request_id":"a",{beside}"payload":{{"id":1}}}}')
    tree = request_document(asked)
    assert isinstance(tree, Tree)
    found = [text_of(tree.line(index, 100)).strip() for index in range(tree.count())]
    assert [line for line in found if line.startswith(("retry_of", "traceparent"))] == shown


def test_a_line_and_a_record_of_tail_have_them_too() -> None:
    bus = Bus()
    exchange = bus >> raw("news", ALL)
    entry = Entry.of(exchange.opened, exchange)
    assert '"price": 19.90, "n": 12345678901234567890.10' in to_text(Liner(300, NO_KEYS).line(entry))
    assert f'"payload": {ALL}' in to_record(record(entry, NO_KEYS))
    payload: Any = record(entry, NO_KEYS)["payload"]
    assert '  "id": 1,' in [to_text(one) for one in json_lines(payload)]
    told = repeated_line(payload)
    assert told is not None
    assert to_text(told).endswith("the last counts: id")


def test_a_command_for_sending_again_says_them() -> None:
    bus = Bus()
    request = bus >> raw("shop", '{"action":"ok","reply_to":"r","request_id":"a","payload":{"p":19.90,"z":-0.0}}')
    assert as_command(request) == "request shop ok p:=19.90 z:=-0.0"
    twice = bus >> raw("shop", '{"action":"ok","reply_to":"r","request_id":"b","payload":{"id":1,"id":2.0}}')
    assert as_command(twice) == 'request shop ok {"id": 1, "id": 2.0}'
    assert template({"a": 1.5}) == "a:=1.5"
