"""Help in lines that fit: words stay whole, meanings stand in their column, and what is copied is on one line."""

from __future__ import annotations

import pytest

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import parse_argv
from daebus_console.commands.grammar.explain import explain
from daebus_console.commands.grammar.help import help_in, help_on
from daebus_console.commands.verbs import VERBS, Face
from daebus_console.render import to_text
from daebus_console.text import cells

TOPICS = ("items", "names", "filters", "dialects", "rules")


@pytest.mark.parametrize("width", [80, 400])
@pytest.mark.parametrize("topic", [None, *TOPICS, *VERBS])
def test_help_is_parted_between_words(topic: str | None, width: int) -> None:
    for face in (Face.SHELL, Face.PROMPT):
        whole, lines = help_on(topic, face), help_in(width, topic, face)
        assert " ".join(lines).split() == " ".join(whole).split()
        copied = {line for line in whole if line.startswith("  ")}
        assert [line for line in lines if cells(line) > min(width, 100) and line not in copied] == []


@pytest.mark.parametrize("topic", [None, "request", "findings", "stats", "dialects", "rules"])
def test_meanings_stand_below_where_they_have_no_room_beside(topic: str | None) -> None:
    whole, lines = help_on(topic, Face.SHELL), help_in(40, topic, Face.SHELL)
    assert " ".join(lines).split() == " ".join(whole).split()
    assert [line for line in lines if cells(line) > 40 and not line.startswith("  daebus-console ")] == []


@pytest.mark.parametrize("name", ["break", "release"])
def test_meanings_stand_in_one_column(name: str) -> None:
    lines = help_in(80, name, Face.SHELL)
    columns = set()
    for option in VERBS[name].options:
        begin = " ".join(option.help.split()[:2])
        columns.update(line.index(begin) for line in lines if begin in line and line.startswith("  "))
    assert len(columns) == 1


def test_an_option_with_its_value_is_not_parted() -> None:
    lines = help_in(80, "replay", Face.SHELL)
    usage = lines[: lines.index("")]
    assert len(usage) > 1
    assert all(line.count("[") == line.count("]") for line in usage)
    assert all(line.startswith("       [") for line in usage[1:])


def test_a_command_that_is_named_is_not_parted() -> None:
    for width in range(40, 120):
        lines = help_in(width, None, Face.SHELL) + help_in(width, "dialects", Face.PROMPT)
        assert [line for line in lines if line.count("`") % 2] == []


def test_all_topics_are_named() -> None:
    for face in (Face.SHELL, Face.PROMPT):
        end = " ".join(help_in(80, None, face)[-2:])
        assert all(f"`help {topic}`" in end for topic in TOPICS)


def test_so_it_is_below_a_mistake() -> None:
    with pytest.raises(CommandError) as caught:
        parse_argv(["replay", "today.jsonl", "--speed", "x"])
    told = [to_text(line) for line in explain(caught.value, "daebus-console ", 80)]
    usage = told[3:]
    assert usage[0].startswith("usage: daebus-console replay WHAT...")
    assert len(usage) > 1
    assert all(len(line) <= 80 and line.count("[") == line.count("]") for line in usage)
    assert len(explain(caught.value, "daebus-console ")) == 4


def test_a_mistake_itself_is_parted_between_words() -> None:
    with pytest.raises(CommandError) as caught:
        help_on("neest", Face.SHELL)
    told = [to_text(line) for line in explain(caught.value, "daebus-console ", 60)]
    assert len(told) > 3
    assert max(map(len, told)) <= 60
    assert " ".join(told).split() == to_text(explain(caught.value)[0]).split()
