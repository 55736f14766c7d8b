"""Failures in groups: by service, action, error and its text, with numbers, ids and quoted parts masked. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from daebus_console.engine import jsontext, payloads
from daebus_console.engine.insight.apart import tell_apart
from daebus_console.engine.insight.group import NO_ANSWER, TOO_LATE, Group, Key
from daebus_console.engine.insight.masking import Masked, mask
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State

MOST_GROUPS = 1_000
MOST_TEXTS = 50
"""Different texts of one error of one action that are told apart; hostile or careless texts have no end."""
_TEXTS = ("error", "err", "message", "detail", "reason", "title")
"""Where the text of an error stands in its payload: here, or under one of these in an object that stands here."""

Redact = Callable[[bytes], bytes]
OTHER_TEXTS = Masked("(other texts)", ("", ""), ("", ""))
NO_TEXT = Masked("", (), ())


class Failure(NamedTuple):
    """What failed: where, how, and in which words. `path` is where in the payload the text stands."""

    service: str
    action: str | None
    code: str | None
    type: str | None
    text: str | None
    path: tuple[str, ...] = ()


class Groups:
    """Groups made of the failures among the exchanges that are added.

    `looked` counts all that were added, `failed` those that failed, `left_out` those that got no group of their own,
    `start` and `end` are the times of the first and last. `redact` is what may be shown of a message's bytes. Gaps and
    what was only told of are passed over, and what is on control channels without `control`.
    """

    def __init__(self, redact: Redact | None = None, *, control: bool = False) -> None:
        self._redact = redact
        self._control = control
        self._groups: dict[tuple[Key, tuple[str, ...]], Group] = {}
        self._members: dict[int, Group | None] = {}
        self._texts: Counter[Key] = Counter()
        self.looked = self.failed = self.left_out = 0
        self.start = self.end = 0.0

    def add(self, exchange: Exchange) -> None:
        """Take an exchange, failed or not."""
        if exchange.kind in (Kind.GAP, Kind.TOLD) or (exchange.flags & Flag.CONTROL and not self._control):
            return
        at = exchange.opened.at
        self.start = min(self.start, at) if self.looked else at
        self.end = max(self.end, at) if self.looked else at
        self.looked += 1
        failure = failure_of(exchange, self._redact)
        if failure is None:
            return
        self.failed += 1
        group = self._members[exchange.number] = self._group(exchange, failure)
        if group is None:
            self.left_out += 1
        else:
            group.add(exchange, failure.text)

    def add_all(self, exchanges: Iterable[Exchange]) -> Groups:
        """Take many; returns itself."""
        for exchange in exchanges:
            self.add(exchange)
        return self

    def sorted(self) -> list[Group]:
        """The groups, those with the most failures first, and of these the latest."""
        return sorted(self._groups.values(), key=lambda group: (-group.count, -group.last))

    def tell_apart(self, each: Callable[[], Iterable[Exchange]]) -> Groups:
        """Give each group the filter that selects it, tried on those that were added, as `each` gives them once more.

        Returns itself.
        """
        tell_apart(list(self._groups.values()), self._members, each)
        return self

    def _group(self, exchange: Exchange, failure: Failure) -> Group | None:
        masked = NO_TEXT if failure.text is None else mask(failure.text)
        key = Key(exchange.kind, exchange.state, exchange.target or "", *failure[:4], masked.template)
        path = failure.path if failure.text is not None else ()
        group = self._groups.get(_same(key, path))
        if group is not None:
            group.also(masked)
            return group
        # What all texts of this error have in common.
        common = key._replace(template="")
        if self._texts[common] >= MOST_TEXTS and failure.text is not None:
            masked = OTHER_TEXTS
            key = key._replace(template=masked.template)
            if (others := self._groups.get(_same(key, path))) is not None:
                return others
        if len(self._groups) >= MOST_GROUPS:
            return None
        self._texts[common] += 1
        group = self._groups[_same(key, path)] = Group(key, masked, path)
        return group


def _same(key: Key, path: tuple[str, ...]) -> tuple[Key, tuple[str, ...]]:
    """What is the same for those that are in one group: to a filter, upper and lower case of a text are, too."""
    return key._replace(template=key.template.casefold()), path


def failure_of(exchange: Exchange, redact: Redact | None = None) -> Failure | None:
    """How the exchange failed; None where it did not, or where nobody knows."""
    kind, state = exchange.kind, exchange.state
    where = exchange.target or ""
    if kind is Kind.UNREADABLE:
        return Failure(where, None, "unreadable", None, _why_unreadable(exchange.opened.data))
    if state is State.TIMEOUT:
        late = exchange.has(Flag.LATE)
        return Failure(where, exchange.action, "timeout", None, TOO_LATE if late else NO_ANSWER)
    answer = exchange.answer
    if answer is None or not answer.error:
        return None
    # The channel of an answer whose request was not seen is that of its asker; it may say itself who answered.
    service = where if kind is Kind.REQUEST else exchange.source or where
    code = exchange.aside.code if kind is Kind.REQUEST or answer.whole else wire.error_code(answer.data)
    payload = _payload(answer, redact)
    kind_of_error = payload.get("type") if isinstance(payload, dict) else None
    text, path = _text_in(payload)
    return Failure(
        service, exchange.action, code, kind_of_error if isinstance(kind_of_error, str) else None, text, path
    )


def _payload(message: Message, redact: Redact | None) -> Any:
    try:
        return payloads.plain_payload_of(message.data, redact, whole=message.whole)
    except wire.Unreadable:
        return None


def _why_unreadable(data: bytes) -> str:
    try:
        wire.read(data)
    except wire.Unreadable as error:
        text = str(error)
        # The 8 of UTF-8 would be masked.
        return "bytes that are no text" if text.startswith("not UTF-8") else text
    return "no JSON object"


def _text_in(payload: Any) -> tuple[str | None, tuple[str, ...]]:
    """The text of the error that an answer carries, and where in its payload it stands."""
    if not isinstance(payload, dict):
        return None, ()
    for name in _TEXTS:
        value = payload.get(name)
        if isinstance(value, str):
            return value, (name,)
        if isinstance(value, dict):
            inner = next((one for one in _TEXTS if isinstance(value.get(one), str)), None)
            if inner is not None:
                return value[inner], (name, inner)
    for name in _TEXTS:
        value = payload.get(name)
        # To a filter, a number is the same as its digits as a text.
        if isinstance(value, int | float) and not isinstance(value, bool):
            return jsontext.dumps(value), (name,)
    return None, ()
