"""Which dialect a frame is in, that is not ours. Pure.

Most frames are told by how they begin and where they go, before anything is parsed. Where two dialects claim a frame
nobody has it.

What is asked of a frame first of all is what its channel is known for (`Ears`): where that is one dialect, and nothing
in the frame could make it ours or another's, that one reads it, and nobody else looks inside. Whatever it leaves goes
the long way, which finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from daebus_console.engine.message.dialect import DAEBUS, Announced, Dialect, Sighting
from daebus_console.engine.message.envelope import PROBE, SENTINELS, is_reply_channel
from daebus_console.engine.message.exchange import Message, message_class

_MOST_CHANNELS = 20_000
_OBJECT = (b"{", b" ", b"\n", b"\t", b"\r")
"""How what may be a JSON object begins."""

Seen = tuple[Dialect, Sighting]


class Ear(NamedTuple):
    """What reads the frames of one channel in one dialect: those that begin like `openings`, if any, not `elsewhere`.

    No frame that it is handed may be one of ours: see `may_be_ours`. What it does not read goes the long way. `made` is
    the class for its messages that are no answers, or plain ones, `partly` for answers that others follow;
    `several` may answer a question. Where it has no name it stands for whichever dialect the frame is in.
    """

    dialect: Dialect
    name: str
    read: Callable[[bytes], Sighting | None]
    openings: tuple[bytes, ...] | None
    elsewhere: tuple[bytes, ...]
    made: type[Message]
    partly: type[Message]
    several: bool


LOW_LINE, BACKSLASH = b"_\\"
"""Whoever judges every frame asks for these first, which costs less than the call: without them none is one of ours."""


def may_be_ours(data: bytes) -> bool:
    """Whether those bytes may be a request, an answer or a probe of ours on a channel whose name does not say so.

    Such an object has one of three fields, or the escape without which their names cannot be written otherwise. (`in`
    takes three times as long as `find` does.)
    """
    find = data.find
    return data.startswith(_OBJECT) and (
        find(b'request_id"') >= 0 or find(b'reply_to"') >= 0 or find(b"\\u00") >= 0 or data.startswith(PROBE)
    )


class Recogniser:
    """Some dialects, ready to be asked about every frame. Ours is not among them: it is known by heart elsewhere."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self.dialects = tuple(one for one in dialects if one.name != DAEBUS)
        self.classes = {one.name: message_class(one.name) for one in self.dialects}
        """The class for a question, or whatever is no answer, in each."""
        self.by_name = {one.name: one for one in self.dialects}
        self.announcing = frozenset(one.name for one in self.dialects if type(one).announced is not Dialect.announced)
        """Those in which programs tell of themselves."""
        self.owning = tuple(one for one in self.dialects if type(one).owns is not Dialect.owns)
        """Those that know channels by their names."""
        self.met = False
        """Whether any frame was, or a channel may be, in one of them."""
        self.problem: str | None = None
        """What kept a dialect from judging, which is a fault of it."""
        self._anywhere = tuple(one for one in self.dialects if one.openings)
        self.openings = tuple({opening for one in self._anywhere for opening in one.openings})
        """A frame that begins with none of these, on a channel that nobody owns, is in no dialect: not worth a call."""
        self._elsewhere = {
            one.name: tuple({opening for other in self._anywhere if other is not one for opening in other.openings})
            for one in self.dialects
        }
        """How frames begin that a dialect cannot have for itself."""
        packed = tuple(one for one in self.openings if not one.startswith(_OBJECT))
        self.unmet = Ear(Dialect(), "", lambda _data: None, packed, (), Message, Message, False)
        """For the first frame on a channel that nobody owns: `first` tells its dialect."""
        self.owners = _Owners(self)
        self.ears = Ears(self)

    def sight(self, channel: str, data: bytes) -> Seen | None:
        """The dialect that the frame is in, and what it says; None where none, or more than one, is certain."""
        found = self._sight(channel, data, self.owners[channel])
        if found is not None and not self.owners[channel]:
            self.ears.learn(channel, found[0])
        return found

    def first(self, channel: str, data: bytes) -> Seen | None:
        """The same for the first frame on a channel that nobody owns, which is mostly its last: made for one answer."""
        return self._sight(channel, data, ())

    def _sight(self, channel: str, data: bytes, candidates: tuple[Dialect, ...]) -> Seen | None:
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
                self.met = True
        return found

    def ear(self, channel: str, dialect: Dialect, *, owns: bool = True) -> Ear | None:
        """What reads the frames of a channel known for that dialect: all of them, or those that begin like it."""
        try:
            read = dialect.reader(channel)
        except Exception as error:  # noqa: BLE001 - see sight
            self.failed(dialect, error)
            return None
        self.met = True
        name = dialect.name
        openings = None if owns else dialect.openings
        several = dialect.each_answers or dialect.others_answer
        made, partly = self.classes[name], message_class(name, False)
        return Ear(dialect, name, read, openings, self._elsewhere[name], made, partly, several)

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


class Ears(dict[str, Ear | None]):
    """What reads the frames of a channel, where it is known for one dialect; bounded.

    That is where one alone owns it, or, of a channel that nobody owns, once a frame was in one for certain. `none` are
    the channels without one that are known by now: whoever has a frame looks there first, which is faster.
    """

    __slots__ = ("_recogniser", "none")

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self.none: set[str] = set()

    def __missing__(self, channel: str) -> Ear | None:
        if len(self) >= _MOST_CHANNELS:
            # Some frameworks make a channel for each answer.
            self.clear()
            self.none.clear()
        recogniser = self._recogniser
        if not recogniser.dialects or channel == SENTINELS or is_reply_channel(channel):
            return self._keep(channel, None)
        owners = recogniser.owners[channel]
        found = self._keep(channel, recogniser.ear(channel, owners[0]) if len(owners) == 1 else None)
        return found if owners else recogniser.unmet

    def learn(self, channel: str, dialect: Dialect) -> None:
        """A frame on a channel that nobody owns was in that dialect: others are likely to be."""
        if self.get(channel, self) is None and channel != SENTINELS and not is_reply_channel(channel):
            self._keep(channel, self._recogniser.ear(channel, dialect, owns=False))

    def _keep(self, channel: str, ear: Ear | None) -> Ear | None:
        self[channel] = ear
        if ear is None:
            self.none.add(channel)
        else:
            self.none.discard(channel)
        return ear


class _Owners(dict[str, tuple[Dialect, ...]]):
    """The dialects that may own a channel, asked once for each."""

    __slots__ = ("_recogniser",)

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser

    def __missing__(self, channel: str) -> tuple[Dialect, ...]:
        if len(self) >= _MOST_CHANNELS:
            self.clear()
        owners = []
        for dialect in self._recogniser.owning:
            try:
                if dialect.owns(channel):
                    owners.append(dialect)
            except Exception as error:  # noqa: BLE001 - see Recogniser.sight
                self._recogniser.failed(dialect, error)
        found = self[channel] = tuple(owners)
        return found
