"""What a dialect is: how the frames of one framework are recognised, and what one says. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, TypeVar

import msgspec

from daebus_console.engine.message.exchange import DAEBUS, PLAIN, Kind
from daebus_console.engine.message.nesting import DEEPEST, is_too_deep

__all__ = ["DAEBUS", "PLAIN", "Announced", "Dialect", "Sighting", "json_reader", "msgpack_reader", "text_in"]


class Sighting(msgspec.Struct, gc=False):
    """What a frame says, in the words of the console; every field that the wire does not tell is left as it is.

    `source` and `target` are names of programs; no target means the channel. `id` and `reply_to` are what a question
    and its answers have in common: both together name one question of the dialect. `timeout` are seconds. Of a
    question, `final` is false for a further part of one that was begun; of an answer, for one that others follow.
    `due` is how many more answers an answer announces beside itself. `sure` is false for an answer that is one only
    where its question is known, and a broadcast else; `shared` for one that several may give. `quiet` is what nobody
    asked for and everybody hears all the time. `within` are the things that one frame tells at once, where it is a list
    of them.
    """

    kind: Kind
    action: str | None = None
    source: str | None = None
    target: str | None = None
    id: str | None = None
    reply_to: str | None = None
    parent_id: str | None = None
    timeout: float | None = None
    elapsed: float | None = None
    instance: str | None = None
    code: str | None = None
    final: bool = True
    error: bool = False
    due: int = 0
    sure: bool = True
    shared: bool = False
    quiet: bool = False
    within: list[Sighting] | None = None


class Announced(msgspec.Struct, frozen=True):
    """What a program told of itself: a service, and its actions (name and first line of what it says of them).

    `gone` says that it has left.
    """

    service: str
    actions: Mapping[str, str] = {}
    gone: bool = False


class Dialect:
    """One framework's way to use Pub/Sub. A subclass named Spoken in a module of `engine.dialects` is all it takes.

    `name` is what users write and see, `title` the framework's own name with the versions it was tried with, and
    `unknown` says in a sentence or two what its wire does not tell.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unknown: ClassVar[str]
    pairs: ClassVar[str] = "nothing: it has no answers"
    """By what a question and its answer are told to belong together, in a few words."""

    openings: ClassVar[tuple[bytes, ...]] = ()
    """How its frames begin where the name of the channel tells nothing. With none only `owns` counts."""
    each_answers: ClassVar[bool] = False
    """Every subscriber of the channel answers a question, to the end, and nothing is wrong with that."""
    others_answer: ClassVar[bool] = False
    """Every subscriber but the asker answers once, and the last of them is the end."""
    silence: ClassVar[str | None] = None
    """Why no answer is no failure, where that is so: what became of the question is then unknown."""
    once: ClassVar[str | None] = None
    """Why nothing said in it can be sent again, where that is so. Questions never can, unless it has `anew`."""
    unasked: ClassVar[bool] = False
    """Questions do not pass on the bus by themselves, so that an answer without one is what it says: good or bad."""

    @property
    def unable(self) -> str:
        """Why it cannot be asked, or answered, from outside, where that is so."""
        if self.once is not None:
            return self.once
        return "it has no answers" if self.pairs == Dialect.pairs else "its class does not say how"

    def owns(self, channel: str) -> bool:
        """Whether a channel of that name may carry its frames. Asked once for each channel."""
        del channel
        return False

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """What the frame says; None unless it is certainly one of this dialect. Never raises."""
        raise NotImplementedError

    def reader(self, channel: str) -> Callable[[bytes], Sighting | None]:
        """What sights the frames of one channel: as `sight`, with all that is told by the channel worked out before."""
        return partial(self.sight, channel)

    def announced(self, channel: str, data: bytes) -> Announced | None:
        """What a quiet frame of it tells the directory. Never raises."""
        del channel, data
        return None

    def ask(self, channel: str, content: bytes, request_id: str, reply_to: str) -> tuple[bytes, str] | None:
        """A question with that content (JSON), and the channel to hear its answers on, which may be `reply_to`.

        None where it cannot be asked from outside; `once` then says why.
        """
        del channel, content, request_id, reply_to
        return None

    def anew(self, channel: str, data: bytes, request_id: str, reply_to: str) -> tuple[bytes, str] | None:
        """The question that a frame of it is, for another time: with that id, and all else as it was.

        With it the channel to hear its answers on, as for `ask`; None where it cannot be asked again from outside.
        """
        del channel, data, request_id, reply_to
        return None

    def reply(self, channel: str, data: bytes, content: bytes, failed: str | None) -> tuple[str, bytes] | None:
        """The answer to a question of it that came on that channel, and the channel to send it on.

        `content` (JSON) is what it carries; `failed` is the text of an error, which it is then instead. None where
        nothing can be answered from outside, or no error can.
        """
        del channel, data, content, failed
        return None

    def again(self, data: bytes) -> bytes | None:
        """What is no question, for another time: as it was, or with another id; None where it might be an answer."""
        return data

    def content(self, data: bytes) -> bytes | None:
        """What an answer carries, as JSON, or a text in UTF-8; None for nothing. Never raises."""
        return data

    def remark(self, channel: str, data: bytes) -> str | None:
        """A sentence for people on one of its frames: what of it cannot be seen from the bus."""
        del channel, data
        return None


def text_in(value: Any) -> str | None:
    """The value where it is a text that names something, else None."""
    return value if isinstance(value, str) and value else None


Shape = TypeVar("Shape")


def json_reader(shape: type[Shape]) -> Callable[[bytes], Shape | None]:
    """What reads frames of JSON that have that shape (a msgspec struct, say); None for all others."""
    decode = msgspec.json.Decoder(shape).decode

    def read(data: bytes) -> Shape | None:
        try:
            return None if len(data) > DEEPEST and is_too_deep(data) else decode(data)
        except (ValueError, RecursionError):
            return None

    return read


def msgpack_reader(shape: type[Shape]) -> Callable[[bytes], Shape | None]:
    """The same for MessagePack."""
    decode = msgspec.msgpack.Decoder(shape).decode

    def read(data: bytes) -> Shape | None:
        try:
            return decode(data)
        except (ValueError, RecursionError):
            return None

    return read
