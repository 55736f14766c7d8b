"""Failures in groups: by service, action, error and its text, with numbers, ids and quoted parts masked. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from daebus_console.engine import payloads
from daebus_console.engine.filter import writing
from daebus_console.engine.insight.masking import Masked, mask
from daebus_console.engine.insight.spread import Spread
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State

MOST_GROUPS = 1_000
MOST_TEXTS = 50
"""Different texts of one error of one action that are told apart; hostile or careless texts have no end."""
_NEWEST = 5
_MOST_NAMES = 50
_MOST_PATTERNS = 4
_LONGEST_EXAMPLE = 300

_TEXTS = ("error", "err", "message", "detail", "reason", "title")
"""Where the text of an error stands in its payload: here, or under one of these in an object that stands here."""

NO_ANSWER, TOO_LATE = "no answer in time", "answered too late"

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


class Key(NamedTuple):
    """What the members of a group have in common. `state` and `kind` are those of their exchanges."""

    kind: Kind
    state: State
    target: str
    service: str
    action: str | None
    code: str | None
    type: str | None
    template: str


class Group:
    """Failures that have a Key in common. `first` and `last` are epoch seconds, `numbers` the newest of them.

    `patterns` are the texts between what is masked, of which each of theirs has some.
    """

    __slots__ = (
        "callers",
        "count",
        "example",
        "first",
        "instances",
        "key",
        "last",
        "numbers",
        "path",
        "patterns",
        "spread",
    )

    def __init__(self, key: Key, masked: Masked, path: tuple[str, ...]) -> None:
        self.key, self.path = key, path
        self.patterns = {masked.pieces: None}
        self.count = 0
        self.first = self.last = 0.0
        self.example = ""
        self.callers: Counter[str] = Counter()
        self.instances: Counter[str] = Counter()
        self.numbers: deque[int] = deque(maxlen=_NEWEST)
        self.spread = Spread()

    def also(self, masked: Masked) -> None:
        """One of them has that text: it may quote otherwise."""
        patterns = self.patterns
        if masked.pieces not in patterns and masked.loose not in patterns:
            patterns[masked.pieces] = None
            if len(patterns) > _MOST_PATTERNS:
                self.patterns = {masked.loose: None}

    def add(self, exchange: Exchange, text: str | None) -> None:
        """Take one more."""
        at = exchange.opened.at
        self.first = min(self.first, at) if self.count else at
        self.last = max(self.last, at) if self.count else at
        self.count += 1
        self.spread.add(at)
        self.numbers.append(exchange.number)
        self.example = (text or "")[:_LONGEST_EXAMPLE]
        for names, name in ((self.callers, exchange.source), (self.instances, exchange.instance)):
            if name is not None and (name in names or len(names) < _MOST_NAMES):
                names[name] += 1

    @property
    def filter(self) -> str:
        """A filter that all of them pass, and hardly anything else."""
        key = self.key
        terms = [f"status:{key.state.value}", f"to:{writing.literal(key.target)}"]
        if key.kind is not Kind.REQUEST:
            terms.insert(0, f"kind:{key.kind.value}")
        else:
            terms.append(f"action:{writing.literal(key.action or '')}")
        if key.code is not None and key.kind is Kind.REQUEST and key.state is State.ERROR:
            terms.append(f"code:{writing.literal(key.code)}")
        if key.state is State.TIMEOUT:
            terms.append("is:late" if key.template == TOO_LATE else "-is:late")
        if key.type is not None:
            terms.append(f"payload.type:{writing.quoted([key.type])}")
        if self.path:
            patterns = sorted(map(writing.quoted, self.patterns))
            terms.append(f"{writing.field(self.path)}:{','.join(patterns)}")
        return " ".join(terms)


class Groups:
    """Groups made of the failures among the exchanges that are added.

    `looked` counts all that were added, `failed` those that failed, `left_out` those that got no group of their own,
    `start` and `end` are the times of the first and last. `redact` is what may be shown of a message's bytes. Gaps and
    what was only told of are passed over, and what is on control channels without `control`.
    """

    def __init__(self, redact: Redact | None = None, *, control: bool = False) -> None:
        self._redact = redact
        self._control = control
        self._groups: dict[Key, Group] = {}
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
        group = self._group(exchange, failure)
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

    def _group(self, exchange: Exchange, failure: Failure) -> Group | None:
        masked = NO_TEXT if failure.text is None else mask(failure.text)
        key = Key(exchange.kind, exchange.state, exchange.target or "", *failure[:4], masked.template)
        group = self._groups.get(key)
        if group is not None:
            group.also(masked)
            return group
        # What all texts of this error have in common.
        common = key._replace(template="")
        if self._texts[common] >= MOST_TEXTS and failure.text is not None:
            masked = OTHER_TEXTS
            key = key._replace(template=masked.template)
            if key in self._groups:
                return self._groups[key]
        if len(self._groups) >= MOST_GROUPS:
            return None
        self._texts[common] += 1
        group = self._groups[key] = Group(key, masked, failure.path if failure.text is not None else ())
        return group


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
    return None, ()
