"""answered-twice: one request, more than one final answer."""

from __future__ import annotations

from collections import deque
from itertools import chain

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, numbers, shown, to
from daebus_console.engine.message.envelope import Unreadable, error_code, read
from daebus_console.engine.message.exchange import Exchange, Kind, Message

_MOST = 1_000
_LATEST = 50
_PAIRS = 2
"""One request that got two answers, and one that got none, may be chance."""


class _ByOne:
    """What one program answered twice, or nobody knows how many: of the latest that belong to no request without an
    answer the number of the exchange, and when its second answer came.

    `pairs` are how many belonged to one, `alone` how many requests without an answer belonged to none.
    """

    __slots__ = ("alone", "latest", "pairs")

    def __init__(self) -> None:
        self.latest: deque[tuple[int, float]] = deque(maxlen=_LATEST)
        self.pairs = self.alone = 0

    def pair(self, missing: Exchange) -> int | None:
        """The number of one that got two answers while that was under way, one of which was to be for that; if it is
        so of all that got two, and of most that got none."""
        found = next((one for one in self.latest if missing.opened.at < one[1] <= missing.until), None)
        if found is None:
            self.alone += 1
            return None
        self.latest.remove(found)
        self.pairs += 1
        if self.pairs < _PAIRS or self.alone >= self.pairs or any(at <= missing.opened.at for _, at in self.latest):
            return None
        return found[0]


class Found(Rule):
    """The second final answer tells."""

    name = "answered-twice"
    severity = Severity.WARNING
    title = "answered more than once"
    page = """\
A request got more than one final answer: its work was done more than once, and the caller knows of the first
alone. Most often a service runs in several instances, and each of them handles every request, for that is what
subscribers of a channel get.

It is thought so because two answers with the id of the request came on its reply channel; copies of them on other
channels do not count.

Let the instances share the work: `app.run(shared=True)` has exactly one of them handle each request. Where they do
already, one was paused, or held as a whole, for longer than the timeout of the request and 5 s more: so long it is
known that another one has taken it. Programs of an older release share no work: bring all to one version. Where one
instance answers twice, its handler sends two final answers: all but the last want `final=False`.

Where another request of the same asker to the same action was under way just then, and never got an answer, the second
answer bore the wrong id: where that was so twice, and each time. A program that does not keep requests apart mixes
their ids up."""

    def begin(self) -> None:
        self._by_one: dict[tuple[str | None, str | None, str | None], _ByOne] = {}
        self._mixed: dict[tuple[str, str], None] = {}
        """What was told to mix up ids."""

    def extra(self, exchange: Exchange, message: Message) -> None:
        """Another answer: of another instance, or of the same?"""
        known, asked_on = chain((exchange.answer,), exchange.aside.extra or ()), exchange.reply_to
        reached = (one for one in known if one is not None and one.final and asked_on in (None, one.channel))
        first = next(reached, None)
        if exchange.kind is not Kind.REQUEST or first is None or next(reached, None) is not message:
            return
        lacking = [found.error and _lacks(found) for found in (first, message)]
        one, other = (_instance(found) for found in (first, message))
        if any(lacking) and [who for who, lacks in zip((one, other), lacking, strict=True) if not lacks] != [None]:
            # Where all tell who they are it is another fault, which has a rule of its own.
            return
        service, action = exchange.target or "", exchange.action or ""
        if one == other and (one is not None or not self._are_several(service)):
            by_one = self._by_one.get(_asked(exchange)) or _ByOne()
            by_one.latest.append((exchange.number, message.at))
            remember(self._by_one, _asked(exchange), by_one, _MOST)
            if (service, action) in self._mixed:
                return
        text, advice = _told_of_both(exchange) or self._told(exchange, message, one, other, lacking=any(lacking))
        self.book.report(
            self.name,
            self.severity,
            message.at,
            [exchange.number],
            service=service,
            action=action,
            text=text,
            about="no such action" if any(lacking) else "",
            because="two final answers with the id of the request came",
            advice=advice,
            where=f"{to(service, action)} is:duplicate",
        )

    def _told(
        self, exchange: Exchange, message: Message, one: str | None, other: str | None, *, lacking: bool
    ) -> tuple[str, str]:
        """What is wrong, and what to do, by who gave the first answer and the second; one of them lacks the action."""
        service = exchange.target or ""
        name = call(service, exchange.action or "")
        instances = len(self.world.instances.here(service))
        sharing = {each.name for each in self.world.instances.of(service) if each.shared}
        if lacking:
            text = f"{name} is handled by one of those who answer, and another answers that it has no such action"
            advice = (
                f"bring all that run as {shown(service)} to one version; where others share its channel on purpose,"
                ' run it with unknown_action="ignore"'
            )
        elif other is not None and one == other:
            text, advice = f"one instance answered {name} twice", "send one final answer: the others with final=False"
        elif other is not None and {one, other} <= sharing:
            text = f"{name} is handled more than once, though its instances share the work"
            advice = (
                f"see whether {shown(other, text=True)} was paused, or held as a whole: it answered"
                f" {duration(message.at - exchange.opened.at)} after it was asked"
            )
        elif {one, other} <= {None, *sharing} and sharing & {one, other}:
            text = (
                f"{name} is handled more than once: by one of the instances that share the work, and by another program"
            )
            advice = "stop the other, or bring it to this version: it does not say who it is, and shares no work"
        elif other is None and instances < 2 and not self._are_several(service):
            text = f"a request to {name} got two final answers"
            advice = "see whether one program serves it: send one final answer, with the id of that request"
        else:
            among = f"{instances} instances" if instances > 1 else "several programs"
            text = f"{name} is handled more than once: {among} answer the same request"
            advice = "let the instances share the work with app.run(shared=True), or run one"
        return text, advice

    def expired(self, exchange: Exchange) -> None:
        """It got no answer: did another one get it?"""
        if exchange.answer is not None or exchange.kind is not Kind.REQUEST:
            return
        by_one = self._by_one.get(_asked(exchange))
        twice = by_one.pair(exchange) if by_one is not None else None
        if twice is None:
            return
        service, action = exchange.target or "", exchange.action or ""
        remember(self._mixed, (service, action), None, _MOST)
        self.book.report(
            self.name,
            self.severity,
            exchange.until,
            [twice, exchange.number],
            service=service,
            action=action,
            text=f"{call(service, action)} answers with the id of another request: #{twice} got two answers,"
            f" and #{exchange.number} none",
            because="the same program asked both, and they were under way when the second answer came; so it was with"
            " each that got two",
            advice=f"see where {shown(service)} keeps the id of a request while it handles others",
            where=numbers([twice, exchange.number]),
        )

    def lost(self) -> None:
        """An answer may be among what was not seen."""
        self._by_one.clear()

    def _are_several(self, service: str) -> bool:
        """Whether Redis lists several who get what is sent to that service."""
        directory = self.world.directory
        entry = directory.services.get(service)
        return entry is not None and entry.takers > 1


def _asked(exchange: Exchange) -> tuple[str | None, str | None, str | None]:
    """By whom it is answered, what was asked, and where the answer goes."""
    return exchange.target, exchange.action, exchange.reply_to


def _told_of_both(exchange: Exchange) -> tuple[str, str] | None:
    """What is wrong, and what to do, where it is another one passed on: it went to two, and both answered."""
    if exchange.aside.passes_on is None:
        return None
    first, name = exchange.aside.passes_on.target or "", call(exchange.target, exchange.action or "")
    text = f"a request to {name} had been sent to {shown(first)} under the same id, and two final answers came"
    return text, "give each request an id of its own; or let one of them answer"


def _lacks(answer: Message) -> bool:
    return error_code(answer.data) == "unknown_action"


def _instance(answer: Message | None) -> str | None:
    """Who says to have answered."""
    try:
        return None if answer is None else read(answer.data).instance
    except Unreadable:
        return None
