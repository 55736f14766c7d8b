"""asked-again: the same request again, right after it failed or timed out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import raw
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, to
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State

_MOST = 1_000
_MOST_OF_ONE = 16
_AFTER_ERROR = 0.2
_AFTER_TIMEOUT = 1.0
_BEFORE_TIMEOUT = 0.05
"""An asker has begun to wait before its request is seen here: it gives up that much earlier at the most."""
_PAUSE = 0.04
"""Seconds after which an attempt that says of which it is one is meant: a `Retry` waits longer each time, and gives
up after some."""
_POLL = 1.0
"""Seconds after which an error that the handler itself gave may be how a long poll says that there is nothing yet."""
_OLDEST = 2.0
"""Seconds after which no failure is told any more that came before what was asked then."""
_REMEMBERED = 60.0
"""Seconds for which a late answer belongs to what was asked again."""

_RETRIES = b'"retry_of"'
_REQUEST = Kind.REQUEST
_BOTH = Flag.LATE | Flag.DECLARED

_Key = tuple[str | None, str | None, int]
"""What equal requests have in common: who asks, what for, and a hash of the payload."""


class _Chain:
    """Equal requests, each sent right after the one before it had failed.

    `numbers` are those of the latest ones, `count` is how many there are, and `done` of how many the work was done
    after their time. `ended` is when the last one failed, None where it has not; `timed_out` tells how the one before
    it failed, `pause` how long after that it was sent.
    """

    __slots__ = (
        "count", "done", "ended", "first", "first_done", "key", "latest", "numbers", "pause", "timed_out", "told"
    )  # fmt: skip

    def __init__(self, key: _Key, first: Exchange) -> None:
        self.key = key
        self.first = first.number
        self.latest = first
        self.numbers = deque([first.number], _MOST_OF_ONE)
        self.count = 1
        self.done = 0
        self.first_done = False
        self.ended: float | None = None
        self.timed_out = False
        self.pause = 0.0
        self.told = 0
        """How many of them were reported."""

    def outlived(self, since: float) -> bool:
        """Whether nothing has happened to it since then."""
        latest = self.latest
        return latest.state is not State.PENDING and max(latest.opened.at, self.ended or 0.0) < since

    def leads_to(self, exchange: Exchange) -> bool:
        """Whether an equal request was sent right after the last of these had failed."""
        before = self.latest
        if self.ended is None or exchange.number <= before.number:
            return False
        pause = exchange.opened.at - self.ended
        if pause >= _PAUSE and _RETRIES in exchange.opened.data:
            return False
        if before.state is State.TIMEOUT:
            return -min(_BEFORE_TIMEOUT, (self.ended - before.opened.at) / 5) <= pause <= _AFTER_TIMEOUT
        return 0 <= pause <= _AFTER_ERROR

    def add(self, exchange: Exchange, others: _Chain | None) -> None:
        """It follows, or `others`, of which it is the first."""
        assert self.ended is not None
        self.timed_out, self.pause = self.latest.state is State.TIMEOUT, exchange.opened.at - self.ended
        if others is None:
            self.latest, self.ended = exchange, None
            self.numbers.append(exchange.number)
            self.count += 1
            return
        self.latest, self.ended = others.latest, others.ended
        self.numbers.extend(others.numbers)
        self.count += others.count
        self.done += others.done
        self.told += others.told
        if others.count > 1:
            self.timed_out, self.pause = others.timed_out, others.pause


class _Asked:
    """What was asked of one action lately: `new` is not looked into yet, `lone` follows nothing that failed."""

    __slots__ = ("chains", "lone", "new")

    def __init__(self) -> None:
        self.new: list[Exchange] = []
        self.lone: dict[_Key, list[Exchange]] = {}
        """Each list by its oldest, nearly: what comes out of order is forgotten with what stands before it."""
        self.chains: list[_Chain] = []

    def forget(self, since: float) -> None:
        """Let go of what was asked before; looks at no more than that."""
        del self.new[: _older(self.new, since)]
        lone, before = self.lone, list[_Key]()
        for key, found in lone.items():
            if found[0].opened.at >= since:
                break
            before.append(key)
        for key in before:
            found = lone.pop(key)
            if len(found) > 1 and (rest := found[_older(found, since) :]):
                lone[key] = rest


class Found(Rule):
    """Remembers what failed lately, and knows it again by its payload.

    What was asked and what failed come in no certain order: of a whole second, what was asked may be told first.
    """

    name = "asked-again"
    severity = Severity.WARNING
    of_harm = True
    title = "the same request again within seconds"
    page = """\
The same program sends the same request again as soon as it fails: three times or more, within a fifth of a second
after each error or a second after each timeout. A service that is down or slow gets more to do for it, not
less. Twice is enough where the first one timed out and its work was done after all: then it was done twice.

It is thought so because asker, action, payload and the request it was made for are the same. Attempts of a `Retry` of
this framework are meant, where they are 40 ms apart or more. An error without a code, which the handler gave itself
after a second or more, is taken for a long poll's way to say that there is nothing yet.

Wait longer between two attempts (and each time longer than before), give up after some, and let actions that
change something bear to be done twice, as with an id of the order that is remembered."""

    def begin(self) -> None:
        self._of: dict[tuple[str, str], _Asked] = {}

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Is it one of those that failed? Where none has, it may turn out later."""
        of = self._asked_of(service, action)
        of.new += exchanges
        if of.chains:
            for chain in self._look_into(of):
                self._report(chain)

    def failed(self, exchange: Exchange) -> None:
        """An error, or an answer that came after the time its asker had named."""
        answer = exchange.answer
        if answer is None:
            return
        if exchange.state is State.ERROR:
            if exchange.aside.code or answer.at - exchange.opened.at < _POLL:
                self._end(exchange, answer.at)
        elif exchange.state is State.TIMEOUT and exchange.flags & _BOTH == _BOTH:
            self._end(exchange, exchange.until, done=not answer.error)

    def expired(self, exchange: Exchange) -> None:
        """A timeout that the asker had named."""
        service = self.world.directory.services.get(exchange.target or "")
        # Where nobody serves it, who asks is told so at once, and has not waited until now.
        if exchange.flags & Flag.DECLARED and (service is None or service.subscribers or self.world.polled is None):
            self._end(exchange, exchange.until)

    def look(self) -> None:
        """Forget what nothing can be found about any more."""
        since = self.world.now - _OLDEST
        for key, of in list(self._of.items()):
            of.forget(since)
            if of.chains:
                of.chains = [chain for chain in of.chains if not chain.outlived(self.world.now - _REMEMBERED)]
            if not of.new and not of.lone and not of.chains:
                del self._of[key]

    def lost(self) -> None:
        """What comes next may not be what came next."""
        self._of.clear()

    def _asked_of(self, service: str, action: str) -> _Asked:
        of = self._of.get((service, action))
        if of is None:
            of = _Asked()
            remember(self._of, (service, action), of, _MOST)
        return of

    def _look_into(self, of: _Asked) -> list[_Chain]:
        """What is new follows something that failed, or stands alone; returns the chains that have become longer."""
        longer: list[_Chain] = []
        failed = {chain.key for chain in of.chains}
        for one in of.new:
            key = _key_of(one)
            if key is None:
                continue
            chain = None
            if key in failed:
                chain = next((chain for chain in of.chains if chain.key == key and chain.leads_to(one)), None)
            if chain is None:
                of.lone.setdefault(key, []).append(one)
            else:
                chain.add(one, None)
                longer.append(chain)
        of.new = []
        return longer

    def _end(self, exchange: Exchange, at: float, *, done: bool = False) -> None:
        """It failed at that time; `done` tells that its work was done all the same."""
        of = self._asked_of(exchange.target or "", exchange.action or "")
        longer = self._look_into(of)
        chain = next((chain for chain in of.chains if exchange.number in chain.numbers), None)
        if chain is None:
            key = _key_of(exchange)
            if key is None:
                return
            chain = _Chain(key, exchange)
            of.chains.append(chain)
            del of.chains[:-_MOST_OF_ONE]
        if done:
            chain.done += 1
            chain.first_done |= exchange.number == chain.first
        if chain.latest is exchange:
            chain.ended = at
            if self._follow(of, chain) or done:
                longer.append(chain)
        elif done:
            longer.append(chain)
        for one in longer:
            self._report(one)

    def _follow(self, of: _Asked, chain: _Chain) -> bool:
        """The one that was sent next was perhaps seen before it was known that the last had failed."""
        lone = of.lone.get(chain.key, [])
        found = next((one for one in lone if chain.leads_to(one)), None)
        if found is None:
            return False
        lone.remove(found)
        if not lone:
            del of.lone[chain.key]
        others = next((one for one in of.chains if one.first == found.number), None)
        if others is not None:
            of.chains.remove(others)
        chain.add(found, others)
        return True

    def _report(self, chain: _Chain) -> None:
        """Tell what of it is to be told: from the third on, or from the second where the work of the first was done."""
        told = max(chain.told, chain.count - (1 if chain.first_done else 2))
        # Where nothing is new, how many were done may be.
        if not told:
            return
        new, chain.told = told - chain.told, told
        exchange, pause = chain.latest, chain.pause
        name = call(exchange.target, exchange.action)
        times = f"{chain.count} times" if chain.count > 2 else "twice"
        self.book.report(
            self.name,
            self.severity,
            exchange.opened.at,
            list(chain.numbers)[-5:],
            service=exchange.target or "",
            action=exchange.action or "",
            text=f"the same request to {name} was sent {times} in a row, {duration(max(pause, 0.001))} after it"
            f"{' timed out' if chain.timed_out else ' failed'}{_done(chain)}",
            because="asker, action and payload are the same, and the one before had just failed",
            advice="wait between two attempts, each time longer, and give up after some",
            where=to(exchange.target or "", exchange.action or ""),
            count=new,
        )


def _done(chain: _Chain) -> str:
    if not chain.done:
        return ""
    if chain.count == 2 and chain.done == 1:
        return "; the work of the first was done"
    return f"; {chain.done} of them were done after their time"


def _key_of(exchange: Exchange) -> _Key | None:
    payload = raw(exchange.opened.data) if exchange.kind is _REQUEST else None
    return None if payload is None else (exchange.source, exchange.parent_id, hash(payload))


def _older(exchanges: Sequence[Exchange], since: float) -> int:
    """How many of them, from the first on, were opened before."""
    return next((at for at, one in enumerate(exchanges) if one.opened.at >= since), len(exchanges))
