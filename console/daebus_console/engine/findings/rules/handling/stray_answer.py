"""stray-answer: answers that do not reach who asked: on another channel than the request names, or with another id."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, quoted, shown
from daebus_console.engine.message.exchange import DAEBUS, Exchange, Kind, Message

_BEFORE = 30.0
"""Seconds for which answers come to what was asked before anybody looked."""
_LEAST = 2
"""One request without an answer, and one answer without a request, may be chance."""
_MOST = 500
_LATEST = 50
_LOOKED_AT = 200


class _Stray:
    """Answers to nothing that was asked, on one channel, and which of them, by their seq, belong to a request."""

    __slots__ = ("latest", "used")

    def __init__(self) -> None:
        self.latest: deque[Exchange] = deque(maxlen=_LATEST)
        self.used: dict[int, None] = {}

    def unused(self) -> list[tuple[Message, Exchange]]:
        """Those that belong to none, with the exchange of each: of the latest only, the oldest first."""
        found: list[tuple[Message, Exchange]] = []
        for one in reversed(self.latest):
            found += [(each, one) for each in reversed(one.messages) if each.final and each.seq not in self.used]
            if len(found) >= _LOOKED_AT:
                break
        return found[_LOOKED_AT - 1 :: -1]

    def pair(self, missing: Exchange) -> Exchange | None:
        """One that came while that request was under way."""
        for message, one in self.unused():
            meanwhile = missing.opened.seq < message.seq and message.at <= missing.until
            if meanwhile and one.source in (None, missing.target):
                remember(self.used, message.seq, None, _MOST)
                return one
        return None

    def older(self, request: Message) -> int:
        """How many came before that, and belong to none."""
        return sum(message.seq < request.seq for message, _ in self.unused())


class Found(Rule):
    """Joins requests that got no answer with answers that nobody waits for."""

    name = "stray-answer"
    severity = Severity.ERROR
    title = "answers that do not reach who asked"
    page = """\
A service answers, and who asked never learns of it: the answers go to another channel than the requests name in their
`reply_to`; or they come there with another id than that of the request, or without one. Who asked waits in vain.

It is thought so because the id of the request came on another channel, and until its time was over nothing on the one
that it names; or because twice or more in a row a request got no answer, and while it waited one came on its reply
channel that belongs to nothing which was asked. Where more of those came at other times, nothing is said; nor of those
that come in the first half minute, and in that after a gap, which may be for what was asked before. Where the
`reply_to` is a pattern, or a name begins with it, that channel is a right one.

Publish the answer on the `reply_to` of the request, with its `request_id` as it is. Services of this framework do
so."""

    def begin(self) -> None:
        self._elsewhere: dict[int, Exchange] = {}
        """What was answered on another channel, and perhaps is on its own until its time is over."""
        self._stray: dict[str, _Stray] = {}
        self._pairs: dict[tuple[str, str], list[int]] = {}
        """The first requests of an action that belong to such an answer, and the numbers of those."""
        self._told: dict[tuple[str, str], None] = {}
        self._since: float | None = None
        """Since when nothing is missing."""

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Did it come on the channel that the request names?"""
        as_asked = False
        for one in exchanges:
            answer = one.answer
            if answer is None or one.reply_to in (None, answer.channel) or one.dialect != DAEBUS:
                as_asked = True
            elif not one.may_reach(answer) and self.world.answerable(one) and len(self._elsewhere) < _MOST:
                self._elsewhere[one.number] = one
        if as_asked:
            self._pairs.pop((service, action), None)

    def stray(self, exchange: Exchange) -> None:
        """Somebody may wait for it on that channel."""
        channel = exchange.opened.channel
        if self._since is None or exchange.opened.at < self._since + _BEFORE:
            return
        found = self._stray.get(channel)
        if found is None:
            found = _Stray()
            remember(self._stray, channel, found, _MOST)
        found.latest.append(exchange)

    def expired(self, exchange: Exchange) -> None:
        """It got no answer: did one come by another id?"""
        strays = self._stray.get(exchange.reply_to or "")
        if strays is None or exchange.kind is not Kind.REQUEST or exchange.answer is not None:
            return
        if exchange.dialect != DAEBUS:
            return
        other = strays.pair(exchange)
        if other is None:
            return
        key = exchange.target or "", exchange.action or ""
        pairs = self._pairs.get(key, [])
        pairs += [exchange.number, other.number]
        remember(self._pairs, key, pairs[-2 * _LATEST :], _MOST)
        if len(pairs) // 2 >= max(_LEAST, strays.older(exchange.opened) + 1):
            self._tell_of_ids(exchange, other, [] if key in self._told else pairs)

    def look(self) -> None:
        """Has the answer itself come meanwhile?"""
        if self._since is None:
            self._since = self.world.now
        for one in [one for one in self._elsewhere.values() if one.until <= self.world.now]:
            del self._elsewhere[one.number]
            if not any(map(one.may_reach, one.messages[1:])):
                self._tell_of_channel(one)

    def lost(self) -> None:
        """An answer, or a request, may be among what was not seen."""
        self._since = None
        self._elsewhere.clear()
        self._stray.clear()
        self._pairs.clear()

    def _tell_of_channel(self, one: Exchange) -> None:
        channel = one.answer.channel if one.answer is not None else ""
        self._tell(
            one,
            one.ended,
            [one.number],
            "another channel",
            f"{call(one.target, one.action)} answers on {quoted(channel)}, and who asked waits on"
            f" {quoted(one.reply_to or '')}: no answer reaches him",
            f"#{one.number} names the channel for its answer, and what has its id came on another one alone",
            f"let {shown(one.target or '')} publish the answer on the reply_to of the request",
        )

    def _tell_of_ids(self, exchange: Exchange, other: Exchange, pairs: list[int]) -> None:
        remember(self._told, (exchange.target or "", exchange.action or ""), None, _MOST)
        id_ = other.request_id
        how = "without an id" if id_ in (None, other.opened.channel) else f"with the id {quoted(id_ or '')}"
        self._tell(
            exchange,
            exchange.until,
            pairs or [exchange.number, other.number],
            "another id",
            f"{call(exchange.target, exchange.action)} answers with other ids than it was asked with, or none:"
            f" #{exchange.number} got no answer, and #{other.number} came on its reply channel {how}",
            f"while #{exchange.number} waited, that came where its answer was to come, and belongs to nothing that was"
            " asked; so it was with others",
            f"let {shown(exchange.target or '')} put the request_id of the request into its answer, as it is",
            max(1, len(pairs) // 2),
        )

    def _tell(
        self,
        one: Exchange,
        at: float,
        evidence: Sequence[int],
        about: str,
        text: str,
        because: str,
        advice: str,
        count: int = 1,
    ) -> None:
        self.book.report(
            self.name,
            self.severity,
            at,
            evidence,
            service=one.target or "",
            action=one.action or "",
            about=about,
            text=text,
            because=because,
            advice=advice,
            count=count,
        )
