"""The rows of the directory pane."""

from __future__ import annotations

import pytest

from daebus_console import naming
from daebus_console.commands.terms.words import split
from daebus_console.engine.directory import Directory
from daebus_console.engine.entries import ActionEntry, ServiceEntry
from daebus_console.engine.filter import language as filters
from daebus_console.engine.listeners import Listener
from daebus_console.engine.message.dialect import Announced
from daebus_console.engine.runs import RunEntry
from daebus_console.tui.rows.directory import MOST, SPARK, WIDE, DirectoryRow, directory_rows, row_line
from daebus_console.tui.rows.lines import text_of
from tests.console.engine.bus import Bus, raw, request


def test_names_that_had_no_room_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("engine.directory.MOST", "tui.rows.directory.ROOM"):
        monkeypatch.setattr(f"daebus_console.{module}", 5)
    bus, directory = Bus(), Directory()
    directory.saw([bus >> request(f"s{number}", id=f"s{number}") for number in range(7)])
    assert [row.name for row in directory_rows(directory, ())][-1] == "2 had no room"
    directory.saw([bus >> request(f"t{number}", id=f"t{number}") for number in range(9)])
    assert [row.name for row in directory_rows(directory, ())][-1] == "5 or more had no room"


def test_made_up_names_do_not_hide_services_that_are_here() -> None:
    bus, directory = Bus(), Directory()
    many = range(2 * MOST)
    directory.saw([bus >> request(f"made{number}", id=f"m{number}") for number in many])
    for number in many:
        directory.announced(bus.now, Announced(f"node{number}"), "moleculer")
    directory.saw([bus >> request("plain", id="p")])
    directory.poll(bus.now, {"daebus.control.users": 1, "users": 1, "daebus.control.zoo": 2, "zoo": 2, "plain": 1})
    rows = directory_rows(directory, ())
    assert [row.name for row in rows[:4]] == ["plain", "users", "zoo", "node0"]
    directory.poll(bus.now, {"daebus.control.users": 1, "users": 1, "plain": 1})
    assert [row.name for row in directory_rows(directory, ())[:3]] == ["plain", "users", "node0"]


def test_names_that_differ_in_an_id_only_are_one_row_which_narrows_to_all_of_them() -> None:
    bus, directory = Bus(), Directory()
    exchanges = [bus >> raw(f"task {number:032x} done", "{}") for number in range(30)]
    other = bus >> raw("task done", "{}")
    directory.saw([*exchanges, other])
    heading, channel, row = directory_rows(directory, ())
    assert (heading.name, channel.name, row.name) == ("Channels", "task done", "task * done")
    assert "task * done" in text_of(row_line(row, 40, bus.now))
    assert "×30" in text_of(row_line(row, 40, bus.now))
    assert row.term is not None
    narrowed = filters.parse(row.term)
    assert all(map(narrowed, exchanges))
    assert not narrowed(other)
    directory.poll(bus.now, {f"task {1:032x} done": 1})
    directory.poll(bus.now + 1, {})
    assert "gone" in text_of(row_line(directory_rows(directory, ())[-1], 60, bus.now))


def test_who_is_subscribed_by_pattern_is_named() -> None:
    directory = Directory()
    directory.by_pattern = [Listener("worker", f"h:{number}", "", 2) for number in range(3)]
    directory.by_pattern += [Listener("", f"h:{number}", "", 1) for number in range(30)]
    rows = [row.name for row in directory_rows(directory, ())]
    assert rows[:3] == ["Subscribed by pattern", "worker ×3, 6 patterns", "h:0, 1 pattern"]
    assert rows[-1] == "and 11 more"
    directory.by_pattern = None
    directory.pattern_subscribers = 4
    assert [row.name for row in directory_rows(directory, ())] == ["4 patterns subscribed"]


@pytest.mark.parametrize("width", range(22, 60))
def test_a_name_can_be_read_beside_the_figures(width: int) -> None:
    entry = ServiceEntry('{"cmd":"notify"}', 0.0, errors=16)
    told = text_of(row_line(DirectoryRow("service", entry.name, entry=entry), width, 9.0))
    assert told.startswith('▸ ○ {"cmd"')
    assert " 16✗" in told
    beside = len(" 16✗ nobody    · ") + (7 + 1 + SPARK if width >= WIDE else 0)
    assert ("nobody" in told) is (width >= 4 + 12 + beside)
    short = ServiceEntry("shop", 0.0)
    assert "▸ ○ shop" in text_of(row_line(DirectoryRow("service", "shop", entry=short), width, 9.0))
    assert "nobody" in text_of(row_line(DirectoryRow("service", "shop", entry=short), 22, 9.0))
    action = ActionEntry("get_user_by_id", requests=12, errors=3)
    told = text_of(row_line(DirectoryRow("action", action.name, "users", action), width, 9.0))
    assert told.startswith("    get_user")
    assert "12" in told
    assert "3✗" in told
    run = RunEntry("task", "cleanup", runs=7, failed=2)
    told = text_of(row_line(DirectoryRow("run", "task cleanup", "users", run), width, 9.0))
    assert told.startswith("    ⟳ cleanup ")
    assert "7" in told
    assert "2✗" in told


NAMES = [
    "a",
    "a b",
    "a\nbroadcast b x=1",
    "\x1b[31m\tc",
    "a*b",
    "a\\b",
    "\\x41",
    '"a',
    "'a",
    "-a",
    "@a",
    "#3",
    "{}",
    "a=b",
    "&",
]
NAMES += ["\u6f22 \u5b57", "a\udc80b", "\u202ea", ""]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_what_is_begun_or_narrowed_to_is_of_just_that_name(name: str) -> None:
    bus = Bus()
    here, there = bus >> raw(name, "{}"), bus >> raw(f"{name}b", "{}")
    for kind in ("channel", "service", "action"):
        row = DirectoryRow(kind, name, service=name if kind == "action" else "")
        assert row.command is not None
        assert row.command.isprintable(), "one line, and nothing that a terminal obeys"
        words = split(f"{row.command} x=1")
        assert [naming.read(word.text) for word in words[1:]] == [name] * (2 if kind == "action" else 1) + ["x=1"]
        assert row.term is not None
        assert row.term.isprintable()
    narrowed = filters.parse(DirectoryRow("channel", name).term or "")
    assert (narrowed(here), narrowed(there)) == (True, False)
