"""Requests that share an id: a chain from the newest to the oldest, each answered on another channel. Pure.

Of two with the same id and the same reply channel an answer cannot tell the older, so that one is not in the chain; and
a chain is never long, since every answer may have to walk it. Where the newer is the older, passed on to another
channel (by who distributes requests, or keeps copies of them), one answer is that of both.
"""

from __future__ import annotations

from collections.abc import Container

from daebus_console.engine.message.envelope import CONTROL_PREFIX, payload_of
from daebus_console.engine.message.exchange import Exchange, Flag, Message, State

_MOST = 32
_WAITING = (State.PENDING, State.UNKNOWN)


def answered_on(newest: Exchange, channel: str) -> Exchange:
    """Among the requests that share an id, the newest that is answered on that channel; failing that, the newest."""
    candidate: Exchange | None = newest
    while candidate is not None:
        if candidate.reply_to == channel:
            return candidate
        candidate = candidate.aside.namesake
    return newest


def others(newest: Exchange, reply_to: str | None) -> Exchange | None:
    """The chain from `newest` on for a still newer request: without the one answered on `reply_to`, and cut short."""
    if newest.reply_to == reply_to:
        return newest.aside.namesake
    last, depth = newest, 1
    while (following := last.aside.namesake) is not None:
        if depth >= _MOST:
            last.set_aside().namesake = None
            break
        if following.reply_to == reply_to:
            last.set_aside().namesake = following.aside.namesake
            break
        last, depth = following, depth + 1
    return newest


def unlink(newest: Exchange, gone: Exchange) -> None:
    """Take an exchange out of the chain, if it is in it."""
    link: Exchange | None = newest
    while link is not None:
        following = link.aside.namesake
        if following is gone:
            link.set_aside().namesake = gone.aside.namesake
            return
        link = following


def is_passed_on(message: Message, action: str | None, earlier: Exchange) -> bool:
    """Whether a message with the id and the reply channel of an earlier request passes that on, while it waits for its
    answer. Otherwise it is another one, which uses that id again."""
    waits = earlier.state in _WAITING and earlier.answer is None and message.at <= earlier.until
    if not waits or earlier.opened.channel == message.channel or earlier.action != action:
        return False
    if message.channel.startswith(CONTROL_PREFIX):
        return False
    before, now = earlier.opened.data, message.data
    return before == now or payload_of(before) == payload_of(now)


def is_copy(channel: str, data: bytes, earlier: Exchange, served: Container[str]) -> bool:
    """Whether those bytes are that request once more, on another channel, for others to see: nobody answers it there.

    No other request is the same to the moment at which it was sent. Where that has no answer yet somebody may have
    passed it on, but for services on this framework (`served`), which answer themselves.
    """
    first = earlier.opened
    if first.channel == channel or first.data != data or channel.startswith(CONTROL_PREFIX) or channel in served:
        return False
    if earlier.flags & Flag.CONTROL:
        return True
    return b'"sent_at"' in data and (earlier.answer is not None or first.channel in served)
