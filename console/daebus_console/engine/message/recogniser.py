"""Which dialect a frame is in, that is not ours at the first look. Pure.

Most frames are told by how they begin and where they go, before anything is parsed. Where two dialects claim a frame
nobody has it.
"""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.engine.message.dialect import DAEBUS, Announced, Dialect, Sighting
from daebus_console.engine.message.exchange import message_class

_MOST_CHANNELS = 20_000


class Recogniser:
    """Some dialects, ready to be asked about every frame. Ours is not among them: it is known by heart elsewhere."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self.dialects = tuple(one for one in dialects if one.name != DAEBUS)
        self.classes = {one.name: message_class(one.name) for one in self.dialects}
        """The class for a question, or whatever is no answer, in each."""
        self.by_name = {one.name: one for one in self.dialects}
        self.announcing = frozenset(one.name for one in self.dialects if type(one).announced is not Dialect.announced)
        """Those in which programs tell of themselves."""
        self.problem: str | None = None
        """What kept a dialect from judging, which is a fault of it."""
        self._anywhere = tuple(one for one in self.dialects if one.openings)
        self.openings = tuple({opening for one in self._anywhere for opening in one.openings})
        """A frame that begins with none of these, on a channel that nobody owns, is in no dialect: not worth a call."""
        self.owners = _Owners(self)

    def sight(self, channel: str, data: bytes) -> tuple[Dialect, Sighting] | None:
        """The dialect that the frame is in, and what it says; None where none, or more than one, is certain."""
        candidates = self.owners[channel]
        if data.startswith(self.openings):
            for one in self._anywhere:
                if data.startswith(one.openings) and one not in candidates:
                    candidates = (*candidates, one)
        found = None
        for dialect in candidates:
            try:
                sighting = dialect.sight(channel, data)
            except Exception as error:  # noqa: BLE001 - it may be a stranger's, and the bus is still shown
                self.failed(dialect, error)
                continue
            if sighting is not None:
                if found is not None:
                    return None
                found = dialect, sighting
        return found

    def announced(self, dialect: str, channel: str, data: bytes) -> Announced | None:
        """What a frame in that dialect tells of the program that sent it."""
        try:
            return self.by_name[dialect].announced(channel, data)
        except Exception as error:  # noqa: BLE001 - see sight
            self.failed(self.by_name[dialect], error)
            return None

    def failed(self, dialect: Dialect, error: Exception) -> None:
        """Note that a dialect could not judge."""
        self.problem = f"{dialect.name}: {type(error).__name__}: {error}"


class _Owners(dict[str, tuple[Dialect, ...]]):
    """The dialects that may own a channel, asked once for each."""

    __slots__ = ("_recogniser",)

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser

    def __missing__(self, channel: str) -> tuple[Dialect, ...]:
        if len(self) >= _MOST_CHANNELS:
            # Some frameworks make a channel for each answer.
            self.clear()
        owners = []
        for dialect in self._recogniser.dialects:
            try:
                if dialect.owns(channel):
                    owners.append(dialect)
            except Exception as error:  # noqa: BLE001 - see Recogniser.sight
                self._recogniser.failed(dialect, error)
        found = self[channel] = tuple(owners)
        return found
