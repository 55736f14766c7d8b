"""Which answer belongs to which request. Pure: no I/O, and the only clock is the time that comes with the frames.

Rules of this module:
 1. An answer belongs to the newest request with its request_id that is answered on its channel; failing that, to the
    newest with its request_id.
 2. A request is PENDING until a final answer comes, its time runs out, or a gap makes its fate UNKNOWN; so does the end
    of its time where an answer would not have been seen. An answer that comes later still settles it; it stays a
    TIMEOUT where the asker itself had named the time, for the asker has gone.
 3. The first final answer is the answer, also of what its request passes on. Whatever follows is kept with the
    exchange, flagged where it is the second that reaches who asked, and changes nothing.
 4. An answer to nothing we saw opens an exchange of its own, an ORPHAN, which later answers of that id join.
 5. Plain requests and plain answers are dealt with where they are met, and may not be treated otherwise than the Sorter
    would.
 6. What is ours by a request_id or a reply channel is ours. All else is offered to the other dialects (guests.py), and
    where none of them is certain it is a one-way message of ours if it has an action, else a broadcast.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from daebus_console.engine.message.envelope import CONTROL_PREFIX, PROBE, REFUSALS, SENTINELS, read_fast
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State
from daebus_console.engine.message.frame import CAUSE, Gap
from daebus_console.engine.message.names import Names
from daebus_console.engine.message.nesting import DEEPEST, is_too_deep
from daebus_console.engine.pairing.clock import Step
from daebus_console.engine.pairing.guests import Teller
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.pairing.settling import DEFAULT_TIMEOUT
from daebus_console.engine.pairing.sorter import REFUSED, Sorter
from daebus_console.engine.pairing.taken import Taken, nothing

# Members of an enum are slow to look up, and these are wanted for every message.
_REQUEST, _RESPONSE = Kind.REQUEST, Kind.RESPONSE
_PENDING, _OK = State.PENDING, State.OK
_DECLARED, _DEBUGGED = Flag.DECLARED, Flag.DEBUGGED

_MOST_LOSSES = 1_000

Arrived = tuple[float, Iterable[tuple[str, bytes]]]
"""When they arrived, and frames: (channel, data) in the order of arrival."""


class Correlator(Sorter):
    """Turns frames into messages and exchanges, and keeps them in the journal."""

    def __init__(self, journal: Journal, timeout: float = DEFAULT_TIMEOUT) -> None:
        super().__init__(journal, timeout)
        self.probes = 0
        """How many heartbeats of services, callers and sentinels came by, which are no messages."""
        self.on_unknown: Callable[[list[Exchange]], None] = lambda _requests: None
        """Told of those of which nobody knows what becomes of them, by a gap."""
        self._open_gap: Exchange | None = None
        self.losses: deque[Exchange] = deque(maxlen=_MOST_LOSSES)
        """The gaps so far, the newest last."""

    # What comes in ---------------------------------------------------------------------------------------------

    def feed(self, at: float, channel: str, data: bytes) -> tuple[Message, Exchange]:
        """Take one frame; returns it as a message, and the exchange it opened or joined."""
        pairs: list[tuple[Message, Exchange]] = []
        self.take(at, ((channel, data),), lambda message, exchange: pairs.append((message, exchange)))
        return pairs[0]

    def take(self, at: float, frames: Iterable[tuple[str, bytes]], tell: Teller | None = None) -> Taken:
        """Take frames (channel, data) that arrived together at `at`; `tell` is told each message with its exchange."""
        return self.take_all(((at, frames),), tell)

    def take_all(self, batches: Iterable[Arrived], tell: Teller | None = None) -> Taken:
        """The same for several such batches (at, frames) at once."""
        taken = nothing()
        journal = self.journal
        first = journal.next_seq
        self._there.clear()
        self._claimed = self.claims if self.claims else None
        size = self._work_through(batches, taken, tell)
        for requests in taken.requests.values():
            self.pending += len(requests)
            # At a high rate most are answered in the batch that brings them: their time cannot run out any more.
            waiting = [exchange for exchange in requests if exchange.state is _PENDING]
            if waiting:
                self._deadlines.add_all(waiting)
        for answered in taken.answers.values():
            self.pending -= len(answered)
        for requests in taken.guests.requests.values():
            waiting = [exchange for exchange in requests if exchange.state is _PENDING]
            if waiting:
                self._deadlines.add_all(waiting)
        journal.grown(journal.next_seq - first, size)
        return taken

    def _work_through(self, batches: Iterable[Arrived], taken: Taken, tell: Teller | None) -> int:
        """Put all frames into the journal, which is told later how much came; returns how many bytes.

        All that is wanted for each message is a local name here, structs are made complete at once (to set a field
        later costs as much as half of making one), and the plain request and the plain answer need no call of ours.
        """
        journal, by_id, names = self.journal, self._by_id, self._names
        keep_message, keep_exchange = journal.messages.append, journal.exchanges.append
        claims = self.claims if self.claims else None
        asked, answers, beside = _Asked(self.listened, names), taken.answers, self._beside
        # What the last request that named its time waits, since when, and when that is over: one number for all that
        # wait until then, for a hundred thousand numbers take three megabytes.
        waited: float | None = None
        since: float | None = None
        end: float | None = None
        ends: dict[float, float] = {}
        until: float | None
        ears, host, guests = self.recogniser.ears, self._host, taken.guests
        unheard, find, opened = ears.none, by_id.get, by_id.setdefault
        number, seq, size = journal.next_number, journal.next_seq - 1, 0
        for at, frames in batches:
            usual = at + self.timeout
            for channel, data in frames:
                length = len(data)
                seq += 1
                size += length
                if channel not in unheard and (ear := ears[channel]) is not None and channel not in by_id:
                    following = host(seq, at, channel, data, ear, number, guests, tell)
                    if following:
                        number = following
                        continue
                try:
                    envelope = read_fast(data) if length <= DEEPEST or not is_too_deep(data) else REFUSED
                except REFUSALS:
                    envelope = REFUSED
                key = envelope.request_id
                if key.__class__ is not str:
                    pass
                elif envelope.action:
                    wait = envelope.timeout
                    if wait is None:
                        until, flags = usual, 0
                    else:
                        if wait != waited or since is not at:
                            waited, since = wait, at
                            end = ends.setdefault(at + wait, at + wait) if wait > 0 else None
                        until, flags = end, _DECLARED
                    requests = asked[channel, envelope.action]
                    if until is not None and envelope.reply_to and requests is not None:
                        message = Message(seq, at, channel, data, _REQUEST, number)
                        source, reply_to = names[envelope.service], names[envelope.reply_to]
                        exchange = Exchange(
                            number, _REQUEST, _PENDING, message, source, channel, requests.action, key, reply_to, until,
                            flags,
                        )  # fmt: skip
                        if envelope.parent_id is not None:
                            exchange.parent_id = envelope.parent_id
                        if envelope.debug is not None:
                            exchange.flags |= _DEBUGGED
                        if opened(key, exchange) is exchange:
                            requests.append(exchange)
                            keep_message(message)
                            keep_exchange(exchange)
                            number += 1
                            if claims is not None and claims.take(key, channel, data):
                                exchange.flags |= Flag.OURS
                            if tell is not None:
                                tell(message, exchange)
                            continue
                else:
                    known = find(key)
                    if (
                        known is not None
                        and known.state is _PENDING
                        and envelope.status == "success"
                        and envelope.final is not False
                        and known.reply_to == channel
                        and known._aside is None
                        and envelope.debug is None
                        and at <= known.deadline
                    ):
                        known.state = _OK
                        message = known.answer = Message(seq, at, channel, data, _RESPONSE, known.number)
                        if envelope.elapsed is not None:
                            known.elapsed = envelope.elapsed
                        if envelope.instance is not None and known.instance is None:
                            known.instance = names[envelope.instance]
                        answers[known.target, known.action].append(known)
                        keep_message(message)
                        if tell is not None:
                            tell(message, known)
                        continue
                if key.__class__ is not str and (data.startswith(PROBE) or channel == SENTINELS):
                    # Heartbeats of whoever listens to himself, and of sentinels: no traffic of the program.
                    seq, size = seq - 1, size - length
                    self.probes += 1
                    continue
                journal.next_number = number
                message, exchange = self._sort(seq, at, channel, data, envelope, taken)
                if beside:
                    number = self._keep_several(message, exchange, tell)
                    continue
                keep_message(message)
                if exchange.opened is message:
                    keep_exchange(exchange)
                    number += 1
                    if claims is not None and claims.take(exchange.request_id, channel, data):
                        exchange.flags |= Flag.OURS
                if tell is not None:
                    tell(message, exchange)
        taken.requests.update((key, requests) for key, requests in asked.items() if requests)
        journal.next_seq, journal.next_number = seq + 1, number
        return size

    def advance(self, now: float) -> list[Exchange]:
        """Let time pass up to `now`; returns the requests whose time ran out."""
        expired = []
        for exchange in self._deadlines.due(now):
            if exchange.aside.until > now:
                self._deadlines.again(exchange, exchange.aside.until)
            elif self.journal.exchange(exchange.number) is exchange:
                self._run_out(exchange)
                self.journal.touch(exchange)
                expired.append(exchange)
        return expired

    def is_due(self, now: float) -> bool:
        """Whether time has run out for a request by `now`, which `advance` was not told yet."""
        return self._deadlines.any_due(now)

    def lose(self, at: float, reason: str, *, partly: bool = False) -> Exchange:
        """The connection is gone since `at`: everything pending becomes unknown, and the flow gets a gap.

        So it is where only a part is seen since then, with `partly`.
        """
        if self._open_gap is not None:
            return self._open_gap
        unknown = [one for one in self._deadlines if self.journal.exchange(one.number) is one]
        for pending in unknown:
            self._settle(pending, State.UNKNOWN)
            self.journal.touch(pending)
        self._deadlines.clear()
        self.on_unknown(unknown)
        message = Message(self.journal.next_seq, at, "", b"", Kind.GAP)
        exchange = self._alone(message, State.GAP)
        exchange.set_aside().gap = Gap(at, None, reason, partly)
        self._open_gap = exchange
        self.losses.append(exchange)
        self.journal.add(message, exchange)
        return exchange

    def explain(self, cause: str) -> None:
        """Add to the reason of the open gap what has become known of it since."""
        exchange = self._open_gap
        gap = exchange.aside.gap if exchange is not None else None
        if exchange is not None and gap is not None:
            exchange.set_aside().gap = gap._replace(reason=gap.reason + CAUSE + cause)
            self.journal.touch(exchange)

    def lost_since(self, at: float) -> bool:
        """Whether the connection was lost since then: others may have lost theirs, as when Redis was restarted."""
        gaps = (one.aside.gap for one in reversed(self.losses))
        return any(gap.lost and gap.start >= at for gap in gaps if gap is not None)

    @property
    def open_gap(self) -> Gap | None:
        """The gap that has not ended."""
        return None if self._open_gap is None else self._open_gap.aside.gap

    def step(self, step: Step) -> Exchange | None:
        """The clock stepped, or we stood still: what is pending has no time that is known, and the flow gets a gap.

        None where there is an open gap already: nothing comes in then, or only a part of it, and who knows of that
        ends it before.
        """
        if self._open_gap is not None:
            return None
        begin = step.before if step.slept else step.after - step.stood
        return self.step_over(step.before, Gap(begin, step.after, _reason(step), lost=False))

    def step_over(self, at: float, gap: Gap) -> Exchange:
        """The same, as that gap tells it: after `at` times are those of another clock."""
        for pending in self._deadlines:
            pending.flags |= Flag.TIMELESS
        exchange = self.lose(at, gap.reason)
        self._open_gap, self._stepped = None, exchange.opened.seq
        exchange.set_aside().gap = gap
        return exchange

    def resume(self, at: float) -> Exchange | None:
        """The connection is back since `at`: the open gap, if there is one, ends."""
        exchange, self._open_gap = self._open_gap, None
        if exchange is not None and exchange.aside.gap is not None:
            exchange.set_aside().gap = exchange.aside.gap._replace(end=max(at, exchange.aside.gap.start))
            self.journal.touch(exchange)
        return exchange

    def expect(self, request_id: str) -> None:
        """See Claims.expect."""
        self.claims.expect(request_id)

    def expect_data(self, channel: str, data: bytes) -> None:
        """See Claims.expect_data."""
        self.claims.expect_data(channel, data)

    def give_up(self, channel: str, data: bytes, request_id: str | None = None) -> None:
        """See Claims.give_up."""
        self.claims.give_up(request_id, channel, data)

    def find(self, request_id: str) -> Exchange | None:
        """The newest exchange with that request_id, while it is in the journal."""
        return self._by_id.get(request_id)


def _reason(step: Step) -> str:
    if step.slept:
        return "this machine slept"
    if step.stood and not step.seconds:
        return "this console stood still"
    seconds = abs(step.seconds)
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    far = f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
    return f"the clock of this machine was set {'forward' if step.seconds > 0 else 'back'} by {far}"


class _Requests(list[Exchange]):
    """The plain requests of a batch to one service for one action."""

    __slots__ = ("action",)

    def __init__(self, action: str | None) -> None:
        self.action = action


class _Asked(dict[tuple[str, str], _Requests | None]):
    """The plain requests of a batch, by channel and action; None where what has an action there is none."""

    __slots__ = ("_listened", "_names")

    def __init__(self, listened: set[str], names: Names) -> None:
        self._listened, self._names = listened, names

    def __missing__(self, key: tuple[str, str]) -> _Requests | None:
        channel, action = key
        served = channel not in self._listened and not channel.startswith(CONTROL_PREFIX)
        found = self[key] = _Requests(self._names[action]) if served else None
        return found
