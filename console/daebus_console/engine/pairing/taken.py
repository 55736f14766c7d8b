"""What a batch of frames did, for whoever counts and judges. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from daebus_console.engine.message.exchange import Exchange, Message

ByAction = defaultdict[tuple[str | None, str | None], list[Exchange]]
"""Exchanges by whom was asked (the target) and for what (the action)."""


class Taken(NamedTuple):
    """What a batch did, each list in order.

    `requests` are the plain requests that it opened and `answers` the exchanges that it brought plain answers to;
    `opened` and `answered` are the same for all others. Whoever counts may count the plain ones by the heap. `control`
    are answers on control channels, of which one request has several; `extra` final answers after the first, each with
    its exchange. `guests` is what was opened and answered in dialects that are not ours.
    """

    requests: ByAction
    answers: ByAction
    opened: list[Exchange]
    answered: list[Exchange]
    control: list[Message]
    extra: list[tuple[Exchange, Message]]
    guests: Guests


class Guests(NamedTuple):
    """The same for what is in other dialects. `announcing` are the messages by which programs tell of themselves."""

    requests: ByAction
    answers: ByAction
    opened: list[Exchange]
    answered: list[Exchange]
    announcing: list[Message]


def nothing() -> Taken:
    """A batch that did nothing yet."""
    guests = Guests(defaultdict(list), defaultdict(list), [], [], [])
    return Taken(defaultdict(list), defaultdict(list), [], [], [], [], guests)
