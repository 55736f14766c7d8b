"""What names have in common that differ in an id only, and the entry for all of them."""

from __future__ import annotations

import pytest

from daebus_console.engine import alike
from daebus_console.engine.alike import Alikes, Pattern, pattern_of

TASK = "celery-task-meta-7f0c5f0e-3c6e-4d7c-9a52-7a1c0f1d2e3"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("celery-task-meta-7f0c5f0e-3c6e-4d7c-9a52-7a1c0f1d2e3f", "celery-task-meta-*"),
        ("asgispecific.0123456789abcdef0123456789abcdef", "asgispecific.*"),
        ("E7YWUgMJKCv8vB1G28TWVz", "*"),
        ("user:17:events", "user:*:events"),
        ("rq:pubsub:7f0c5f0e3c6e4d7c9a527a1c0f1d2e3f", "rq:pubsub:*"),
        ('{"cmd":"sum"}', None),
        ("news", None),
        ("room1", None),
        ("utf8-v2", None),
        ("a\x001", None),
        ("1" * 1000, None),
    ],
)
def test_what_is_an_id_in_a_name(name: str, pattern: str | None) -> None:
    found = pattern_of(name)
    assert (None if found is None else found.text) == pattern


def pattern(name: str) -> Pattern:
    found = pattern_of(name)
    assert found is not None
    return found


def test_an_entry_stands_for_a_channel_once_they_are_too_many_for_one_each() -> None:
    alikes = Alikes()
    entry = alikes.of(pattern(f"{TASK}0"), 1.0)
    assert entry is not None
    assert [entry.add(f"{TASK}{number}", 2.0) for number in range(4)] == [False, False, False, True]
    assert (alikes.stands_for(f"{TASK}9"), alikes.listed()) == (False, [])
    entry.single = None
    assert alikes.of(pattern(f"{TASK}9"), 3.0) is entry
    assert (alikes.stands_for(f"{TASK}9"), alikes.listed()) == (True, [entry])
    assert not alikes.stands_for("news")


def test_they_are_counted_poll_by_poll_and_forgotten_when_nobody_is_there() -> None:
    alikes = Alikes()
    entry = alikes.of(pattern(f"{TASK}0"), 1.0)
    assert entry is not None
    entry.single = None
    for at, count in ((1.0, 2), (2.0, 0)):
        alikes.begin_poll(count)
        entry.counted += count
        alikes.end_poll(at)
    assert (entry.subscribers, entry.gone) == (0, 2.0)
    alikes.stepped(10.0)
    alikes.forget(11.0)
    assert alikes.listed() == [entry]
    alikes.forget(11.5)
    assert alikes.listed() == []


def test_beyond_so_many_patterns_there_is_no_entry_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "MOST", 1)
    alikes = Alikes()
    entry = alikes.of(pattern("room:1"), 1.0)
    assert entry is not None
    assert alikes.of(pattern("table:1"), 1.0) is None
    assert alikes.of(pattern("room:2"), 1.0) is entry
