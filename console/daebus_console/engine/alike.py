"""Channels whose names differ in an id only, such as one for each task: one entry for all of them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from daebus_console.engine.rate import Rate

MOST_NAMES = 10_000
"""Names of one pattern that are told apart; beyond, that many or more are counted."""
MOST = 1_000
"""Patterns of names that are remembered."""
_FEW, _MANY = 3, 20
"""How many names are listed one by one: few where they differ in ids, more where they are numbered."""
_LONGEST = 512

_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_DIGIT = re.compile("[0-9]")
_PART = re.compile(f"{_UUID}|[0-9A-Za-z]+")
_SHORTEST = 16
"""Letters and digits that an id has at the least."""
_LONG = re.compile(f"{_UUID}|[0-9A-Za-z]{{{_SHORTEST}}}")
_NUMBER = re.compile("(?<![0-9A-Za-z])[0-9]+(?![0-9A-Za-z])")
_HEX = re.compile(f"[0-9a-fA-F]{{{_SHORTEST},}}")
_ID = "\x00"


class Pattern(NamedTuple):
    """What names have in common: the texts around their ids, and how many may stand beside each other one by one."""

    text: str
    """As it is shown: `celery-task-meta-*`."""
    pieces: tuple[str, ...]
    few: int


def pattern_of(name: str) -> Pattern | None:
    """The pattern of a name that has ids or numbers in it; None of one that has none."""
    if _DIGIT.search(name) is None or len(name) > _LONGEST or _ID in name:
        return None
    if len(name) < _SHORTEST or _LONG.search(name) is None:
        # Most have numbers only, and a bus has thousands of names.
        text, few = _NUMBER.sub(_ID, name), _MANY
    else:
        text, few = _marked(name)
    return Pattern(text.replace(_ID, "*"), tuple(text.split(_ID)), few) if _ID in text else None


def _marked(name: str) -> tuple[str, int]:
    """The name with its numbers and ids marked, and how many such are listed one by one."""
    few = _MANY

    def marked(found: re.Match[str]) -> str:
        nonlocal few
        part = found[0]
        if part.isdigit():
            return _ID
        if not _is_id(part):
            return part
        few = _FEW
        return _ID

    return _PART.sub(marked, name), few


def _is_id(part: str) -> bool:
    """Whether letters and digits without a pause are an id: a UUID, a digest, what somebody drew at random."""
    if _DIGIT.search(part) is None:
        return False
    return len(part) >= 20 or _HEX.fullmatch(part) is not None


@dataclass
class AlikeEntry:
    """All channels of one pattern. `subscribers` is how many of them somebody was subscribed to at the last poll."""

    pattern: Pattern
    heard: float
    subscribers: int = 0
    gone: float | None = None
    rate: Rate = field(default_factory=Rate)
    single: set[str] | None = field(default_factory=set)
    """Those that are still listed one by one; None once they are too many for that."""
    counted: int = 0
    """Of those that have subscribers, how many this poll has come by."""
    _names: set[int] = field(default_factory=set)

    @property
    def names(self) -> int:
        """How many names there were; MOST_NAMES stands for that or more."""
        return len(self._names)

    def add(self, name: str, now: float) -> bool:
        """Take a name, new or not; whether they have just become too many to be listed one by one."""
        self.heard = max(self.heard, now)
        if len(self._names) < MOST_NAMES:
            self._names.add(hash(name))
        if self.single is None:
            return False
        self.single.add(name)
        return len(self.single) > self.pattern.few


class Alikes:
    """The entries by their patterns, and the pattern of each name. Time comes with each call, in epoch seconds."""

    def __init__(self) -> None:
        self._entries: dict[str, AlikeEntry] = {}
        self._patterns: dict[str, Pattern | None] = {}

    def listed(self) -> list[AlikeEntry]:
        """Those that stand for all of their channels."""
        return [entry for entry in self._entries.values() if entry.single is None]

    def pattern(self, name: str) -> Pattern | None:
        """The pattern of a name that is subscribed to, remembered: such names come with each poll."""
        try:
            return self._patterns[name]
        except KeyError:
            found = self._patterns[name] = pattern_of(name)
            return found

    def stands_for(self, name: str) -> bool:
        """Whether one of them stands for the channel of that name."""
        pattern = self.pattern(name)
        entry = None if pattern is None else self._entries.get(pattern.text)
        return entry is not None and entry.single is None

    def of(self, pattern: Pattern, now: float) -> AlikeEntry | None:
        """The entry of a pattern, made when it is new; None where there is no room."""
        entry = self._entries.get(pattern.text)
        if entry is None and len(self._entries) < MOST:
            entry = self._entries[pattern.text] = AlikeEntry(pattern, now)
        return entry

    def begin_poll(self, listed: int) -> None:
        """So many names are listed now, which are counted in the entries that stand for them."""
        if len(self._patterns) > 2 * listed + MOST_NAMES:
            self._patterns.clear()
        for entry in self._entries.values():
            entry.counted = 0

    def end_poll(self, now: float) -> None:
        """All names that there are have been counted."""
        for entry in self._entries.values():
            if entry.subscribers and not entry.counted:
                entry.gone = now
            entry.subscribers = entry.counted

    def forget(self, before: float) -> None:
        """Leave out those that nobody has anything to do with since then."""
        gone = [text for text, one in self._entries.items() if one.heard < before and not one.subscribers]
        for text in gone:
            del self._entries[text]

    def stepped(self, seconds: float) -> None:
        """The clock went that far at once."""
        for entry in self._entries.values():
            entry.heard += seconds
