"""The two nouns of the engine: a Message as it was seen, and the Exchange it belongs to. Pure.

Both are kept by the hundred thousand: they are slotted structs outside the cyclic garbage collector. A message
names its exchange by number and never refers to it, so there are no cycles to collect.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from typing import ClassVar

import msgspec

from daebus_console.engine.message.frame import Gap

DAEBUS = "daebus"
"""The name of our own dialect."""
PLAIN = "plain"
"""What stands for a dialect where none is certain."""

_MOST_PASSED_ON = 32


class Kind(StrEnum):
    """What a message is, judged by its envelope and channel; unreadable is only what is ours and broken."""

    REQUEST = "request"
    RESPONSE = "response"
    ONE_WAY = "one_way"
    BROADCAST = "broadcast"
    UNREADABLE = "unreadable"
    GAP = "gap"
    TOLD = "told"
    """Not seen at all: a service told of it afterwards."""


class State(StrEnum):
    """How an exchange stands. Only a request can be pending, time out or become unknown."""

    OK = "ok"
    ERROR = "error"
    PENDING = "pending"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"
    ORPHAN = "orphan"
    SENT = "sent"
    GAP = "gap"


class Flag:
    """What else is to be said of an exchange: bits of `Exchange.flags`, plain integers since they are tested often."""

    OURS = 1
    """Sent by this console."""
    CONTROL = 2
    """On a control channel of the framework."""
    LATE = 4
    """Answered after its timeout."""
    DUPLICATE = 8
    """More than one final answer came."""
    REUSED_ID = 16
    """Its request_id was in use by an earlier exchange."""
    STREAM = 32
    """At least one non-final answer came."""
    MARKED = 64
    """Marked by the user."""
    MALFORMED = 128
    """Understood, but a field of the envelope had a type it should not have."""
    DECLARED = 256
    """The asker itself named its timeout."""
    TIMELESS = 512
    """How long it took cannot be told: the clock stepped while it was under way, or its answer was seen before it."""
    PINNED = 1024
    """Sent again whenever its service comes back."""
    DEBUGGED = 2048
    """A debugger held it, changed it or did it harm: one of its messages bears the mark."""
    QUIET = 4096
    """What is said all the time, to everybody: a heartbeat, adapters among themselves, an event of Redis itself."""


class Message(msgspec.Struct, gc=False):
    """One message on the bus, untouched.

    `seq` counts all messages of the session from 1; `at` is epoch seconds; `data` the exact bytes; `exchange` the
    number of its exchange, where the names stand. The rest is told by the class: see message_class.
    """

    final: ClassVar[bool] = True
    """Whether no other answer is to follow."""
    error: ClassVar[bool] = False
    """Whether it is the answer of one that failed."""
    dialect: ClassVar[str] = DAEBUS
    """The name of the dialect it is in; PLAIN where none is certain."""
    whole: ClassVar[bool] = False
    """Whether all of it is its payload. Only requests, one-way messages and answers of ours have an envelope."""

    seq: int
    at: float
    channel: str
    data: bytes
    kind: Kind
    exchange: int = 0


class Notice(Message, gc=False):
    """No answer: it tells the asker that its request is held by a debugger, and to wait so much longer."""

    final: ClassVar[bool] = False


@cache
def message_class(dialect: str = DAEBUS, final: bool = True, error: bool = False, whole: bool = False) -> type[Message]:
    """The class for a message: most are plain, final and not wrong, so that fields for it would be a waste."""
    if (dialect, final, error, whole) == (DAEBUS, True, False, False):
        return Message
    told = {"final": final, "error": error, "dialect": dialect, "whole": whole or dialect != DAEBUS}
    return types.new_class("Message", (Message,), {"gc": False}, lambda fields: fields.update(told))


class Aside(msgspec.Struct, gc=False):
    """What only few exchanges have: kept apart so that the others do not pay for it.

    `extra` are the messages after the final answer; `code` the error code of the answer; `gap` the gap, for a GAP;
    `namesake` the earlier exchange with the same request_id, `passes_on` the earlier request that this one is, sent on
    to another channel: they have one answer; `origin` the number of the exchange this one replays, `replays` those
    that replay this one; `until` the end of its time (epoch seconds) where being held has moved it. `expected` is how
    many were there to answer, where that is more than one, and `due` how many answers are still to come before the
    last. `question` is the request where its answer was seen first. `came` is when it was told of (epoch seconds)
    where it was not seen, but told by a service.
    """

    extra: list[Message] | None = None
    code: str | None = None
    gap: Gap | None = None
    namesake: Exchange | None = None
    passes_on: Exchange | None = None
    origin: int = 0
    replays: list[int] | None = None
    until: float = 0.0
    expected: int = 0
    due: int = 0
    question: Message | None = None
    came: float = 0.0


_NOTHING_ASIDE = Aside()


class Exchange(msgspec.Struct, gc=False):
    """A request with all its answers; or a message that stands alone.

    `number` is what users see as #123. `source` and `target` are names of programs or channels, as far as known.
    `elapsed` is the time in the responder's handler in seconds, where the responder tells it. `deadline` is epoch
    seconds. `progress` are the non-final answers, `answer` the first final one.
    """

    number: int
    kind: Kind
    state: State
    opened: Message
    source: str | None = None
    target: str | None = None
    action: str | None = None
    request_id: str | None = None
    reply_to: str | None = None
    deadline: float = 0.0
    flags: int = 0
    parent_id: str | None = None
    answer: Message | None = None
    progress: list[Message] | None = None
    elapsed: float | None = None
    instance: str | None = None
    _aside: Aside | None = None

    @property
    def aside(self) -> Aside:
        """The rarer facts, for reading."""
        return self._aside or _NOTHING_ASIDE

    def set_aside(self) -> Aside:
        """The rarer facts, for writing."""
        if self._aside is None:
            self._aside = Aside()
        return self._aside

    def add_extra(self, message: Message) -> None:
        """Keep a message that came after the answer."""
        aside = self.set_aside()
        if aside.extra is None:
            aside.extra = []
        aside.extra.append(message)

    @property
    def dialect(self) -> str:
        """The name of the dialect that it was opened in."""
        return self.opened.dialect

    @property
    def request(self) -> Message | None:
        """The request, one-way message or broadcast that opened it; None where none was seen, and for a gap."""
        if self.kind in (Kind.RESPONSE, Kind.GAP, Kind.TOLD):
            return None
        return self.aside.question or self.opened

    @property
    def asking(self) -> Message:
        """The message that says what was asked or told, though it may have been seen after its answer."""
        aside = self._aside
        return self.opened if aside is None or aside.question is None else aside.question

    @property
    def latency(self) -> float | None:
        """Seconds from the request to its final answer, by the console's clock; None where nobody can tell."""
        return None if self.answer is None else self.after(self.answer)

    def after(self, answer: Message) -> float | None:
        """The same for any of its answers."""
        if self.kind is not Kind.REQUEST or self.flags & Flag.TIMELESS:
            return None
        seconds = answer.at - self.opened.at
        # Where the clock went back between them, and nothing says so.
        return seconds if seconds >= 0 else None

    @property
    def timeless(self) -> bool:
        """Whether nobody can tell how long it took, or will have taken, of a request."""
        answered = self.kind is Kind.REQUEST and self.answer is not None
        return self.latency is None if answered else bool(self.flags & Flag.TIMELESS)

    @property
    def stepped(self) -> bool:
        """Whether the clock stepped while it was under way."""
        return bool(self.flags & Flag.TIMELESS) and self.aside.question is None

    @property
    def transit(self) -> float | None:
        """Seconds of the latency that were not spent in the handler; None where the responder does not tell."""
        latency = self.latency
        if latency is None or self.elapsed is None:
            return None
        return max(0.0, latency - self.elapsed)

    @property
    def held(self) -> bool:
        """Whether the last that its asker was told is that it is held."""
        progress = self.progress if self.state is State.PENDING else None
        return progress is not None and isinstance(progress[-1], Notice)

    @property
    def size(self) -> int:
        """Bytes of all its messages."""
        return sum(len(message.data) for message in self.messages)

    @property
    def replies(self) -> int:
        """How many answers were seen, final or not."""
        answers = 1 if self.answer is not None else 0
        return answers + len(self.parts) + len(self.aside.extra or ())

    @property
    def parts(self) -> list[Message]:
        """The answers that were not final."""
        progress = self.progress or []
        return [one for one in progress if not isinstance(one, Notice)] if self._aside is not None else progress

    @property
    def until(self) -> float:
        """When its time is over (epoch seconds): its deadline, or where that went to while it was held."""
        return self.deadline if self._aside is None else max(self.deadline, self._aside.until)

    @property
    def ended(self) -> float:
        """When its final answer came (epoch seconds), or its time is over where none has."""
        return self.until if self.answer is None else self.answer.at

    @property
    def latest(self) -> Message:
        """The last of its messages."""
        if self._aside is None and self.answer is not None:
            return self.answer
        return self.messages[-1]

    @property
    def messages(self) -> list[Message]:
        """All its messages in the order they were seen."""
        found = [self.opened]
        if self.progress:
            found += self.progress
        if self.answer is not None and self.answer is not self.opened:
            found.append(self.answer)
        aside = self._aside
        if aside is not None:
            found += [] if aside.question is None else [aside.question]
            found += aside.extra or ()
        return found

    @property
    def originals(self) -> list[Exchange]:
        """The requests that it passes on, the latest first, as far as they are remembered."""
        found: list[Exchange] = []
        one = self.aside.passes_on
        while one is not None and len(found) < _MOST_PASSED_ON:
            found.append(one)
            one = one.aside.passes_on
        return found

    @property
    def answered_by_another(self) -> bool:
        """Whether its answer is that to a request that passes it on, which whoever was asked here did not give."""
        return self.answer is not None and self.answer.exchange != self.number

    def may_reach(self, answer: Message) -> bool:
        """Whether who asked may wait where that was published: on the channel that the request names, or on any that
        it stands for, as a pattern or as the beginning of their names."""
        reply_to, channel = self.reply_to, answer.channel
        return reply_to is None or channel.startswith(reply_to) or fnmatchcase(channel, reply_to)

    def has(self, flag: int) -> bool:
        """Whether that Flag is set."""
        return self.flags & flag != 0


def lost_in(exchanges: Iterable[Exchange]) -> list[Gap]:
    """The gaps among them in which messages may have passed unseen."""
    return [gap for one in exchanges if (gap := one.aside.gap) is not None and gap.lost]
